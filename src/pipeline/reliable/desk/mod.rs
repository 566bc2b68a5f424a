//! What a worker knows: the jobs that it was given and has not begun, the one in hand, and the results that the collector
//! has not acknowledged.
//!
//! No sockets, no threads: events and the time go in, what is to be said comes out. It asks for as many jobs as it does in a
//! moment, so that little waits for it while others have nothing to do. A result is kept until the collector has
//! acknowledged it, and only then is the producer told that the job is done. [`speech`] is what it says.

mod speech;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::payload::Payload;
use super::wire::{bye, status, JobHead, Refused, ResultHead, Role, Run, Said};

/// A worker has jobs for so long at most, if it has more than one.
const MOMENT: Duration = Duration::from_millis(20);
/// Jobs that take so long are asked for one by one: what is on its way meanwhile does not count.
const LONG: Duration = Duration::from_millis(50);
/// And not more than so many.
const MOST_WINDOW: usize = 512;
/// How many jobs it asks for before it knows how long one takes.
const FIRST_WINDOW: usize = 2;
/// How many acknowledged results are remembered, to tell of them again.
const REMEMBERED: usize = 1024;
/// The most results in a message.
const MOST_RESULTS: usize = 256;
/// So many bytes of results are a message.
const MOST_BYTES: u64 = 1 << 20;
/// How soon to try again where nobody is there.
const RETRY: Duration = Duration::from_millis(50);

/// Which of its two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The producer's.
    Jobs,
    /// The collector's.
    Results,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A message without payload.
    Say(Side, Said),
    /// These results.
    Results(Run, Vec<u64>),
}

/// Why a worker has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All work is done.
    Done,
    /// The producer has stopped before that.
    Closed,
    /// The worker was asked to leave.
    Left,
    /// Whoever is there is not what it should be; says why.
    Wrong(String),
}

/// A job to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct Task<P> {
    /// Its number within the run.
    pub number: u64,
    /// Which delivery this is.
    pub attempt: u16,
    /// What it carries.
    pub payload: P,
}

/// What a function made of a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<P> {
    /// It returned something.
    Value(P),
    /// It returned nothing to pass on.
    Nothing,
    /// It failed.
    Failed(P),
}

/// What a worker has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that came.
    pub received: u64,
    /// Results that the collector has acknowledged.
    pub sent: u64,
    /// Jobs at which the function failed.
    pub failed: u64,
    /// Messages that were none.
    pub refused: u64,
}

struct Given<P> {
    head: JobHead,
    payload: P,
}

struct Made<P> {
    head: ResultHead,
    payload: P,
    bytes: u64,
}

/// One side's state.
struct Peer {
    /// It has said WELCOME.
    here: bool,
    /// When to say HELLO, if it is not known there.
    greet_at: Option<Instant>,
    heard: Instant,
    said: Instant,
    /// It has said BYE, or was told LEAVE.
    gone: bool,
    beat: Duration,
    limit: Duration,
}

/// A worker's ledger.
pub struct Desk<P> {
    name: String,
    codecs: [String; 2],
    run: Option<Run>,
    jobs: Peer,
    results: Peer,
    job_limit: Option<Duration>,
    queue: VecDeque<Given<P>>,
    hand: Option<(Run, JobHead, Instant)>,
    /// Not yet sent.
    ready: VecDeque<(Run, u64)>,
    /// Not yet acknowledged, those in `ready` among them.
    kept: BTreeMap<(Run, u64), Made<P>>,
    acknowledged: Vec<(Run, u64)>,
    told: VecDeque<(Run, u64)>,
    again: Vec<(Run, u64)>,
    credit: usize,
    window: usize,
    pace: Option<Duration>,
    leaving: bool,
    /// The producer has stopped before its work was done.
    closed: bool,
    /// Since when there is nothing to do but to deliver.
    dismissed: Option<Instant>,
    ended: Option<Ended>,
    counts: Counts,
    lines: Vec<Line>,
}

impl<P: Payload> Desk<P> {
    /// For a worker of this name, which reads jobs and writes results in these codecs.
    pub fn new(name: String, jobs: String, results: String, now: Instant) -> Self {
        let peer = || Peer {
            here: false,
            greet_at: None,
            heard: now,
            said: now,
            gone: false,
            beat: Duration::from_secs(1),
            limit: Duration::from_secs(5),
        };
        Desk {
            name,
            codecs: [jobs, results],
            run: None,
            jobs: peer(),
            results: peer(),
            job_limit: None,
            queue: VecDeque::new(),
            hand: None,
            ready: VecDeque::new(),
            kept: BTreeMap::new(),
            acknowledged: Vec::new(),
            told: VecDeque::new(),
            again: Vec::new(),
            credit: 0,
            window: FIRST_WINDOW,
            pace: None,
            leaving: false,
            closed: false,
            dismissed: None,
            ended: None,
            counts: Counts::default(),
            lines: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it has ended, if it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether somebody is there at that side.
    pub fn is_here(&self, side: Side) -> bool {
        match side {
            Side::Jobs => self.jobs.here,
            Side::Results => self.results.here,
        }
    }

    /// The next job to be done.
    pub fn take(&mut self, now: Instant) -> Option<Task<P>> {
        if self.hand.is_some() || self.leaving || self.ended.is_some() {
            return None;
        }
        let (run, Given { head, payload }) = (self.run?, self.queue.pop_front()?);
        self.hand = Some((run, head, now));
        Some(Task { number: head.number, attempt: head.attempt, payload })
    }

    /// What became of the job in hand. Whether there is nothing left to do, so that it should be told at once.
    pub fn put(&mut self, outcome: Outcome<P>, now: Instant) -> bool {
        let Some((run, head, begun)) = self.hand.take() else {
            return false;
        };
        self.measure(now.saturating_duration_since(begun));
        let (status, payload) = match outcome {
            Outcome::Value(payload) => (status::VALUE, payload),
            Outcome::Nothing => (status::NOTHING, P::nothing()),
            Outcome::Failed(payload) => {
                self.counts.failed += 1;
                if head.left > 0 {
                    self.again.push((run, head.number));
                    return self.queue.is_empty();
                }
                (status::ERROR, payload)
            }
        };
        self.keep(run, &head, status, payload);
        self.queue.is_empty()
    }

    /// The job in hand was not finished, and is the next to be taken again.
    pub fn put_back(&mut self, payload: P) {
        if let Some((_, head, _)) = self.hand.take().filter(|(run, ..)| Some(*run) == self.run) {
            self.queue.push_front(Given { head, payload });
        }
    }

    /// Ends after the job in hand; what it has besides is given back.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// Ends now. What it has is lost to it, and will be given to another.
    pub fn abandon(&mut self) {
        self.ended.get_or_insert(Ended::Left);
    }

    /// The payload of a result, its status, and the attempt.
    pub fn open(&mut self, run: &Run, number: u64) -> Option<(&mut P, u8, u16)> {
        let made = self.kept.get_mut(&(*run, number))?;
        Some((&mut made.payload, made.head.status, made.head.attempt))
    }

    /// A message came, with the payloads of its jobs.
    pub fn hear(&mut self, side: Side, said: Result<Said, Refused>, mut payloads: Vec<P>, now: Instant) {
        let peer = self.peer(side);
        peer.heard = now;
        let said = match said {
            Ok(said) => said,
            Err(_) => {
                self.counts.refused += 1;
                return;
            }
        };
        match (side, said) {
            (_, Said::Beat) => {}
            (_, Said::Who) => {
                // More of them may be on their way, each for what was said before the HELLO.
                if peer.here {
                    (peer.here, peer.greet_at) = (false, None);
                }
            }
            (_, Said::Welcome { role, run, beat_ms, limit_ms, job_ms, codec, kept }) => {
                if !self.fits(side, role, &codec) {
                    return;
                }
                let peer = self.peer(side);
                (peer.here, peer.greet_at) = (true, None);
                peer.beat = Duration::from_millis(u64::from(beat_ms).max(1));
                peer.limit = Duration::from_millis(u64::from(limit_ms).max(1));
                match side {
                    Side::Jobs => self.joined(run, job_ms, &kept),
                    // Whoever it is may not have what the one before was sent.
                    Side::Results => self.ready = self.kept.keys().copied().collect(),
                }
            }
            (Side::Jobs, Said::Jobs { run, heads }) => {
                self.credit = self.credit.saturating_sub(heads.len());
                if Some(run) != self.run || self.leaving || !self.jobs.here {
                    return;
                }
                for (head, payload) in heads.into_iter().zip(payloads.drain(..)) {
                    if head.pass == 0 {
                        self.counts.received += 1;
                        self.queue.push_back(Given { head, payload });
                    } else {
                        self.keep(run, &head, head.pass, payload);
                    }
                }
            }
            (Side::Results, Said::Ack { run, numbers }) => {
                for number in numbers {
                    if let Some(made) = self.kept.remove(&(run, number)) {
                        if made.head.status != status::ABORT {
                            self.acknowledged.push((run, number));
                        }
                        if matches!(made.head.status, status::VALUE | status::NOTHING | status::ERROR) {
                            self.counts.sent += 1;
                        }
                    }
                }
            }
            (_, Said::Bye { reason: bye::VERSION }) => {
                self.ended = Some(Ended::Wrong("another version of the protocol is spoken there".into()));
            }
            (_, Said::Bye { reason: bye::LEFT }) => self.peer(side).gone = true,
            (Side::Jobs, Said::Bye { reason }) => self.dismissed(reason),
            (Side::Results, Said::Bye { .. }) => {
                // A collector that is closed. Another may come in its place.
                self.results.here = false;
            }
            _ => self.counts.refused += 1,
        }
    }

    /// Nobody is there at that side: what was said has not been heard.
    pub fn unreachable(&mut self, side: Side, now: Instant) {
        let peer = self.peer(side);
        (peer.here, peer.greet_at) = (false, Some(now + RETRY));
        if side == Side::Jobs {
            self.credit = 0;
        }
    }

    /// What is to be said now, and when to come back at the latest. See [`super::dispatch::Dispatch::act`] for `quiet`.
    pub fn act(&mut self, now: Instant, quiet: bool) -> (Vec<Line>, Option<Instant>) {
        if self.ended.is_some() {
            return (std::mem::take(&mut self.lines), None);
        }
        if quiet {
            self.look_for_silence(now);
        }
        // The producer is told of a worker when it has somebody to send results to.
        let due = [self.greet(Side::Results, now), self.greet(Side::Jobs, now)];
        self.send_results(now);
        self.tell_producer(now);
        self.ask(now);
        let end = self.finish(now);
        let beats = [Side::Jobs, Side::Results].map(|side| self.beat(side, now));
        let stuck = self.hand.as_ref().zip(self.job_limit).map(|((_, _, begun), limit)| *begun + limit);
        let due = due.into_iter().chain(beats).chain([stuck.filter(|at| *at > now), end]).flatten().min();
        (std::mem::take(&mut self.lines), due)
    }

    /// Whether the next [`Desk::act`] has something to do that another thread has brought.
    pub fn has_news(&self) -> bool {
        (!self.ready.is_empty() && self.results.here) || (!self.again.is_empty() && self.jobs.here)
    }

    fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Jobs => &mut self.jobs,
            Side::Results => &mut self.results,
        }
    }

    fn fits(&mut self, side: Side, role: Role, codec: &str) -> bool {
        let (expected, own) = match side {
            Side::Jobs => (Role::Producer, &self.codecs[0]),
            Side::Results => (Role::Collector, &self.codecs[1]),
        };
        let why = if role != expected {
            match side {
                Side::Jobs => "a collector is there, where a worker looks for its producer".to_owned(),
                Side::Results => "a producer is there, where a worker looks for its collector".to_owned(),
            }
        } else if codec != own {
            let what = if side == Side::Jobs { "jobs are" } else { "results are to be" };
            format!("the {what} in {codec:?}, and this worker has the codec {own:?}")
        } else {
            return true;
        };
        self.ended = Some(Ended::Wrong(why));
        false
    }

    fn joined(&mut self, run: Run, job_ms: u32, kept: &[u64]) {
        if self.run == Some(run) {
            self.queue.retain(|given| kept.contains(&given.head.number));
        } else {
            self.queue.clear();
        }
        self.run = Some(run);
        self.job_limit = (job_ms > 0).then(|| Duration::from_millis(job_ms.into()));
        self.credit = 0;
        // It may not have heard of these.
        let told = self.told.iter().filter(|(of, _)| *of == run).copied();
        self.acknowledged.extend(told);
        self.told.clear();
    }

    fn dismissed(&mut self, reason: u8) {
        self.jobs.gone = true;
        self.jobs.here = false;
        self.queue.clear();
        self.again.clear();
        self.acknowledged.clear();
        if reason == bye::CLOSED {
            self.closed = true;
            if let Some(run) = self.run {
                let head = JobHead { number: u64::MAX, pass: status::ABORT, attempt: 1, left: 0, frames: 0 };
                self.keep(run, &head, status::ABORT, P::nothing());
            }
        }
    }

    fn keep(&mut self, run: Run, head: &JobHead, status: u8, payload: P) {
        let bytes = payload.bytes();
        let head = ResultHead { number: head.number, status, attempt: head.attempt, frames: 0 };
        self.kept.insert((run, head.number), Made { head, payload, bytes });
        self.ready.push_back((run, head.number));
    }

    fn measure(&mut self, took: Duration) {
        let pace = self.pace.map_or(took, |pace| (pace * 7 + took) / 8);
        self.pace = Some(pace);
        let fitting = MOMENT.as_nanos() / pace.as_nanos().max(1);
        let least = if pace < LONG { FIRST_WINDOW } else { 1 };
        let fitting = usize::try_from(fitting).unwrap_or(MOST_WINDOW).clamp(least, MOST_WINDOW);
        self.window = fitting.min(self.window * 2);
    }

    fn is_stuck(&self, now: Instant) -> bool {
        let since = self.hand.as_ref().zip(self.job_limit);
        since.is_some_and(|((_, _, begun), limit)| now >= *begun + limit)
    }
}
