//! A worker with its thread, and the handle by which a program takes jobs from it and gives it what became of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::desk::{Counts, Desk, Ended, Line, Outcome, Side, Task};
use super::party::{only, prepare_dealer, serve, split, Bell, Gong, Heard, Party, Turn};
use super::payload::share;
use super::producer::MOST_FRAMES;
use super::wire::{status, ResultHead, Run, Said};
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::message::Frames;
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

const JOBS: usize = 0;
const RESULTS: usize = 1;

/// The handle. When it is dropped, the worker ends at once.
pub struct Worker {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    sockets: [Socket; 2],
    ledger: Mutex<Desk<Frames>>,
    bell: Bell,
    gong: Gong,
    halt: AtomicBool,
    end: Mutex<Option<std::result::Result<(), Error>>>,
}

/// What comes next.
pub enum Next {
    /// A job to be done.
    Task(Task<Frames>),
    /// The worker has ended.
    Ended(Ended),
    /// The time was over.
    TimeOver,
}

impl Worker {
    /// Works for the producer to whom the first DEALER connects, and sends results to where the second does. Both are the
    /// worker's own from now on.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(jobs: Socket, results: Socket, name: String, codecs: [String; 2]) -> Result<Self> {
        let [read, write] = codecs;
        let shared = Arc::new(Shared {
            sockets: [jobs, results],
            ledger: Mutex::new(Desk::new(name, read, write, Instant::now())),
            bell: Bell::new()?,
            gong: Gong::default(),
            halt: AtomicBool::new(false),
            end: Mutex::new(None),
        });
        serve("brokerless-worker", &shared)?;
        Ok(Worker { shared, generation: fork_generation() })
    }

    /// Sets the options that its sockets need before they connect.
    ///
    /// # Errors
    /// It is no DEALER.
    pub fn prepare(socket: &Socket) -> Result<()> {
        prepare_dealer(socket)
    }

    /// The next job, if one is there.
    ///
    /// # Errors
    /// The worker's sockets are gone.
    pub fn try_next(&self) -> Result<Option<Next>> {
        self.check_fork()?;
        // First: why it has ended is known before its thread ends, which may be at any moment from here on.
        let end = self.shared.end.lock().clone();
        let mut ledger = self.shared.ledger.lock();
        if let Some(task) = ledger.take(Instant::now()) {
            return Ok(Some(Next::Task(task)));
        }
        match (end, ledger.ended().cloned()) {
            (None, _) => Ok(None),
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(())), Some(why)) => Ok(Some(Next::Ended(why))),
            (Some(Ok(())), None) => Err(Error::closed_while_waiting()),
        }
    }

    /// Waits for the next job, or the end.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the worker's sockets are gone.
    pub fn next(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Next> {
        let next = self.shared.gong.wait_for(|| self.try_next(), deadline, interrupt)?;
        Ok(next.unwrap_or(Next::TimeOver))
    }

    /// What became of the job in hand.
    ///
    /// # Errors
    /// It has too many frames, and is none.
    pub fn put(&self, outcome: Outcome<Frames>) -> Result<()> {
        self.check_fork()?;
        if let Outcome::Value(frames) | Outcome::Failed(frames) = &outcome {
            if frames.len() > MOST_FRAMES {
                let why = format!("a result has {MOST_FRAMES} frames at most, not {}", frames.len());
                return Err(Error::invalid(why));
            }
        }
        let idle = self.shared.ledger.lock().put(outcome, Instant::now());
        if idle {
            self.shared.bell.ring_loudly();
        } else {
            self.shared.bell.ring();
        }
        Ok(())
    }

    /// The job in hand was not finished, and is the next to be taken again.
    pub fn put_back(&self, payload: Frames) {
        if self.generation == fork_generation() {
            self.shared.ledger.lock().put_back(payload);
            self.shared.bell.ring_loudly();
        }
    }

    /// Whether the producer, and the collector, have welcomed it.
    pub fn is_here(&self) -> (bool, bool) {
        self.look((false, false), |ledger| (ledger.is_here(Side::Jobs), ledger.is_here(Side::Results)))
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.look(Counts::default(), Desk::counts)
    }

    /// Ends after the job in hand, and gives back what it has besides; `at_once`: ends now.
    pub fn stop(&self, at_once: bool) {
        if self.generation == fork_generation() {
            let mut ledger = self.shared.ledger.lock();
            ledger.leave();
            if at_once {
                ledger.abandon();
            }
            drop(ledger);
            self.shared.halt.store(true, Ordering::Release);
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

    fn check_fork(&self) -> Result<()> {
        if self.generation == fork_generation() {
            Ok(())
        } else {
            Err(Error::forked())
        }
    }

    fn look<T>(&self, nothing: T, look: impl FnOnce(&Desk<Frames>) -> T) -> T {
        match self.generation == fork_generation() {
            true => look(&self.shared.ledger.lock()),
            false => nothing,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop(true);
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
        self.halt.store(false, Ordering::Release);
        let mut ledger = self.ledger.lock();
        for (line, _) in std::mem::take(&mut turn.unsent) {
            ledger.unreachable(side(line), now);
        }
        for Heard { line, said, frames, .. } in std::mem::take(&mut turn.heard) {
            let payloads = match &said {
                Ok(Said::Jobs { heads, .. }) => split(frames, heads.iter().map(|head| head.frames)),
                _ => Vec::new(),
            };
            turn.moved += payloads.len();
            ledger.hear(side(line), said, payloads, now);
        }
        let (lines, due) = ledger.act(now, turn.quiet);
        for line in lines {
            match line {
                Line::Say(Side::Jobs, said) => turn.say(only(JOBS, None, &said)?),
                Line::Say(Side::Results, said) => turn.say(only(RESULTS, None, &said)?),
                Line::Results(run, numbers) => results(&mut ledger, run, &numbers, turn)?,
            }
        }
        (turn.due, turn.over) = (due, ledger.ended().is_some());
        Ok(())
    }

    fn has_news(&self) -> bool {
        self.halt.load(Ordering::Acquire) || self.ledger.lock().has_news()
    }

    fn ended(&self, failure: Option<Error>) {
        *self.end.lock() = Some(failure.map_or(Ok(()), Err));
    }
}

fn side(line: usize) -> Side {
    if line == JOBS {
        Side::Jobs
    } else {
        Side::Results
    }
}

fn results(ledger: &mut Desk<Frames>, run: Run, numbers: &[u64], turn: &mut Turn) -> Result<()> {
    let (mut heads, mut payloads) = (Vec::with_capacity(numbers.len()), Vec::with_capacity(numbers.len()));
    for &number in numbers {
        if let Some((payload, status, attempt)) = ledger.open(&run, number) {
            let payload = if status == status::NOTHING { Frames::new() } else { share(payload)? };
            let frames = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            heads.push(ResultHead { number, status, attempt, frames });
            payloads.push(payload);
        }
    }
    turn.moved += heads.len();
    let head = Said::Results { run, heads }.message()?;
    turn.say_with(RESULTS, None, head, payloads);
    Ok(())
}
