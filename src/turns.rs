//! Whose turn it is in a socket that several threads use.
//!
//! A call that cannot go on puts itself on the socket's list of waiters (under its lock, so that no change slips in
//! between) and sleeps in `wait.rs` on the socket's descriptor and on its own waker. The descriptor is edge-triggered and
//! the calls of other threads may use up its edge; so a call that finds waiters looks at the socket's events and wakes
//! those whose turn it may be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::ffi::RawSocket;
use crate::listener::is_readable;
use crate::socket::{Events, Socket, State, ANY, POLLIN, POLLOUT};
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

/// These say that there is room even where the queue to the one peer concerned is full, so that their events do not tell
/// whose turn it is: among several threads that wait to send, one may use up the news that was meant for another.
const ALWAYS_WRITABLE: [i32; 4] =
    [zmq_sys::ZMQ_ROUTER as i32, zmq_sys::ZMQ_XPUB as i32, zmq_sys::ZMQ_SERVER as i32, zmq_sys::ZMQ_PEER as i32];
/// So a thread that waits to send on one of them looks again this often.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Who waits in a socket.
pub(crate) struct Waiter {
    pub(crate) waker: Arc<Waker>,
    pub(crate) want: Events,
    /// Since when: for people who ask what a socket waits for.
    pub(crate) since: Instant,
}

impl Socket {
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
            state.listen(&waker, want, Instant::now());
        }
        let done = self.run_as_waiter(want, &waker, deadline, interrupt, &mut work);
        self.unlisten(&waker);
        done
    }

    /// Puts a waker on the list of waiters.
    pub(crate) fn listen(&self, waker: &Arc<Waker>, want: Events) -> Result<()> {
        self.lock_idly()?.listen(waker, want, Instant::now());
        Ok(())
    }

    /// Takes it off again, once. In a forked child there is no list to be taken off.
    pub(crate) fn unlisten(&self, waker: &Arc<Waker>) {
        if let Ok(mut state) = self.lock_idly() {
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
            Some(want) if state.waiters.is_empty() => state.listen(waker, want, Instant::now()),
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
            let alone = match &state.waiters[..] {
                [only] if Arc::ptr_eq(&only.waker, waker) => Some(only.since),
                _ => None,
            };
            if alone.is_some() {
                // Nobody else is to be told what this look finds.
                state.waiters.clear();
            }
            // Asked again under the lock: an edge may have come since, which this look uses up.
            let edge = !sources[0].seen.is_empty() || is_readable(self.0.fd);
            match state.attempt(want, edge, work) {
                Err(error) if error.is_again() && ready => {}
                done => return done,
            }
            if let Some(since) = alone {
                state.listen(waker, want, since);
            }
        }
    }

    /// Wakes every call that waits in this socket, to look again.
    pub(crate) fn poke(&self) {
        self.look((), State::wake_all);
    }
}

impl State {
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
            // If the context ends, libzmq tells the socket once, and that was it: nobody else would wake.
            let now = self.raw_events().inspect_err(|_| self.wake_all())?;
            // What is missing here is news if it is there at the look below, whose edge nobody else will see.
            self.seen &= now;
            if now & want != 0 || (want == ANY && now & POLLIN != 0) {
                done = work(self);
            }
        }
        if self.waiters.is_empty() || self.raw.is_none() {
            return done;
        }
        let told = self.tell(edge);
        if done.as_ref().is_err_and(Error::is_again) && told? & want != 0 {
            // It came after the try, and that look has used up its edge. Those who were told may go away without a look (a
            // signal, a cancelled await), or wait for something else: nobody would wake this one.
            done = work(self);
            // A context that ends has been told of, and is found by the next call.
            let _ = self.tell(false);
        }
        done
    }

    /// Looks, and wakes those waiters whose turn it may be: for all that is there if the look may use up an `edge`, else for
    /// what is newly there. What it saw.
    fn tell(&mut self, edge: bool) -> Result<Events> {
        // If the context ends, that this call was told may be all that the socket is told: also who waits for an event that
        // never comes is to know.
        let now = self.raw_events().inspect_err(|_| self.wake_all())?;
        let news = if edge { now } else { now & !self.seen };
        let shown = self.shown(news);
        self.seen = now;
        for waiter in &self.waiters {
            if waiter.want & shown != 0 || (waiter.want == ANY && (edge || news != 0)) {
                waiter.waker.wake();
            }
        }
        Ok(now)
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

    fn listen(&mut self, waker: &Arc<Waker>, want: Events, since: Instant) {
        // To one who has just come everything is news.
        self.seen = 0;
        self.waiters.reserve_exact(1);
        self.waiters.push(Waiter { waker: waker.clone(), want, since });
    }

    /// Changes what a waker on the list of waiters waits for, adds it, or takes it off. What is there is no news to it.
    pub(crate) fn change(&mut self, waker: &Arc<Waker>, want: Option<Events>) {
        let known = self.waiters.iter().position(|waiter| Arc::ptr_eq(&waiter.waker, waker));
        match (known, want) {
            (Some(index), Some(want)) if self.waiters[index].want == want => {}
            (Some(index), Some(want)) => {
                self.waiters[index].want = want;
                self.waiters[index].since = Instant::now();
            }
            (Some(index), None) => drop(self.waiters.swap_remove(index)),
            (None, Some(want)) => self.waiters.push(Waiter { waker: waker.clone(), want, since: Instant::now() }),
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

    /// Whether anybody waits here but this one.
    pub(crate) fn has_other_waiters(&self, own: Option<&Arc<Waker>>) -> bool {
        self.waiters.iter().any(|waiter| own.is_none_or(|own| !Arc::ptr_eq(&waiter.waker, own)))
    }

    pub(crate) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }
}
