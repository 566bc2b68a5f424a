//! A collector with its thread, and the handle by which the program takes results from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::figures::Tally;
use super::intake::{Counts, Intake, Item, Next, Rules};
use super::party::{only, prepare_router, serve, split, Bell, Gong, Heard, Party, Turn};
use super::wire::{Run, Said};
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::message::Frames;
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

/// The handle. When it is dropped, the collector stops.
pub struct Collector {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    sockets: [Socket; 1],
    ledger: Mutex<Intake<Frames>>,
    bell: Bell,
    gong: Gong,
    /// It was asked to stop, and its thread has not seen that yet.
    stop: AtomicBool,
    end: Mutex<Option<std::result::Result<(), Error>>>,
}

/// What the program gets.
pub enum Taken {
    /// Results, at least one.
    Items(Vec<Item<Frames>>),
    /// All runs that have begun are at their end.
    End,
    /// The time was over.
    TimeOver,
}

impl Collector {
    /// Takes results by a ROUTER, which is the collector's own from now on.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(socket: Socket, id: Run, rules: Rules) -> Result<Self> {
        let shared = Arc::new(Shared {
            sockets: [socket],
            ledger: Mutex::new(Intake::new(id, rules)),
            bell: Bell::new()?,
            gong: Gong::default(),
            stop: false.into(),
            end: Mutex::new(None),
        });
        serve("brokerless-results", &shared)?;
        Ok(Collector { shared, generation: fork_generation() })
    }

    /// Sets the options that its socket needs before it binds.
    ///
    /// # Errors
    /// It is no ROUTER.
    pub fn prepare(socket: &Socket) -> Result<()> {
        prepare_router(socket)
    }

    /// Takes up to `most` results that are there; none if there are none.
    ///
    /// # Errors
    /// The collector has ended.
    pub fn try_take(&self, most: usize) -> Result<Option<Taken>> {
        self.check_fork()?;
        let mut ledger = self.shared.ledger.lock();
        let mut items = Vec::new();
        let ended = loop {
            if items.len() >= most {
                break false;
            }
            // The end is told by itself.
            match if items.is_empty() || ledger.has_item() { ledger.hand_over() } else { Next::Nothing } {
                Next::Item(item) => items.push(item),
                Next::End => break true,
                Next::Nothing => break false,
            }
        };
        let owes = ledger.has_news();
        drop(ledger);
        if owes {
            self.shared.bell.ring();
        }
        if ended {
            return Ok(Some(Taken::End));
        }
        if !items.is_empty() || most == 0 {
            return Ok(Some(Taken::Items(items)));
        }
        match &*self.shared.end.lock() {
            None => Ok(None),
            Some(Ok(())) => Err(Error::closed()),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    /// Waits for results, and takes up to `most` of them.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the collector has ended.
    pub fn take(&self, most: usize, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Taken> {
        let taken = self.shared.gong.wait_for(|| self.try_take(most), deadline, interrupt)?;
        Ok(taken.unwrap_or(Taken::TimeOver))
    }

    pub(super) fn gong(&self) -> &Gong {
        &self.shared.gong
    }

    /// In which order results are handed over from now on.
    pub fn set_ordered(&self, ordered: bool) {
        if self.generation == fork_generation() {
            self.shared.ledger.lock().set_ordered(ordered);
        }
    }

    /// Whether there are results, or the end.
    pub fn has_next(&self) -> bool {
        self.look(false, |ledger| ledger.has_next())
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.look(Counts::default(), |ledger| ledger.counts())
    }

    /// What came from each worker.
    pub fn workers(&self) -> Vec<Tally> {
        self.look(Vec::new(), |ledger| ledger.workers())
    }

    /// Stops: workers are told, results that come are not taken any more.
    pub fn stop(&self) {
        if self.generation == fork_generation() {
            self.shared.ledger.lock().close();
            self.shared.stop.store(true, Ordering::Release);
            self.shared.bell.ring_loudly();
        }
    }

    /// Waits for the end of its thread; false if the time is over before.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn join(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        self.check_fork()?;
        let look = || Ok(self.shared.end.lock().is_some().then_some(()));
        self.shared.gong.wait_for(look, deadline, interrupt).map(|seen| seen.is_some())
    }

    /// For who looks at it now and then, and does not hold it.
    ///
    /// # Errors
    /// It has ended, or is its process's parent's.
    pub(crate) fn gauge(&self) -> Result<CollectorGauge> {
        self.check_fork()?;
        match *self.shared.end.lock() {
            None => Ok(CollectorGauge(Arc::downgrade(&self.shared))),
            Some(_) => Err(Error::closed()),
        }
    }

    fn check_fork(&self) -> Result<()> {
        if self.generation == fork_generation() {
            Ok(())
        } else {
            Err(Error::forked())
        }
    }

    fn look<T>(&self, nothing: T, look: impl FnOnce(&Intake<Frames>) -> T) -> T {
        match self.generation == fork_generation() {
            true => look(&self.shared.ledger.lock()),
            false => nothing,
        }
    }
}

/// Shows what a collector has done.
pub struct CollectorGauge(Weak<Shared>);

impl CollectorGauge {
    /// What it has done so far, and whether it goes on; nothing once it is gone.
    pub(crate) fn read(&self) -> Option<(Counts, bool)> {
        let shared = self.0.upgrade()?;
        let goes_on = shared.end.lock().is_none();
        let counts = shared.ledger.lock().counts();
        Some((counts, goes_on))
    }

    /// What it speaks through; nothing once it is gone.
    pub(crate) fn sockets(&self) -> Vec<Socket> {
        self.0.upgrade().map(|shared| shared.sockets.to_vec()).unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Party for Shared {
    fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn gong(&self) -> &Gong {
        &self.gong
    }

    fn turn(&self, turn: &mut Turn, now: Instant) -> Result<()> {
        self.stop.store(false, Ordering::Release);
        let mut ledger = self.ledger.lock();
        for (_, route) in std::mem::take(&mut turn.unsent) {
            route.iter().for_each(|route| ledger.unreachable(route));
        }
        for Heard { route, said, frames, .. } in std::mem::take(&mut turn.heard) {
            let payloads = match &said {
                Ok(Said::Results { heads, .. }) => split(frames, heads.iter().map(|head| head.frames)),
                _ => Vec::new(),
            };
            turn.moved += payloads.len();
            if let Some(route) = route {
                ledger.hear(&route, said, payloads, now);
            }
        }
        let (said, due) = ledger.act(now, turn.quiet);
        (turn.due, turn.over) = (due, ledger.is_settled(now));
        drop(ledger);
        for (route, said) in said {
            turn.say(only(0, Some(route), &said)?);
        }
        Ok(())
    }

    fn has_news(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.ledger.lock().has_news()
    }

    fn ended(&self, failure: Option<Error>) {
        *self.end.lock() = Some(failure.map_or(Ok(()), Err));
    }
}
