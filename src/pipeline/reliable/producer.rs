//! A producer with its thread, and the handle by which the program gives it jobs.

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;

use super::collector::Collector;
use super::dispatch::{Counts, Dispatch, Order, Rules};
use super::figures::Tally;
use super::party::{only, prepare_router, serve, wait_for_any, Bell, Gong, Heard, Party, Turn};
use super::payload::{share, Payload};
use super::wire::{JobHead, Run, Said};
use super::Route;
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::message::Frames;
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

/// The most frames of a job or result.
pub const MOST_FRAMES: usize = u16::MAX as usize;

/// The handle. When it is dropped, the producer stops.
pub struct Producer {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    sockets: [Socket; 1],
    ledger: Mutex<Dispatch<Frames>>,
    bell: Bell,
    gong: Gong,
    end: Mutex<Option<std::result::Result<(), Error>>>,
}

impl Producer {
    /// Hands out jobs by a ROUTER, which is the producer's own from now on.
    ///
    /// # Errors
    /// Those of its options; no thread is to be had.
    pub fn start(socket: Socket, run: Run, rules: Rules) -> Result<Self> {
        let shared = Arc::new(Shared {
            sockets: [socket],
            ledger: Mutex::new(Dispatch::new(run, rules)),
            bell: Bell::new()?,
            gong: Gong::default(),
            end: Mutex::new(None),
        });
        serve("brokerless-jobs", &shared)?;
        Ok(Producer { shared, generation: fork_generation() })
    }

    /// Sets the options that its socket needs before it binds.
    ///
    /// # Errors
    /// It is no ROUTER.
    pub fn prepare(socket: &Socket) -> Result<()> {
        prepare_router(socket)
    }

    /// Gives out nothing until so many workers are there at once.
    ///
    /// # Errors
    /// The producer has ended.
    pub fn gate(&self, workers: usize) -> Result<()> {
        self.with(|ledger| ledger.wait_for(workers)).map(|()| self.shared.bell.ring_loudly())
    }

    /// Takes a job if there is room: its number, or the job again.
    ///
    /// # Errors
    /// The producer has ended; a job has too many frames.
    pub fn try_offer(&self, payload: Frames) -> Result<std::result::Result<u64, Frames>> {
        if payload.len() > MOST_FRAMES {
            return Err(Error::invalid(format!("a job has {MOST_FRAMES} frames at most, not {}", payload.len())));
        }
        let taken = self.with(|ledger| {
            if ledger.is_finished() {
                return Err(Error::Closed("this producer has been told that no more jobs will come".into()));
            }
            Ok(if ledger.has_room(payload.bytes()) { Ok(ledger.offer(payload)) } else { Err(payload) })
        })??;
        if taken.is_ok() {
            self.shared.bell.ring();
        }
        Ok(taken)
    }

    /// Takes a job, waiting for room; its number.
    ///
    /// # Errors
    /// EAGAIN at the deadline, [`Error::Interrupted`], and those of [`Producer::try_offer`].
    pub fn offer(&self, payload: Frames, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<u64> {
        let mut waiting = Some(payload);
        let look = || match waiting.take().map(|payload| self.try_offer(payload)) {
            Some(Ok(Err(payload))) => {
                waiting = Some(payload);
                Ok(None)
            }
            Some(Ok(Ok(number))) => Ok(Some(number)),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        };
        self.shared.gong.wait_for(look, deadline, interrupt)?.ok_or_else(Error::again)
    }

    /// Says that no more jobs will come.
    ///
    /// # Errors
    /// The producer has ended.
    pub fn finish(&self) -> Result<()> {
        self.with(Dispatch::finish).map(|_| self.shared.bell.ring_loudly())
    }

    /// Waits until all jobs are done and the collector knows; false if the time is over before.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the producer was closed before.
    pub fn wait_over(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        let look = || {
            // First: whether it was over is known before its thread ends, which may be at any moment from here on.
            let end = self.shared.end.lock().clone();
            let ledger = self.shared.ledger.lock();
            match end {
                _ if ledger.is_over() && ledger.is_finished() => Ok(Some(())),
                Some(Err(error)) => Err(error),
                Some(Ok(())) => Err(Error::closed()),
                None => Ok(None),
            }
        };
        self.check_fork()?;
        self.shared.gong.wait_for(look, deadline, interrupt).map(|seen| seen.is_some())
    }

    /// Waits until so many workers are there; how many are, also if the time is over before.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the producer has ended.
    pub fn wait_for_workers(&self, count: usize, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<usize> {
        let here = || self.with(|ledger| usize::try_from(ledger.counts().workers).unwrap_or(usize::MAX));
        let look = || here().map(|here| (here >= count).then_some(here));
        match self.shared.gong.wait_for(look, deadline, interrupt)? {
            Some(here) => Ok(here),
            None => here(),
        }
    }

    /// Waits until another job of so many bytes may be taken, or the collector has something; false if the time is over
    /// before.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn wait_room_or(
        &self,
        bytes: u64,
        collector: &Collector,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<bool> {
        let mut look = || {
            let over = self.shared.end.lock().is_some();
            Ok((over || self.has_room(bytes) || collector.has_next()).then_some(()))
        };
        let gongs = [&self.shared.gong, collector.gong()];
        wait_for_any(&gongs, &mut look, deadline, interrupt).map(|seen| seen.is_some())
    }

    /// Whether another job of so many bytes may be taken.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.look(true, |ledger| ledger.has_room(bytes))
    }

    /// Cancels a job that no worker has; whether it is cancelled.
    pub fn cancel(&self, number: u64) -> bool {
        let cancelled = self.with(|ledger| ledger.cancel(number)).unwrap_or(false);
        if cancelled {
            self.shared.bell.ring_loudly();
        }
        cancelled
    }

    /// Cancels all jobs from this one on that no worker has.
    pub fn cancel_from(&self, first: u64) {
        // Nobody is there to be told of one that has ended.
        let _ = self.with(|ledger| {
            let end = ledger.counts().jobs;
            for number in first..end {
                ledger.cancel(number);
            }
        });
        self.shared.bell.ring_loudly();
    }

    /// Whether a worker has it, or it is done.
    pub fn is_begun(&self, number: u64) -> bool {
        self.with(|ledger| ledger.is_begun(number)).unwrap_or(true)
    }

    /// What it has done so far, and how many jobs wait; also after its end.
    pub fn counts(&self) -> (Counts, u64) {
        self.look((Counts::default(), 0), |ledger| (ledger.counts(), ledger.waiting()))
    }

    /// What each worker has done.
    pub fn workers(&self) -> Vec<Tally> {
        self.look(Vec::new(), |ledger| ledger.workers())
    }

    /// Stops, also before all is done: its workers are told.
    pub fn stop(&self) {
        if self.generation == fork_generation() {
            self.shared.ledger.lock().abort();
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
    pub(crate) fn gauge(&self) -> Result<ProducerGauge> {
        self.check_fork()?;
        match *self.shared.end.lock() {
            None => Ok(ProducerGauge(Arc::downgrade(&self.shared))),
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

    fn with<T>(&self, work: impl FnOnce(&mut Dispatch<Frames>) -> T) -> Result<T> {
        self.check_fork()?;
        match &*self.shared.end.lock() {
            None => {}
            Some(Ok(())) => return Err(Error::closed()),
            Some(Err(error)) => return Err(error.clone()),
        }
        Ok(work(&mut self.shared.ledger.lock()))
    }

    fn look<T>(&self, nothing: T, look: impl FnOnce(&Dispatch<Frames>) -> T) -> T {
        match self.generation == fork_generation() {
            true => look(&self.shared.ledger.lock()),
            false => nothing,
        }
    }
}

/// Shows what a producer has done.
pub struct ProducerGauge(Weak<Shared>);

impl ProducerGauge {
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

impl Drop for Producer {
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
        let mut ledger = self.ledger.lock();
        for (_, route) in std::mem::take(&mut turn.unsent) {
            route.iter().for_each(|route| ledger.unreachable(route));
        }
        for Heard { route, said, .. } in std::mem::take(&mut turn.heard) {
            if let Some(route) = route {
                ledger.hear(&route, said, now);
            }
        }
        let (orders, due) = ledger.act(now, turn.quiet);
        for order in orders {
            match order {
                Order::Say(route, said) => turn.say(only(0, Some(route), &said)?),
                Order::Jobs(route, numbers) => jobs(&mut ledger, route, &numbers, turn)?,
            }
        }
        (turn.due, turn.over) = (due, ledger.is_settled(now));
        Ok(())
    }

    fn has_news(&self) -> bool {
        let ledger = self.ledger.lock();
        ledger.has_news()
    }

    fn ended(&self, failure: Option<Error>) {
        *self.end.lock() = Some(failure.map_or(Ok(()), Err));
    }
}

fn jobs(ledger: &mut Dispatch<Frames>, route: Route, numbers: &[u64], turn: &mut Turn) -> Result<()> {
    let (mut heads, mut payloads) = (Vec::with_capacity(numbers.len()), Vec::with_capacity(numbers.len()));
    for &number in numbers {
        // None is missing: they were given out in this turn.
        if let Some((payload, pass, attempt, left)) = ledger.open(number) {
            let payload = share(payload)?;
            let frames = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            heads.push(JobHead { number, pass, attempt, left, frames });
            payloads.push(payload);
        }
    }
    turn.moved += heads.len();
    let head = Said::Jobs { run: *ledger.run(), heads }.message()?;
    turn.say_with(0, Some(route), head, payloads);
    Ok(())
}
