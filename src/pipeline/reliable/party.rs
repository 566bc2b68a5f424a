//! The native thread of a role, which carries messages between its sockets and its ledger, and how other threads wake it and
//! wait for it. It never needs the program: while that is busy, hearts go on beating.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::wire::{Refused, Said};
use super::Route;
use crate::error::{errno, Error, Result};
use crate::message::{Frames, Message, Part};
use crate::socket::{is_gone, Socket, POLLIN};
use crate::wait::{wait, Deadline, Interrupt, Never, Source, Waker};

/// The most messages that are heard before anything is said.
const BATCH: usize = 256;
/// So many jobs or results at once are a stream: more are to come, and need not wake anybody.
const STREAM: usize = 4;
/// How long more of a stream is waited for.
const NAP: Duration = Duration::from_micros(500);
/// How long what was said last may take to leave, in milliseconds.
const LAST_WORDS: i32 = 1000;

/// Wakes the thread, if it sleeps.
pub struct Bell {
    waker: Arc<Waker>,
    asleep: AtomicBool,
}

impl Bell {
    /// A new one.
    pub fn new() -> Result<Self> {
        Ok(Bell { waker: Waker::new()?, asleep: AtomicBool::new(false) })
    }

    /// To be rung after something was brought to the ledger: costs nothing while the thread is awake.
    pub fn ring(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Wakes it even from its nap.
    pub fn ring_loudly(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        self.waker.wake();
    }
}

/// Wakes the program's threads that wait for the ledger.
#[derive(Default)]
pub struct Gong(Mutex<Vec<Arc<Waker>>>);

impl Gong {
    /// Has all of them look again.
    pub fn ring(&self) {
        self.0.lock().iter().for_each(|waiter| waiter.wake());
    }

    /// Waits until there is something to see; nothing if the time is over before.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and those of the look.
    pub fn wait_for<T>(
        &self,
        mut look: impl FnMut() -> Result<Option<T>>,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<Option<T>> {
        wait_for_any(&[self], &mut look, deadline, interrupt)
    }

    fn forget(&self, waker: &Arc<Waker>) {
        let mut waiters = self.0.lock();
        if let Some(own) = waiters.iter().position(|waiter| Arc::ptr_eq(waiter, waker)) {
            waiters.swap_remove(own);
        }
    }
}

/// [`Gong::wait_for`] something that any of several may tell of.
///
/// # Errors
/// [`Error::Interrupted`], and those of the look.
pub fn wait_for_any<T>(
    gongs: &[&Gong],
    look: &mut dyn FnMut() -> Result<Option<T>>,
    deadline: Deadline,
    interrupt: &mut dyn Interrupt,
) -> Result<Option<T>> {
    if let Some(seen) = look()? {
        return Ok(Some(seen));
    }
    let waker = Waker::of_this_thread()?;
    gongs.iter().for_each(|gong| gong.0.lock().push(waker.clone()));
    let done = loop {
        waker.drain();
        match look() {
            Ok(None) if !deadline.is_over() => {}
            done => break done,
        }
        if let Err(error) = wait(&mut [Source::readable(waker.fd())], deadline, interrupt) {
            break Err(error);
        }
    };
    gongs.iter().for_each(|gong| gong.forget(&waker));
    done
}

/// A message that came, and by which socket.
pub struct Heard {
    /// Which of the sockets.
    pub line: usize,
    /// From whom, if that is a ROUTER.
    pub route: Option<Route>,
    /// What it says.
    pub said: std::result::Result<Said, Refused>,
    /// Its other frames.
    pub frames: Frames,
}

/// A message to be sent.
pub struct Outgoing {
    /// By which of the sockets.
    pub line: usize,
    /// To whom, if that is a ROUTER.
    pub route: Option<Route>,
    /// Its first frame, and those of the payloads.
    pub frames: Frames,
}

/// One turn of a ledger.
#[derive(Default)]
pub struct Turn {
    /// What came since the last one; emptied by the turn.
    pub heard: Vec<Heard>,
    /// What could not be sent, as nobody was there.
    pub unsent: Vec<(usize, Option<Route>)>,
    /// All that came has been heard.
    pub quiet: bool,
    /// What is to be sent.
    pub outgoing: Vec<Outgoing>,
    /// How many jobs or results have moved.
    pub moved: usize,
    /// When to come back at the latest.
    pub due: Option<Instant>,
    /// It is over, once that is sent.
    pub over: bool,
}

/// What a thread serves.
pub trait Party: Send + Sync + 'static {
    /// The sockets; of a ROUTER, the first frame is a route.
    fn sockets(&self) -> &[Socket];
    /// Rung when another thread has brought something.
    fn bell(&self) -> &Bell;
    /// Rung when something has changed.
    fn gong(&self) -> &Gong;
    /// Takes in what came, and says what is to be said.
    ///
    /// # Errors
    /// Out of memory.
    fn turn(&self, turn: &mut Turn, now: Instant) -> Result<()>;
    /// Whether another thread has brought something since.
    fn has_news(&self) -> bool;
    /// The thread has ended, by this if by something wrong.
    fn ended(&self, failure: Option<Error>);
}

/// Serves a party on a thread of its own. At its end the sockets are closed.
///
/// # Errors
/// There is no thread to be had.
pub fn serve<P: Party>(name: &str, party: &Arc<P>) -> Result<()> {
    let own = party.clone();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            // However this thread ends, nobody shall wait for it in vain.
            let mut end = AtEnd { party: &*own, failure: None };
            if let Err(error) = run(&*own) {
                // A socket closed by hand, a context that ends: that is how it may end.
                end.failure = (!is_gone(&error)).then_some(error);
            }
        })
        .map(drop)
        .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))
}

struct AtEnd<'a, P: Party> {
    party: &'a P,
    failure: Option<Error>,
}

impl<P: Party> Drop for AtEnd<'_, P> {
    fn drop(&mut self) {
        for socket in self.party.sockets() {
            // It may be closed already.
            let _ = socket.close(Some(LAST_WORDS), &mut Never);
        }
        self.party.ended(self.failure.take());
        self.party.gong().ring();
    }
}

fn run<P: Party>(party: &P) -> Result<()> {
    let mut turn = Turn::default();
    loop {
        party.bell().waker.drain();
        turn.quiet = receive(party.sockets(), &mut turn.heard)?;
        let came = turn.heard.len() + turn.unsent.len();
        (turn.moved, turn.due) = (0, None);
        party.turn(&mut turn, Instant::now())?;
        if came > 0 || turn.over {
            party.gong().ring();
        }
        for outgoing in turn.outgoing.drain(..) {
            send(party.sockets(), outgoing, &mut turn.unsent)?;
        }
        if turn.over {
            return Ok(());
        }
        if turn.quiet && turn.unsent.is_empty() {
            idle(party, &turn)?;
        }
    }
}

/// Takes what came; whether that is all.
fn receive(sockets: &[Socket], heard: &mut Vec<Heard>) -> Result<bool> {
    let mut quiet = true;
    for (line, socket) in sockets.iter().enumerate() {
        let mut taken = 0;
        loop {
            let frames = match socket.try_recv_multipart() {
                Ok(frames) => frames,
                Err(error) if error.is_again() => break,
                Err(error) => return Err(error),
            };
            heard.push(read(socket, line, frames));
            taken += 1;
            if taken == BATCH {
                quiet = false;
                break;
            }
        }
    }
    Ok(quiet)
}

fn read(socket: &Socket, line: usize, mut frames: Frames) -> Heard {
    let is_router = socket.kind() == zmq_sys::ZMQ_ROUTER as i32;
    let mut heads = frames.drain(..frames.len().min(1 + usize::from(is_router)));
    let route = if is_router { heads.next().map(|route| Route::from(route.as_slice())) } else { None };
    let head = heads.next();
    drop(heads);
    let said = head.map_or(Err(Refused::Malformed), |head| Said::read(head.as_slice(), frames.len()));
    Heard { line, route, said, frames }
}

fn send(sockets: &[Socket], outgoing: Outgoing, unsent: &mut Vec<(usize, Option<Route>)>) -> Result<()> {
    let Outgoing { line, route, mut frames } = outgoing;
    let Some(socket) = sockets.get(line) else {
        return Ok(());
    };
    let mut parts: Vec<Part<'_>> = Vec::with_capacity(frames.len() + 1);
    parts.extend(route.as_deref().map(Part::Bytes));
    parts.extend(frames.iter_mut().map(Part::Message));
    match socket.try_send(&mut parts, 0) {
        Ok(()) => Ok(()),
        // Nobody is there (any more).
        Err(error) if error.is_again() || error.errno() == errno::EHOSTUNREACH => {
            drop(parts);
            unsent.push((line, route));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn idle<P: Party>(party: &P, turn: &Turn) -> Result<()> {
    let bell = party.bell();
    let sockets = party.sockets();
    let listening = Listening::start(sockets, &bell.waker)?;
    let mut sources = vec![Source::readable(bell.waker.fd())];
    for socket in sockets {
        // After joining the list: what came in between woke nobody.
        if socket.events()? & POLLIN != 0 {
            return Ok(());
        }
        sources.push(Source::readable(socket.fd()));
    }
    let due = turn.due.map_or(Deadline::never(), |due| Deadline::after(due.saturating_duration_since(Instant::now())));
    if turn.moved >= STREAM {
        wait(&mut sources, due.earlier(Deadline::after(NAP)), &mut Never)?;
    } else {
        bell.asleep.store(true, Ordering::SeqCst);
        // Again: what was brought before this flew under the bell.
        if !party.has_news() {
            wait(&mut sources, due, &mut Never)?;
        }
        bell.asleep.store(false, Ordering::SeqCst);
    }
    drop(listening);
    Ok(())
}

/// On the waiter lists of the sockets for as long as it lives.
struct Listening<'a> {
    sockets: &'a [Socket],
    waker: &'a Arc<Waker>,
}

impl<'a> Listening<'a> {
    fn start(sockets: &'a [Socket], waker: &'a Arc<Waker>) -> Result<Self> {
        let listening = Listening { sockets, waker };
        for socket in sockets {
            socket.listen(waker, POLLIN)?;
        }
        Ok(listening)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for socket in self.sockets {
            socket.unlisten(self.waker);
        }
    }
}

/// The payloads of a message with several, each with as many frames as its head says.
pub fn split(frames: Frames, counts: impl Iterator<Item = u16>) -> Vec<Frames> {
    let mut rest = frames.into_iter();
    counts.map(|count| rest.by_ref().take(count.into()).collect()).collect()
}

/// A first frame and nothing else.
///
/// # Errors
/// ENOMEM.
pub fn only(line: usize, route: Option<Route>, said: &Said) -> Result<Outgoing> {
    Ok(Outgoing { line, route, frames: vec![said.message()?] })
}

/// Sets up a ROUTER for this: who is gone is heard of, nothing is dropped for want of room, or of a peer, unseen.
///
/// # Errors
/// Those of setting options.
pub fn prepare_router(socket: &Socket) -> Result<()> {
    if socket.kind() != zmq_sys::ZMQ_ROUTER as i32 {
        return Err(Error::invalid("a producer or collector of a reliable pipeline has a ROUTER socket"));
    }
    socket.set_i32(zmq_sys::ZMQ_ROUTER_MANDATORY as i32, 1)?;
    socket.set_i32(zmq_sys::ZMQ_SNDHWM as i32, 0)?;
    socket.set_bytes(DISCONNECT_MSG, &Said::Gone.write())
}

/// Sets up a DEALER: what is said while nobody is there is not kept for who comes later.
///
/// # Errors
/// Those of setting options.
pub fn prepare_dealer(socket: &Socket) -> Result<()> {
    if socket.kind() != zmq_sys::ZMQ_DEALER as i32 {
        return Err(Error::invalid("a worker of a reliable pipeline has DEALER sockets"));
    }
    socket.set_i32(zmq_sys::ZMQ_IMMEDIATE as i32, 1)?;
    socket.set_i32(zmq_sys::ZMQ_SNDHWM as i32, 0)?;
    socket.set_i32(zmq_sys::ZMQ_RCVHWM as i32, 0)
}

/// A draft of libzmq's, for which its bindings have no name.
const DISCONNECT_MSG: i32 = 111;

impl Turn {
    /// Adds what is to be sent.
    pub fn say(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }

    /// Adds a message with the payloads of several jobs or results.
    pub fn say_with(&mut self, line: usize, route: Option<Route>, head: Message, payloads: Vec<Frames>) {
        let mut frames = Vec::with_capacity(1 + payloads.iter().map(Vec::len).sum::<usize>());
        frames.push(head);
        frames.extend(payloads.into_iter().flatten());
        self.outgoing.push(Outgoing { line, route, frames });
    }
}
