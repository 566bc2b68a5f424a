//! Waiting for many sockets and plain descriptors at once.
//!
//! Asking libzmq for a socket's events costs a call of the system. But what a look has found stays true until somebody
//! uses the socket, or its descriptor becomes readable: what libzmq's own threads have to say comes that way only. So a
//! socket keeps what a poll has seen of it until somebody else takes its lock, and one call of the system says of all those
//! whose events are known which must be asked again.
//!
//! A poll that must wait joins the lists of waiters, as who waits for a single socket does, so that another thread's call
//! on one of them cannot use up what this poll waits for.

use std::sync::Arc;

use rustix::event::PollFlags;

use crate::error::Result;
use crate::socket::{Events, Socket, POLLIN, POLLOUT};
use crate::wait::{glance, wait, Deadline, Interrupt, Source, Waker};

const POLLERR: Events = zmq_sys::ZMQ_POLLERR as Events;
const POLLPRI: Events = 8;

/// What to poll.
pub enum Target<'a> {
    /// One of our sockets.
    Socket(&'a Socket),
    /// Any descriptor of the system.
    Fd(i32),
}

/// One thing to poll, and for what.
pub struct Item<'a> {
    /// The socket or descriptor.
    pub target: Target<'a>,
    /// POLLIN, POLLOUT, POLLERR, POLLPRI.
    pub want: Events,
}

impl Item<'_> {
    fn source(&self) -> Source {
        match self.target {
            Target::Socket(socket) => Source::readable(socket.fd()),
            Target::Fd(fd) => Source::new(fd, flags(self.want)),
        }
    }

    /// Its events, when this was seen of its descriptor.
    fn events(&self, seen: PollFlags, own: Option<&Arc<Waker>>) -> Result<Events> {
        match self.target {
            Target::Socket(socket) => Ok(socket.peek(!seen.is_empty(), own)?.0 & self.want),
            Target::Fd(_) => Ok(events(seen) & (self.want | POLLERR)),
        }
    }
}

/// Waits until an item is ready; returns each item's events, all 0 at the deadline.
pub fn poll(items: &[Item<'_>], deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Vec<Events>> {
    let ready = look(items)?;
    if any(&ready) || deadline.is_over() {
        return Ok(ready);
    }
    await_any(items, deadline, interrupt)
}

/// Whether there is an event among these.
pub fn any(ready: &[Events]) -> bool {
    ready.iter().any(|events| *events != 0)
}

/// Each item's events now.
pub fn look(items: &[Item<'_>]) -> Result<Vec<Events>> {
    let mut ready = vec![0; items.len()];
    let mut places = Vec::new();
    for (place, item) in items.iter().enumerate() {
        if let Target::Socket(socket) = item.target {
            let (events, fresh) = socket.peek(false, None)?;
            ready[place] = events & item.want;
            if fresh {
                continue;
            }
        }
        places.push(place);
    }
    if let [place] = places[..] {
        if let Target::Socket(socket) = items[place].target {
            // One call of the system either way, and this one leaves nothing to ask.
            ready[place] = socket.peek(true, None)?.0 & items[place].want;
            return Ok(ready);
        }
    }
    if places.is_empty() {
        return Ok(ready);
    }
    let mut sources: Vec<Source> = places.iter().map(|place| items[*place].source()).collect();
    glance(&mut sources)?;
    for (place, source) in places.iter().zip(&sources) {
        if !source.seen.is_empty() {
            ready[*place] = items[*place].events(source.seen, None)?;
        }
    }
    Ok(ready)
}

/// The rest of [`poll`], when nothing was ready at a look.
pub fn await_any(items: &[Item<'_>], deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Vec<Events>> {
    let waker = Waker::of_this_thread()?;
    let mut sources = Vec::with_capacity(items.len() + 1);
    sources.push(Source::readable(waker.fd()));
    sources.extend(items.iter().map(Item::source));
    let _listening = Listening::start(items, &waker)?;
    loop {
        // The first time, too: what came before this poll was on the lists woke nobody. What is known of a socket is
        // enough, as the wait ends at once if its descriptor is readable.
        let look = |(item, source): (&Item<'_>, &Source)| item.events(source.seen, Some(&waker));
        let ready = items.iter().zip(&sources[1..]).map(look).collect::<Result<Vec<Events>>>()?;
        if any(&ready) || deadline.is_over() {
            return Ok(ready);
        }
        wait(&mut sources, deadline, interrupt)?;
        if !sources[0].seen.is_empty() {
            // Before the look, so that a wake during it is kept for the next wait.
            waker.drain();
        }
    }
}

impl Socket {
    /// ZMQ_EVENTS as a poll needs them, and whether libzmq was asked: it is if nothing is known, or this is `stirred`, its
    /// descriptor readable. Who else waits here is told of what that uses up; `own` is the poll's.
    fn peek(&self, stirred: bool, own: Option<&Arc<Waker>>) -> Result<(Events, bool)> {
        let mut state = self.lock_idly()?;
        match state.known {
            Some(known) if !stirred && state.raw.is_some() => return Ok((known, false)),
            _ => state.known = None,
        }
        if state.has_other_waiters(own) {
            // Telling them looks once more: what is known of the events is older than that.
            let events = state.attempt(POLLIN | POLLOUT, true, &mut |state| state.events())?;
            return Ok((events, true));
        }
        let events = state.events()?;
        // A bell does not tell of everything.
        if !state.raw()?.has_bell() {
            state.known = Some(events);
        }
        Ok((events, true))
    }
}

/// On the waiter lists of all polled sockets for as long as it lives.
struct Listening<'a> {
    items: &'a [Item<'a>],
    waker: &'a Arc<Waker>,
}

impl<'a> Listening<'a> {
    fn start(items: &'a [Item<'a>], waker: &'a Arc<Waker>) -> Result<Self> {
        let listening = Listening { items, waker };
        for item in items {
            if let Target::Socket(socket) = item.target {
                socket.listen(waker, item.want)?;
            }
        }
        Ok(listening)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for item in self.items {
            if let Target::Socket(socket) = item.target {
                socket.unlisten(self.waker);
            }
        }
    }
}

fn flags(want: Events) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, want & POLLIN != 0);
    flags.set(PollFlags::OUT, want & POLLOUT != 0);
    flags.set(PollFlags::PRI, want & POLLPRI != 0);
    flags
}

fn events(seen: PollFlags) -> Events {
    let mut events = 0;
    for (flag, event) in [
        (PollFlags::IN, POLLIN),
        (PollFlags::HUP, POLLIN),
        (PollFlags::OUT, POLLOUT),
        (PollFlags::PRI, POLLPRI),
        (PollFlags::ERR | PollFlags::NVAL, POLLERR),
    ] {
        if seen.intersects(flag) {
            events |= event;
        }
    }
    events
}
