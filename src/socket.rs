//! A socket that any thread may use at any time.
//!
//! libzmq's sockets are not thread-safe, so each has one lock, held only around non-blocking libzmq calls. A call that
//! cannot go on waits for its turn: see [`crate::turns`].

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::lock_api::{Mutex, MutexGuard};

use crate::context::Context;
use crate::error::{errno, Error, Result};
use crate::ffi::{fork_generation, lock_of, RawSocket};
use crate::lock::Lock;
use crate::message::Message;
use crate::monitor::Watch;
use crate::subscriptions::{Subscribed, Subscriptions};
use crate::trace::Taps;
use crate::turns::Waiter;
use crate::wait::drain;

/// What a waiter waits for.
pub type Events = i32;
/// A message to take.
pub const POLLIN: Events = zmq_sys::ZMQ_POLLIN as Events;
/// Room to send.
pub const POLLOUT: Events = zmq_sys::ZMQ_POLLOUT as Events;
/// Any change at all: for conditions that libzmq has no event for.
pub(crate) const ANY: Events = 0;

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
    pub(crate) waiters: Vec<Waiter>,
    /// The events that those waiters were told of.
    pub(crate) seen: Events,
    /// What a poll saw here, as long as nobody has done anything with the socket since: see `poller.rs`.
    pub(crate) known: Option<Events>,
    pub(crate) stats: Stats,
    pub(crate) endpoints: Vec<Attached>,
    pub(crate) receive_timeout: i64,
    pub(crate) send_timeout: i64,
    /// When a REQ sent what it has no reply to, or a REP received what it has not replied to.
    pub(crate) open_since: Option<Instant>,
    /// Sends that found no room, and when the last one did.
    pub(crate) full: Option<(u64, Instant)>,
    /// Frames of a message were sent with SNDMORE, its last one was not yet.
    pub(crate) mid_message: bool,
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) subscriptions: Option<Subscriptions>,
    pub(crate) subscribed: Subscribed,
    /// Frames that were taken and given back: the next to be received.
    pub(crate) returned: VecDeque<Message>,
    /// Those who record its messages.
    pub(crate) trace: Option<Box<Taps>>,
    /// It says its password in the clear, which may be heard on no network.
    pub(crate) stays_local: bool,
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
        let mut state = State {
            raw: Some(raw),
            kind,
            simple: false,
            waiters: Vec::new(),
            seen: 0,
            known: None,
            stats: Stats::default(),
            endpoints: Vec::new(),
            receive_timeout: -1,
            send_timeout: -1,
            open_since: None,
            full: None,
            mid_message: false,
            watch: None,
            subscriptions,
            subscribed: Subscribed::default(),
            returned: VecDeque::new(),
            trace: None,
            stays_local: false,
        };
        state.choose_way();
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

    /// Takes note of a send that found no room.
    pub(crate) fn note_full(&self) {
        if let Ok(mut state) = self.lock_idly() {
            let before = state.full.map_or(0, |(count, _)| count);
            state.full = Some((before + 1, Instant::now()));
        }
    }

    /// The address of libzmq's socket, as other bindings take it.
    pub fn address(&self) -> Result<usize> {
        self.once(ANY, |state| Ok(state.raw()?.address()))
    }

    /// Looks at the state. In a forked child there is only `nothing`: a thread of the parent may have held the lock as it
    /// forked, and in the child nobody gives it back.
    pub(crate) fn look<T>(&self, nothing: T, look: impl FnOnce(&State) -> T) -> T {
        if self.0.generation != fork_generation() {
            return nothing;
        }
        look(&self.0.state.lock())
    }

    /// As [`Socket::look`], for who looks a few times in a second at most: the thread that uses the socket does not notice.
    pub(crate) fn glint<T>(&self, nothing: T, look: impl FnOnce(&State) -> T) -> T {
        if self.0.generation != fork_generation() {
            return nothing;
        }
        let state = self.0.state.lock();
        let seen = look(&state);
        lock_of(&state).give_back();
        seen
    }

    #[inline]
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Lock, State>> {
        let mut state = self.lock_idly()?;
        // Whatever is done now, a poll has to look again.
        state.known = None;
        Ok(state)
    }

    /// The lock, for what leaves libzmq's socket as it is.
    #[inline]
    pub(crate) fn lock_idly(&self) -> Result<MutexGuard<'_, Lock, State>> {
        if self.0.generation != fork_generation() {
            return Err(Error::forked());
        }
        Ok(self.0.state.lock())
    }

    /// ZMQ_EVENTS: what can be done now without waiting.
    pub fn events(&self) -> Result<Events> {
        self.once(ANY, |state| state.events())
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

    /// Whether calls may go straight to libzmq, as far as that depends on what the socket is and who records it.
    pub(crate) fn choose_way(&mut self) {
        self.simple = self.subscriptions.is_none() && self.trace.is_none() && !LABORIOUS.contains(&self.kind);
    }

    /// ZMQ_EVENTS as a user may see it: our PUB is an XPUB, whose subscriptions are nobody's messages.
    pub(crate) fn events(&mut self) -> Result<Events> {
        Ok(self.shown(self.raw_events()?))
    }

    pub(crate) fn shown(&self, events: Events) -> Events {
        if self.subscriptions.is_some() {
            events & !POLLIN
        } else {
            events
        }
    }

    /// ZMQ_EVENTS, with what was given back. Asking for it makes libzmq look at all that its I/O threads have to say.
    pub(crate) fn raw_events(&self) -> Result<Events> {
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
    use crate::listener::is_readable;
    use crate::wait::Waker;

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
