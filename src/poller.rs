//! Waiting for many sockets and plain descriptors at once.
//!
//! Every socket is asked for its events under its lock, and is waited for with the waiter list like a single one, so
//! that another thread's call on one of them cannot use up what this poll waits for.

use std::sync::Arc;

use rustix::event::PollFlags;

use crate::error::Result;
use crate::socket::{Events, Socket, POLLIN, POLLOUT};
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

const POLLERR: Events = zmq_sys::ZMQ_POLLERR as Events;
const POLLPRI: Events = 8;

/// What to poll.
pub enum Target {
    /// One of our sockets.
    Socket(Socket),
    /// Any descriptor of the system.
    Fd(i32),
}

/// One thing to poll, and for what.
pub struct Item {
    /// The socket or descriptor.
    pub target: Target,
    /// POLLIN, POLLOUT, POLLERR, POLLPRI.
    pub want: Events,
}

/// Waits until an item is ready; returns each item's events, all 0 at the deadline.
pub fn poll(items: &[Item], deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Vec<Events>> {
    let waker = Waker::of_this_thread()?;
    let mut sources = vec![Source::readable(waker.fd())];
    for item in items {
        sources.push(match &item.target {
            Target::Socket(socket) => Source::readable(socket.fd()),
            Target::Fd(fd) => Source::new(*fd, flags(item.want)),
        });
    }
    let ready = look(items, &mut sources, interrupt)?;
    if deadline.is_over() || ready.iter().any(|events| *events != 0) {
        return Ok(ready);
    }
    let _listening = Listening::start(items, &waker)?;
    loop {
        // Again after joining the lists: what came in between woke nobody.
        let ready = look(items, &mut sources, interrupt)?;
        if deadline.is_over() || ready.iter().any(|events| *events != 0) {
            return Ok(ready);
        }
        wait(&mut sources, deadline, interrupt)?;
        waker.drain();
    }
}

/// What is ready now.
fn look(items: &[Item], sources: &mut [Source], interrupt: &mut dyn Interrupt) -> Result<Vec<Events>> {
    if items.iter().any(|item| matches!(item.target, Target::Fd(_))) {
        wait(sources, Deadline::now(), interrupt)?;
    }
    let mut ready = Vec::with_capacity(items.len());
    for (item, source) in items.iter().zip(&sources[1..]) {
        ready.push(match &item.target {
            Target::Socket(socket) => socket.events()? & item.want,
            Target::Fd(_) => events(source.seen) & (item.want | POLLERR),
        });
    }
    Ok(ready)
}

/// On the waiter lists of all polled sockets for as long as it lives.
struct Listening<'a> {
    items: &'a [Item],
    waker: &'a Arc<Waker>,
}

impl<'a> Listening<'a> {
    fn start(items: &'a [Item], waker: &'a Arc<Waker>) -> Result<Self> {
        let listening = Listening { items, waker };
        for item in items {
            if let Target::Socket(socket) = &item.target {
                socket.listen(waker, item.want)?;
            }
        }
        Ok(listening)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for item in self.items {
            if let Target::Socket(socket) = &item.target {
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
