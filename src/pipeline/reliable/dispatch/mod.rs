//! What a producer knows: which jobs there are, who has which, and what is to be done with those of a worker that is gone.
//!
//! No sockets, no threads: events and the time go in, what is to be said comes out. A job is in one of three places: it
//! waits, it is with a worker, or it is done, which is when the worker has told that the collector has its result.
//!
//! Jobs of a worker that was lost are *suspects*: one of them may have killed it. Each of these is given to a worker that
//! has nothing else, so that the next death says which one it was, and the others are never counted for it again.
//!
//! [`sessions`] is about workers that come and go, [`shares`] about who gets what.

mod sessions;
mod shares;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::figures::{Tally, Workers};
use sessions::Loss;

use super::payload::Payload;
use super::wire::{bye, status, Refused, Role, Run, Said};
use super::Route;

/// The most jobs that a worker has, whatever it asks for.
pub const MOST_CREDIT: usize = 4096;
/// The most jobs in a message.
pub const MOST_JOBS: usize = 256;
/// So many bytes of jobs are a message.
const MESSAGE_BYTES: u64 = 1 << 20;
/// A worker that has so many bytes is given no more.
const MOST_BYTES: u64 = 64 << 20;

/// How long a producer that has ended waits for its workers to go, and a collector that closes: they have to hear of it.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// How a producer goes about it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// From the oldest job that is not done to the newest there are so many at most.
    pub window: usize,
    /// And so many bytes, or one job.
    pub window_bytes: u64,
    /// How often a job that fails is tried again.
    pub retries: u16,
    /// A job that has lost so many workers is given up.
    pub max_deliveries: u16,
    /// How long nothing is said before a BEAT.
    pub beat: Duration,
    /// Who is silent for so long is lost.
    pub limit: Duration,
    /// A worker that is at one job for so long counts as silent.
    pub job_limit: Option<Duration>,
    /// What the jobs are written in.
    pub codec: String,
}

/// What is to be said, and to whom.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// A message without payload.
    Say(Route, Said),
    /// These jobs.
    Jobs(Route, Vec<u64>),
}

/// What a producer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs taken from the program.
    pub jobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Jobs that a worker has now.
    pub in_flight: u64,
    /// Jobs that were given to a worker once more, because another was lost or left.
    pub redelivered: u64,
    /// Jobs that were tried again, because they failed.
    pub retried: u64,
    /// Jobs that were given up.
    pub given_up: u64,
    /// Messages that were none.
    pub refused: u64,
    /// Workers that are there.
    pub workers: u64,
    /// Workers that were lost.
    pub lost: u64,
}

struct Job<P> {
    payload: P,
    bytes: u64,
    pass: u8,
    place: Place,
    deliveries: u16,
    failures: u16,
    /// How many workers it may have killed.
    deaths: u16,
    last: Option<Arc<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    With(u64),
    Done,
}

struct Session {
    route: Route,
    name: Arc<str>,
    heard: Instant,
    said: Instant,
    credit: usize,
    /// What it was given, in order; some of it may be done.
    given: VecDeque<u64>,
    in_flight: usize,
    in_flight_bytes: u64,
    /// It has one suspect and nothing else.
    alone: bool,
}

/// A producer's ledger.
pub struct Dispatch<P> {
    run: Run,
    rules: Rules,
    /// The number of the first job in `jobs`: all before it are done.
    base: u64,
    jobs: VecDeque<Job<P>>,
    bytes: u64,
    /// The next job that nobody was given yet.
    fresh: u64,
    /// Those to be given out again.
    again: BTreeSet<u64>,
    suspects: BTreeSet<u64>,
    sessions: HashMap<u64, Session>,
    routes: HashMap<Route, u64>,
    turn: VecDeque<u64>,
    next_session: u64,
    /// Kept free for suspects.
    reserved: Option<u64>,
    /// How many workers must have come before the first job goes out.
    gate: usize,
    finished: bool,
    over: bool,
    /// Since when that is so, for those who act on it.
    over_since: Option<Instant>,
    due: Option<Instant>,
    counts: Counts,
    workers: Workers,
    orders: Vec<Order>,
}

impl<P: Payload> Dispatch<P> {
    /// For a new run.
    pub fn new(run: Run, rules: Rules) -> Self {
        Dispatch {
            run,
            rules,
            base: 0,
            jobs: VecDeque::new(),
            bytes: 0,
            fresh: 0,
            again: BTreeSet::new(),
            suspects: BTreeSet::new(),
            sessions: HashMap::new(),
            routes: HashMap::new(),
            turn: VecDeque::new(),
            next_session: 0,
            reserved: None,
            gate: 0,
            finished: false,
            over: false,
            over_since: None,
            due: None,
            counts: Counts::default(),
            workers: Workers::default(),
            orders: Vec::new(),
        }
    }

    /// Its run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How it goes about it.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Gives out nothing until so many workers are there at once.
    pub fn wait_for(&mut self, workers: usize) {
        self.gate = workers;
        self.open_gate();
    }

    /// Whether another job of so many bytes may be taken.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.jobs.len() < self.rules.window && (self.jobs.is_empty() || self.bytes + bytes <= self.rules.window_bytes)
    }

    /// Takes a job; its number.
    pub fn offer(&mut self, payload: P) -> u64 {
        let bytes = payload.bytes();
        self.counts.jobs += 1;
        self.counts.bytes += bytes;
        self.push(payload, 0)
    }

    /// No more jobs will come. Whether that is news.
    pub fn finish(&mut self) -> bool {
        let news = !self.finished;
        if news {
            self.finished = true;
            self.push(P::nothing(), status::END);
        }
        news
    }

    /// Whether [`Dispatch::finish`] was called.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether all jobs are done, and the collector knows.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Ends before all is done.
    pub fn abort(&mut self) {
        if !self.over {
            self.over = true;
            self.say_to_all(bye::CLOSED);
        }
    }

    /// Cancels a job that no worker has; whether it is cancelled.
    pub fn cancel(&mut self, number: u64) -> bool {
        let Some(job) = self.job(number) else {
            return false;
        };
        if job.place != Place::Waiting || job.pass != 0 {
            return false;
        }
        job.payload = P::nothing();
        job.pass = status::CANCELLED;
        let bytes = std::mem::take(&mut job.bytes);
        self.bytes -= bytes;
        if self.suspects.remove(&number) {
            self.again.insert(number);
        }
        true
    }

    /// Whether a worker has it, or it is done.
    pub fn is_begun(&self, number: u64) -> bool {
        match self.index(number).and_then(|index| self.jobs.get(index)) {
            Some(job) => job.place != Place::Waiting,
            None => number < self.base,
        }
    }

    /// What a job carries, its status to pass on, attempt, and how often it may be tried again.
    pub fn open(&mut self, number: u64) -> Option<(&mut P, u8, u16, u16)> {
        let retries = self.rules.retries;
        let job = self.job(number)?;
        let left = retries.saturating_sub(job.failures);
        Some((&mut job.payload, job.pass, job.deliveries, left))
    }

    /// A message came.
    pub fn hear(&mut self, route: &Route, said: std::result::Result<Said, Refused>, now: Instant) {
        let known = self.routes.get(route).copied();
        if let Some(session) = known.and_then(|id| self.sessions.get_mut(&id)) {
            session.heard = now;
        }
        let said = match said {
            Ok(said) => said,
            Err(refused) => return self.refuse(route, refused),
        };
        match (said, known) {
            (Said::Gone, Some(id)) => self.lose(id, Loss::Death),
            (Said::Gone, None) => {}
            (Said::Hello { role: Role::Producer, run, name, held }, _) => self.greet(route, run, &name, &held, now),
            // A worker that has taken this for its collector is told what it is.
            (Said::Hello { role: Role::Collector, .. }, _) => self.welcome(route, Vec::new()),
            (Said::Done { run, numbers }, _) if run == self.run => {
                numbers.iter().for_each(|number| self.done(*number, known));
                self.advance();
                if known.is_none() {
                    self.say(route, Said::Who);
                }
            }
            (Said::Again { run, numbers }, Some(id)) if run == self.run => {
                numbers.iter().for_each(|number| self.failed(*number, id));
            }
            (Said::Want { jobs }, Some(id)) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    let jobs = usize::try_from(jobs).unwrap_or(MOST_CREDIT);
                    session.credit = session.credit.saturating_add(jobs).min(MOST_CREDIT);
                }
            }
            (Said::Leave, Some(id)) => {
                self.say(route, Said::Bye { reason: bye::LEFT });
                self.lose(id, Loss::Left);
            }
            (Said::Beat, Some(_)) | (Said::Done { .. } | Said::Again { .. }, Some(_)) => {}
            (Said::Leave, None) => self.say(route, Said::Bye { reason: bye::LEFT }),
            (Said::Beat | Said::Want { .. } | Said::Done { .. } | Said::Again { .. }, None) => {
                self.say(route, Said::Who);
            }
            _ => self.counts.refused += 1,
        }
    }

    /// A message could not be sent: nobody is there any more.
    pub fn unreachable(&mut self, route: &Route) {
        if let Some(id) = self.routes.get(route).copied() {
            self.lose(id, Loss::Death);
        }
    }

    /// What is to be said now, and when to come back at the latest.
    ///
    /// `quiet`: all that came has been heard, so that who seems to be silent is.
    pub fn act(&mut self, now: Instant, quiet: bool) -> (Vec<Order>, Option<Instant>) {
        if quiet && self.due.is_none_or(|due| due <= now) {
            self.look_at_clock(now);
        }
        if self.over {
            let end = *self.over_since.get_or_insert(now) + GOODBYE;
            self.due = Some(self.due.map_or(end, |due| due.min(end)));
        } else {
            self.hand_out(now);
        }
        (std::mem::take(&mut self.orders), self.due)
    }

    /// Whether it is over, and everybody has gone who was told so, or has had time enough to go.
    pub fn is_settled(&self, now: Instant) -> bool {
        self.over && (self.sessions.is_empty() || self.over_since.is_some_and(|since| now >= since + GOODBYE))
    }

    /// Whether the next [`Dispatch::act`] has something to do that another thread has brought.
    pub fn has_news(&self) -> bool {
        let able = |session: &Session| session.credit > 0 && !session.alone && session.in_flight_bytes < MOST_BYTES;
        let able = |(id, session): (&u64, &Session)| Some(*id) != self.reserved && able(session);
        self.gate == 0 && self.fresh < self.end() && self.sessions.iter().any(able)
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let in_flight = self.sessions.values().map(|session| session.in_flight as u64).sum();
        Counts { in_flight, workers: self.sessions.len() as u64, ..self.counts }
    }

    /// How many jobs wait for a worker.
    pub fn waiting(&self) -> u64 {
        self.again.len() as u64 + self.suspects.len() as u64 + (self.end() - self.fresh)
    }

    /// What each worker has done.
    pub fn workers(&self) -> Vec<Tally> {
        let mut all = self.workers.all();
        for session in self.sessions.values() {
            if let Some(tally) = all.iter_mut().find(|tally| tally.name == session.name) {
                tally.here = true;
                tally.in_flight = session.in_flight as u64;
            }
        }
        all
    }

    fn push(&mut self, payload: P, pass: u8) -> u64 {
        let number = self.end();
        let bytes = payload.bytes();
        self.bytes += bytes;
        self.jobs.push_back(Job {
            payload,
            bytes,
            pass,
            place: Place::Waiting,
            deliveries: 0,
            failures: 0,
            deaths: 0,
            last: None,
        });
        number
    }

    fn end(&self) -> u64 {
        self.base + self.jobs.len() as u64
    }

    fn index(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.base).and_then(|index| usize::try_from(index).ok())
    }

    fn job(&mut self, number: u64) -> Option<&mut Job<P>> {
        let index = self.index(number)?;
        self.jobs.get_mut(index).filter(|job| job.place != Place::Done)
    }

    fn say(&mut self, route: &Route, said: Said) {
        self.orders.push(Order::Say(route.clone(), said));
    }

    fn say_to_all(&mut self, reason: u8) {
        let routes: Vec<Route> = self.sessions.values().map(|session| session.route.clone()).collect();
        routes.iter().for_each(|route| self.say(route, Said::Bye { reason }));
    }

    fn refuse(&mut self, route: &Route, refused: Refused) {
        self.counts.refused += 1;
        if refused == Refused::Version {
            self.say(route, Said::Bye { reason: bye::VERSION });
        }
    }

    fn done(&mut self, number: u64, teller: Option<u64>) {
        // Nobody can have done what nobody was given.
        let Some(job) = self.job(number).filter(|job| job.deliveries > 0) else {
            return;
        };
        let place = std::mem::replace(&mut job.place, Place::Done);
        let (bytes, pass) = (std::mem::take(&mut job.bytes), job.pass);
        job.payload = P::nothing();
        self.bytes -= bytes;
        match place {
            Place::With(id) => self.release(id, bytes),
            Place::Waiting => {
                self.again.remove(&number);
                self.suspects.remove(&number);
            }
            Place::Done => {}
        }
        if pass == status::END {
            return;
        }
        self.counts.done += 1;
        let name = teller.and_then(|id| self.sessions.get(&id)).map(|session| session.name.clone());
        if let Some(name) = name {
            self.workers.count(&name, |tally| tally.done += 1);
        }
    }

    /// A worker has one job less.
    fn release(&mut self, id: u64, bytes: u64) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.in_flight = session.in_flight.saturating_sub(1);
            session.in_flight_bytes = session.in_flight_bytes.saturating_sub(bytes);
            session.alone = false;
            while session.given.front().is_some_and(|number| {
                let index = number.checked_sub(self.base).and_then(|index| usize::try_from(index).ok());
                let job = index.and_then(|index| self.jobs.get(index));
                job.is_none_or(|job| job.place != Place::With(id))
            }) {
                session.given.pop_front();
            }
        }
    }

    fn advance(&mut self) {
        while self.jobs.front().is_some_and(|job| job.place == Place::Done) {
            self.jobs.pop_front();
            self.base += 1;
        }
        self.fresh = self.fresh.max(self.base);
        if self.finished && self.jobs.is_empty() && !self.over {
            self.over = true;
            self.say_to_all(bye::DONE);
        }
    }

    fn failed(&mut self, number: u64, id: u64) {
        let Some(job) = self.job(number).filter(|job| job.place == Place::With(id)) else {
            return;
        };
        job.failures = job.failures.saturating_add(1);
        job.place = Place::Waiting;
        let bytes = job.bytes;
        self.release(id, bytes);
        self.again.insert(number);
        self.counts.retried += 1;
        let name = self.sessions.get(&id).map(|session| session.name.clone());
        if let Some(name) = name {
            self.workers.count(&name, |tally| tally.failed += 1);
        }
    }
}

/// As the wire has it.
pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
