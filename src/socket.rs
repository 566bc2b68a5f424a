//! A socket that any thread may use at any time.
//!
//! libzmq's sockets are not thread-safe, so each has one lock, held only around non-blocking libzmq calls. A call that
//! cannot go on puts itself on the socket's list of waiters (under that lock, so that no change slips in between) and
//! sleeps in `wait.rs` on the socket's descriptor and on its own waker. The descriptor is edge-triggered and the calls
//! of other threads may use up its edge; so a call that finds waiters looks at the socket's events and wakes those whose
//! turn it may be.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::lock_api::{Mutex, MutexGuard};

use crate::context::Context;
use crate::error::{errno, Error, Result};
use crate::ffi::{fork_generation, RawSocket};
use crate::listener::is_readable;
use crate::lock::Lock;
use crate::message::Message;
use crate::monitor::Watch;
use crate::subscriptions::{Subscribed, Subscriptions};
use crate::wait::{drain, wait, Deadline, Interrupt, Source, Waker};

/// What a waiter waits for.
pub type Events = i32;
/// A message to take.
pub const POLLIN: Events = zmq_sys::ZMQ_POLLIN as Events;
/// Room to send.
pub const POLLOUT: Events = zmq_sys::ZMQ_POLLOUT as Events;
/// Any change at all: for conditions that libzmq has no event for.
pub(crate) const ANY: Events = 0;

/// These say that there is room even where the queue to the one peer concerned is full, so that their events do not tell
/// whose turn it is: among several threads that wait to send, one may use up the news that was meant for another.
const ALWAYS_WRITABLE: [i32; 4] =
    [zmq_sys::ZMQ_ROUTER as i32, zmq_sys::ZMQ_XPUB as i32, zmq_sys::ZMQ_SERVER as i32, zmq_sys::ZMQ_PEER as i32];
/// So a thread that waits to send on one of them looks again this often.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// These do more with a message than to pass it on: a clock is read, or a datagram's size is checked.
const LABORIOUS: [i32; 4] =
    [zmq_sys::ZMQ_REQ as i32, zmq_sys::ZMQ_REP as i32, zmq_sys::ZMQ_DGRAM as i32, zmq_sys::ZMQ_RADIO as i32];

/// A handle to a socket; clones name the same one.
#[derive(Clone)]
pub struct Socket(pub(crate) Arc<Shared>);

/// What all handles share.
pub struct Shared {
    pub(crate) id: u64,
    pub(crate) kind: i32,
    pub(crate) fd: i32,
    pub(crate) context: Context,
    pub(crate) generation: u64,
    pub(crate) registered: bool,
    pub(crate) state: Mutex<Lock, State>,
}

/// Counts of what went through a socket. A multipart message is one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whole messages handed to libzmq.
    pub messages_sent: u64,
    /// Whole messages taken from libzmq.
    pub messages_received: u64,
    /// Their bytes, frames added up.
    pub bytes_sent: u64,
    /// Their bytes, frames added up.
    pub bytes_received: u64,
}

/// An endpoint of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// As libzmq resolved it: a bound "tcp://*:*" has its port here.
    pub endpoint: String,
    /// Bound, or connected.
    pub bound: bool,
    /// As the user wrote it.
    pub given: String,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) raw: Option<RawSocket>,
    pub(crate) kind: i32,
    /// Nothing but counting goes with each of its messages.
    pub(crate) simple: bool,
    waiters: Vec<Waiter>,
    seen: Events,
    pub(crate) stats: Stats,
    pub(crate) endpoints: Vec<Attached>,
    pub(crate) receive_timeout: i64,
    pub(crate) send_timeout: i64,
    /// When a REQ sent what it has no reply to, or a REP received what it has not replied to.
    pub(crate) open_since: Option<Instant>,
    /// Frames of a message were sent with SNDMORE, its last one was not yet.
    pub(crate) mid_message: bool,
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) subscriptions: Option<Subscriptions>,
    pub(crate) subscribed: Subscribed,
    /// Frames that were taken and given back: the next to be received.
    pub(crate) returned: VecDeque<Message>,
}

struct Waiter {
    waker: Arc<Waker>,
    want: Events,
}

impl Socket {
    /// Opens a socket that the context counts and lists.
    pub(crate) fn open(context: &Context, kind: i32) -> Result<Self> {
        let socket = Self::build(context, kind, true)?;
        context.register(socket.0.id, Arc::downgrade(&socket.0));
        Ok(socket)
    }

    /// Opens a socket of our own, which no user sees.
    pub(crate) fn internal(context: &Context, kind: i32) -> Result<Self> {
        Self::build(context, kind, false)
    }

    fn build(context: &Context, kind: i32, registered: bool) -> Result<Self> {
        let publisher = registered && kind == zmq_sys::ZMQ_PUB as i32;
        let raw = context.raw_socket(if publisher { zmq_sys::ZMQ_XPUB as i32 } else { kind })?;
        let subscriptions = match publisher {
            true => Some(Subscriptions::of(&raw)?),
            false => None,
        };
        let state = State {
            raw: Some(raw),
            kind,
            simple: !publisher && !LABORIOUS.contains(&kind),
            waiters: Vec::new(),
            seen: 0,
            stats: Stats::default(),
            endpoints: Vec::new(),
            receive_timeout: -1,
            send_timeout: -1,
            open_since: None,
            mid_message: false,
            watch: None,
            subscriptions,
            subscribed: Subscribed::default(),
            returned: VecDeque::new(),
        };
        let fd = state.raw()?.fd()?;
        Ok(Socket(Arc::new(Shared {
            id: context.new_id(),
            kind,
            fd,
            context: context.clone(),
            generation: fork_generation(),
            registered,
            state: Mutex::new(state),
        })))
    }

    pub(crate) fn upgrade(weak: &Weak<Shared>) -> Option<Self> {
        weak.upgrade().map(Socket)
    }

    /// The libzmq type it was made as.
    pub fn kind(&self) -> i32 {
        self.0.kind
    }

    /// Its number within its context, for names that must be unique.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its context.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Its descriptor: readable, edge-triggered, when `events()` should be asked again.
    pub fn fd(&self) -> i32 {
        self.0.fd
    }

    /// Whether it was closed.
    pub fn closed(&self) -> bool {
        self.look(true, |state| state.raw.is_none())
    }

    /// What it has counted so far; also after its close.
    pub fn stats(&self) -> Stats {
        self.look(Stats::default(), |state| state.stats)
    }

    /// What it is bound and connected to.
    pub fn endpoints(&self) -> Vec<Attached> {
        self.look(Vec::new(), |state| state.endpoints.clone())
    }

    /// Whether a peer may be in this process, and get the memory of a message rather than a copy.
    pub fn shares_memory(&self) -> bool {
        self.look(false, |state| state.endpoints.iter().any(|at| at.given.starts_with("inproc:")))
    }

    /// RCVTIMEO and SNDTIMEO, in milliseconds; negative is for ever.
    pub fn timeouts(&self) -> (i64, i64) {
        self.look((0, 0), |state| (state.receive_timeout, state.send_timeout))
    }

    /// When a REQ sent what it has no reply to, or a REP received what it has not replied to.
    pub(crate) fn open_since(&self) -> Option<Instant> {
        self.look(None, |state| state.open_since)
    }

    /// The address of libzmq's socket, as other bindings take it.
    pub fn address(&self) -> Result<usize> {
        self.once(ANY, |state| Ok(state.raw()?.address()))
    }

    /// Looks at the state. In a forked child there is only `nothing`: a thread of the parent may have held the lock as it
    /// forked, and in the child nobody gives it back.
    fn look<T>(&self, nothing: T, look: impl FnOnce(&State) -> T) -> T {
        if self.0.generation != fork_generation() {
            return nothing;
        }
        look(&self.0.state.lock())
    }

    #[inline]
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Lock, State>> {
        if self.0.generation != fork_generation() {
            return Err(Error::forked());
        }
        Ok(self.0.state.lock())
    }

    /// Tries once. EAGAIN means: not now.
    pub(crate) fn once<T>(&self, want: Events, mut work: impl FnMut(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.lock()?;
        state.attempt(want, true, &mut work)
    }

    /// Tries until it works, the deadline is over, a signal handler raises, or the socket is closed.
    pub(crate) fn run<T>(
        &self,
        want: Events,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
        mut work: impl FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let waker = Waker::of_this_thread()?;
        {
            let mut state = self.lock()?;
            match state.attempt(want, true, &mut work) {
                Err(error) if error.is_again() && !deadline.is_over() => {}
                done => return done,
            }
            state.listen(&waker, want);
        }
        let done = self.run_as_waiter(want, &waker, deadline, interrupt, &mut work);
        self.unlisten(&waker);
        done
    }

    /// Puts a waker on the list of waiters.
    pub(crate) fn listen(&self, waker: &Arc<Waker>, want: Events) -> Result<()> {
        self.lock()?.listen(waker, want);
        Ok(())
    }

    /// Takes it off again, once. In a forked child there is no list to be taken off.
    pub(crate) fn unlisten(&self, waker: &Arc<Waker>) {
        if let Ok(mut state) = self.lock() {
            state.change(waker, None);
        }
    }

    /// Works on the socket as one who is on the list of waiters and is not to be woken by his own work: takes the waker
    /// off, tries once, and puts it on again for what `then` says that there is nothing of. Whether it is on the list.
    ///
    /// It is not where others wait: telling them may use up what came after the work, so that one has to look again.
    pub(crate) fn attend<T>(
        &self,
        waker: &Arc<Waker>,
        mut work: impl FnMut(&mut State) -> Result<T>,
        then: impl FnOnce(&T) -> Option<Events>,
    ) -> Result<(T, bool)> {
        let mut state = self.lock()?;
        state.change(waker, None);
        let done = state.attempt(ANY, true, &mut work)?;
        match then(&done) {
            Some(want) if state.waiters.is_empty() => state.listen(waker, want),
            _ => return Ok((done, false)),
        }
        Ok((done, true))
    }

    fn run_as_waiter<T>(
        &self,
        want: Events,
        waker: &Arc<Waker>,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
        work: &mut impl FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut sources = [Source::readable(self.0.fd), Source::readable(waker.fd())];
        let untold = want == POLLOUT && ALWAYS_WRITABLE.contains(&self.0.kind);
        loop {
            let look = if untold { deadline.earlier(Deadline::after(LOOK_AGAIN)) } else { deadline };
            let ready = wait(&mut sources, look, interrupt)? || !deadline.is_over();
            if !sources[1].seen.is_empty() {
                // Before the look, so that a wake during it is kept for the next wait.
                waker.drain();
            }
            let mut state = self.lock()?;
            if state.raw.is_none() {
                return Err(Error::closed_while_waiting());
            }
            let alone = matches!(&state.waiters[..], [only] if Arc::ptr_eq(&only.waker, waker));
            if alone {
                // Nobody else is to be told what this look finds.
                state.waiters.clear();
            }
            // Asked again under the lock: an edge may have come since, which this look uses up.
            let edge = !sources[0].seen.is_empty() || is_readable(self.0.fd);
            match state.attempt(want, edge, work) {
                Err(error) if error.is_again() && ready => {}
                done => return done,
            }
            if alone {
                state.listen(waker, want);
            }
        }
    }

    /// ZMQ_EVENTS: what can be done now without waiting.
    pub fn events(&self) -> Result<Events> {
        self.once(ANY, |state| state.events())
    }

    /// Wakes every call that waits in this socket, to look again.
    pub(crate) fn poke(&self) {
        self.look((), State::wake_all);
    }
}

impl Shared {
    /// The watch, if it has one.
    pub(crate) fn watch(&self) -> Option<Arc<Watch>> {
        self.state.lock().watch.clone()
    }
}

impl State {
    /// libzmq's socket.
    pub(crate) fn raw(&self) -> Result<&RawSocket> {
        self.raw.as_ref().ok_or_else(Error::closed)
    }

    /// libzmq's socket, where a call may go straight to it: nobody waits here who must be woken, and nothing is to be
    /// done before or after but to count.
    #[inline]
    pub(crate) fn straight(&self) -> Option<&RawSocket> {
        if self.simple && self.waiters.is_empty() {
            self.raw.as_ref()
        } else {
            None
        }
    }

    /// One try, and the wake-ups that it owes to others.
    ///
    /// `edge`: it may have used up the edge of the descriptor, so that every waiter with something to do must look. A
    /// waiter that was merely woken owes only what is newly there; otherwise two that cannot go on would wake each other
    /// for ever.
    pub(crate) fn attempt<T>(
        &mut self,
        want: Events,
        edge: bool,
        work: &mut impl FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut done = work(self);
        if done.as_ref().is_err_and(Error::is_again) && !self.has_looked(want) {
            // A send looks at what the I/O threads have to say only now and then; this always does.
            let now = match self.raw_events() {
                Ok(now) => now,
                Err(error) => {
                    // The context ends. libzmq tells the socket once, and that was it: nobody else would wake.
                    self.wake_all();
                    return Err(error);
                }
            };
            // What is missing here is news if it is there at the look below, whose edge nobody else will see.
            self.seen &= now;
            if now & want != 0 || (want == ANY && now & POLLIN != 0) {
                done = work(self);
            }
        }
        if !self.waiters.is_empty() && self.raw.is_some() {
            // A socket whose context ends has no events: its waiters are woken by libzmq itself.
            let now = self.raw_events().unwrap_or(POLLIN | POLLOUT);
            let news = if edge { now } else { now & !self.seen };
            let shown = self.shown(news);
            self.seen = now;
            for waiter in &self.waiters {
                if waiter.want & shown != 0 || (waiter.want == ANY && (edge || news != 0)) {
                    waiter.waker.wake();
                }
            }
        }
        done
    }

    /// Whether a try that could not go on has looked at what the I/O threads have to say, and nobody else wants to know.
    /// Receiving does. (A bell has to be taken back.)
    fn has_looked(&self, want: Events) -> bool {
        want == POLLIN && self.waiters.is_empty() && self.raw.as_ref().is_some_and(|raw| !raw.has_bell())
    }

    pub(crate) fn wake_all(&self) {
        for waiter in &self.waiters {
            waiter.waker.wake();
        }
    }

    fn listen(&mut self, waker: &Arc<Waker>, want: Events) {
        // To one who has just come everything is news.
        self.seen = 0;
        self.waiters.push(Waiter { waker: waker.clone(), want });
    }

    /// Changes what a waker on the list of waiters waits for, adds it, or takes it off. What is there is no news to it.
    pub(crate) fn change(&mut self, waker: &Arc<Waker>, want: Option<Events>) {
        let known = self.waiters.iter().position(|waiter| Arc::ptr_eq(&waiter.waker, waker));
        match (known, want) {
            (Some(index), Some(want)) => self.waiters[index].want = want,
            (Some(index), None) => drop(self.waiters.swap_remove(index)),
            (None, Some(want)) => self.waiters.push(Waiter { waker: waker.clone(), want }),
            (None, None) => {}
        }
    }

    /// Makes everything news to who waits.
    pub(crate) fn renew(&mut self) {
        self.seen = 0;
    }

    /// Forgets what rang so far, in the types whose descriptor goes on ringing for what was taken.
    pub(crate) fn hush(&self) {
        let rings = self.raw.as_ref().is_some_and(RawSocket::has_bell);
        if rings && self.raw_events().is_err() {
            // The context ends, and nobody else is told.
            self.wake_all();
        }
    }

    pub(crate) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }

    /// ZMQ_EVENTS as a user may see it: our PUB is an XPUB, whose subscriptions are nobody's messages.
    pub(crate) fn events(&mut self) -> Result<Events> {
        Ok(self.shown(self.raw_events()?))
    }

    fn shown(&self, events: Events) -> Events {
        if self.subscriptions.is_some() {
            events & !POLLIN
        } else {
            events
        }
    }

    /// ZMQ_EVENTS, with what was given back. Asking for it makes libzmq look at all that its I/O threads have to say.
    fn raw_events(&self) -> Result<Events> {
        let raw = self.raw()?;
        if raw.has_bell() {
            // Before the look: what rings after it is news.
            drain(raw.fd()?);
        }
        let events = self.get_i32(zmq_sys::ZMQ_EVENTS as i32)?;
        Ok(if self.returned.is_empty() { events } else { events | POLLIN })
    }

    pub(crate) fn get_i32(&self, option: i32) -> Result<i32> {
        let mut value = [0u8; 4];
        self.raw()?.get(option, &mut value)?;
        Ok(i32::from_ne_bytes(value))
    }

    pub(crate) fn last_endpoint(&self) -> Result<String> {
        let mut buffer = [0u8; 1024];
        let len = self.raw()?.get(zmq_sys::ZMQ_LAST_ENDPOINT as i32, &mut buffer)?;
        let text = buffer[..len].split(|byte| *byte == 0).next();
        Ok(String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
    }
}

/// Whether an errno means that the socket or its context is gone.
pub fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Closed(_)) || error.errno() == errno::ETERM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_no_news_to_who_waits_for_messages() {
        let context = Context::new(1).unwrap();
        let publisher = context.socket(zmq_sys::ZMQ_PUB as i32).unwrap();
        let subscriber = context.socket(zmq_sys::ZMQ_SUB as i32).unwrap();
        publisher.bind("inproc://news").unwrap();
        subscriber.set_bytes(zmq_sys::ZMQ_SUBSCRIBE as i32, b"").unwrap();
        subscriber.connect("inproc://news").unwrap();
        let waker = Waker::new().unwrap();
        publisher.listen(&waker, POLLIN).unwrap();
        for _ in 0..3 {
            assert_eq!(publisher.events().unwrap() & POLLIN, 0);
            assert!(!is_readable(waker.fd()));
        }
        publisher.unlisten(&waker);
    }
}
