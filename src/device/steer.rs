//! How one thread steers the engine that runs in another: what is wished, what is so, and who waits for it to become so.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

use parking_lot::Mutex;

use super::farewell::Farewell;
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It moves messages.
    Running,
    /// It moves none.
    Paused,
    /// It passes on what it has taken in, and takes in nothing more.
    Stopping,
    /// It has ended, and closed its sockets if they were its own.
    Ended,
}

/// What is wished of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Move messages.
    Run,
    /// Move none.
    Pause,
    /// End.
    Stop,
}

/// Both, and the waiting for it.
pub struct Steer {
    wish: AtomicU8,
    now: Mutex<Now>,
    /// The engine's own waker.
    waker: Arc<Waker>,
    generation: u64,
}

struct Now {
    phase: Phase,
    farewell: Farewell,
    waiters: Vec<Arc<Waker>>,
}

impl Steer {
    /// A steer whose engine shall run.
    pub fn new() -> Result<Self> {
        Ok(Steer {
            wish: AtomicU8::new(Wish::Run as u8),
            now: Mutex::new(Now { phase: Phase::Running, farewell: Farewell::default(), waiters: Vec::new() }),
            waker: Waker::new()?,
            generation: fork_generation(),
        })
    }

    /// What is so.
    pub fn phase(&self) -> Phase {
        self.now.lock().phase
    }

    /// What is wished.
    pub(super) fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            0 => Wish::Run,
            1 => Wish::Pause,
            _ => Wish::Stop,
        }
    }

    pub(super) fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// How to end, once that is wished.
    pub(super) fn farewell(&self) -> Farewell {
        self.now.lock().farewell
    }

    /// The engine tells what is so.
    pub(super) fn enter(&self, phase: Phase) {
        let mut now = self.now.lock();
        if now.phase != phase {
            now.phase = phase;
            for waiter in &now.waiters {
                waiter.wake();
            }
        }
    }

    /// Asks the engine to pause or to go on. A stop is not taken back.
    pub fn ask_pause(&self, pause: bool) {
        let (from, to) = if pause { (Wish::Run, Wish::Pause) } else { (Wish::Pause, Wish::Run) };
        let asked = self.wish.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire);
        if asked.is_ok() {
            self.waker.wake();
            // Whoever asked for the opposite waits in vain from now on.
            self.now.lock().waiters.iter().for_each(|waiter| waiter.wake());
        }
    }

    /// Asks that, and waits until it is so, or until another thread asks for the opposite.
    pub fn pause(&self, pause: bool, interrupt: &mut dyn Interrupt) -> Result<()> {
        self.ask_pause(pause);
        let is_so = |phase| match pause {
            true => phase >= Phase::Paused || self.wish() == Wish::Run,
            false => phase != Phase::Paused || self.wish() == Wish::Pause,
        };
        self.wait_for(is_so, Deadline::never(), interrupt).map(drop)
    }

    /// Asks the engine to end. The first to ask says how; later ones can only shorten it.
    pub fn ask_stop(&self, farewell: Farewell) {
        let mut now = self.now.lock();
        let first = self.wish.swap(Wish::Stop as u8, Ordering::AcqRel) != Wish::Stop as u8;
        now.farewell = if first { farewell } else { now.farewell.shorter(farewell) };
        self.waker.wake();
    }

    /// Waits until what is so satisfies `is_so`; false if the time is over before.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Forked`] in a child process, which has no such thread.
    pub fn wait_for(
        &self,
        is_so: impl Fn(Phase) -> bool,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<bool> {
        if self.generation != fork_generation() {
            return Err(Error::forked());
        }
        let waker = Waker::of_this_thread()?;
        self.now.lock().waiters.push(waker.clone());
        let done = loop {
            waker.drain();
            if is_so(self.phase()) {
                break Ok(true);
            }
            if deadline.is_over() {
                break Ok(false);
            }
            if let Err(error) = wait(&mut [Source::readable(waker.fd())], deadline, interrupt) {
                break Err(error);
            }
        };
        let waiters = &mut self.now.lock().waiters;
        if let Some(own) = waiters.iter().position(|waiter| Arc::ptr_eq(waiter, &waker)) {
            waiters.swap_remove(own);
        }
        done
    }
}
