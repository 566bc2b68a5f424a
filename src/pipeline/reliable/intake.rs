//! What a collector knows: which results it has, so that none is handed over twice, and in which order they go.
//!
//! No sockets, no threads: events and the time go in, what is to be said comes out. For each run there is a watermark, below
//! which it has everything, and a set of those above, which is no larger than the producer's window. A result is
//! acknowledged at once, unless the program is slow to take those before it: then its worker waits, and with it the producer.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dispatch::{millis, GOODBYE};
use super::figures::{Tally, Workers};
use super::payload::Payload;
use super::wire::{bye, status, Refused, ResultHead, Role, Run, Said};
use super::Route;

/// A number so far above the watermark is no producer's.
const MOST_SPAN: u64 = 1 << 22;
/// How many runs that have ended are remembered, and how many go on at once.
const MOST_RUNS: usize = 1000;

/// How a collector goes about it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether results are handed over in the order of their jobs.
    pub ordered: bool,
    /// So many may wait for the program before workers wait for it.
    pub window: usize,
    /// How long nothing is said before a BEAT.
    pub beat: Duration,
    /// Who is silent for so long is lost.
    pub limit: Duration,
    /// What the results are to be written in.
    pub codec: String,
}

/// A result for the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Item<P> {
    /// Whose job it was.
    pub run: Run,
    /// Which one.
    pub number: u64,
    /// What became of it; [`status::ABORT`] is no result.
    pub status: u8,
    /// Which delivery of the job it comes from.
    pub attempt: u16,
    /// The worker that sent it.
    pub worker: Arc<str>,
    /// What it carries.
    pub payload: P,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<P> {
    /// A result.
    Item(Item<P>),
    /// All runs that have begun are at their end.
    End,
    /// Nothing yet.
    Nothing,
}

/// What a collector has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Results, each counted once.
    pub results: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Results that came again, and were dropped.
    pub duplicates: u64,
    /// Results that are errors.
    pub failed: u64,
    /// Results that wait for the program, or for those before them.
    pub waiting: u64,
    /// Messages that were none.
    pub refused: u64,
    /// Workers that are there.
    pub workers: u64,
    /// Workers that were lost.
    pub lost: u64,
}

/// What a run has brought so far.
struct Running<P> {
    watermark: u64,
    /// Those above it; where order counts, with what they carry.
    above: BTreeMap<u64, Option<Item<P>>>,
    total: Option<u64>,
}

struct Session {
    route: Route,
    name: Arc<str>,
    heard: Instant,
    said: Instant,
}

/// A collector's ledger.
pub struct Intake<P> {
    id: Run,
    rules: Rules,
    runs: HashMap<Run, Running<P>>,
    ended: VecDeque<Run>,
    /// Runs have ended, and the program does not know yet.
    news: bool,
    ready: VecDeque<Item<P>>,
    held: usize,
    /// What is to be acknowledged once the program has taken more.
    owed: VecDeque<(Route, Run, u64)>,
    sessions: HashMap<Route, Session>,
    due: Option<Instant>,
    counts: Counts,
    workers: Workers,
    said: Vec<(Route, Said)>,
    closed: bool,
    /// Since when that is so, for those who act on it.
    closed_since: Option<Instant>,
    /// Since when its workers know.
    told_since: Option<Instant>,
}

impl<P: Payload> Intake<P> {
    /// A new one; `id` tells it from every other.
    pub fn new(id: Run, rules: Rules) -> Self {
        Intake {
            id,
            rules,
            runs: HashMap::new(),
            ended: VecDeque::new(),
            news: false,
            ready: VecDeque::new(),
            held: 0,
            owed: VecDeque::new(),
            sessions: HashMap::new(),
            due: None,
            counts: Counts::default(),
            workers: Workers::default(),
            said: Vec::new(),
            closed: false,
            closed_since: None,
            told_since: None,
        }
    }

    /// The next result, in the order that was asked for.
    pub fn hand_over(&mut self) -> Next<P> {
        if let Some(item) = self.ready.pop_front() {
            return Next::Item(item);
        }
        if self.news && self.runs.is_empty() {
            self.news = false;
            return Next::End;
        }
        Next::Nothing
    }

    /// In which order results are handed over from now on.
    pub fn set_ordered(&mut self, ordered: bool) {
        self.rules.ordered = ordered;
    }

    /// Whether [`Intake::hand_over`] has a result.
    pub fn has_item(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether [`Intake::hand_over`] has something.
    pub fn has_next(&self) -> bool {
        !self.ready.is_empty() || (self.news && self.runs.is_empty())
    }

    /// Whether the program has taken enough for others to be acknowledged.
    pub fn has_news(&self) -> bool {
        !self.owed.is_empty() && self.ready.len() <= self.rules.window / 2
    }

    /// Ends: takes no more results, and tells the workers.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it is closed, and everybody has gone or has answered who was told so, or has had time enough to.
    ///
    /// What is sent before a connection ends may not arrive, and a worker whose last results are not acknowledged looks for
    /// somebody who acknowledges them. Its answer says that it has heard all that was said before.
    pub fn is_settled(&self, now: Instant) -> bool {
        self.told_since.is_some_and(|since| self.sessions.is_empty() || now >= since + GOODBYE)
    }

    /// A message came, with the payloads of its results.
    pub fn hear(&mut self, route: &Route, said: Result<Said, Refused>, payloads: Vec<P>, now: Instant) {
        let session = self.sessions.get_mut(route);
        let known = session.is_some();
        if let Some(session) = session {
            session.heard = now;
        }
        match (said, known) {
            (Err(refused), _) => {
                self.counts.refused += 1;
                if refused == Refused::Version {
                    self.say(route, Said::Bye { reason: bye::VERSION });
                }
            }
            (Ok(Said::Gone), _) => self.lose(route, true),
            (Ok(Said::Hello { role: Role::Collector, name, .. }), _) => self.greet(route, &name, now),
            // A worker that has taken this for its producer is told what it is.
            (Ok(Said::Hello { role: Role::Producer, .. }), _) => self.welcome(route),
            (Ok(Said::Results { run, heads }), true) => {
                for (head, payload) in heads.into_iter().zip(payloads) {
                    self.take(route, run, &head, payload);
                }
            }
            (Ok(Said::Leave), _) => {
                self.say(route, Said::Bye { reason: bye::LEFT });
                self.lose(route, false);
            }
            (Ok(Said::Beat), true) => {}
            (Ok(Said::Beat | Said::Results { .. }), false) => self.say(route, Said::Who),
            _ => self.counts.refused += 1,
        }
    }

    /// A message could not be sent: nobody is there any more.
    pub fn unreachable(&mut self, route: &Route) {
        self.lose(route, true);
    }

    /// What is to be said now, and when to come back at the latest. See [`super::dispatch::Dispatch::act`] for `quiet`.
    pub fn act(&mut self, now: Instant, quiet: bool) -> (Vec<(Route, Said)>, Option<Instant>) {
        if quiet && self.due.is_none_or(|due| due <= now) {
            self.look_at_clock(now);
        }
        self.acknowledge(now);
        if self.closed {
            self.part(now);
        }
        (std::mem::take(&mut self.said), self.due)
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        let waiting = (self.ready.len() + self.held) as u64;
        Counts { waiting, workers: self.sessions.len() as u64, ..self.counts }
    }

    /// What came from each worker.
    pub fn workers(&self) -> Vec<Tally> {
        let mut all = self.workers.all();
        for session in self.sessions.values() {
            if let Some(tally) = all.iter_mut().find(|tally| tally.name == session.name) {
                tally.here = true;
            }
        }
        all
    }

    fn say(&mut self, route: &Route, said: Said) {
        self.said.push((route.clone(), said));
    }

    /// Tells the workers, behind all that is to be acknowledged.
    ///
    /// Where everything is complete, they are about to leave by themselves, once the producer knows. If one of them dies before
    /// it could say so, another does its last jobs again, and somebody has to acknowledge those.
    fn part(&mut self, now: Instant) {
        let mut end = *self.closed_since.get_or_insert(now) + GOODBYE;
        if !self.is_complete() || self.sessions.is_empty() || now >= end {
            if self.told_since.is_none() {
                let goodbye = |route: &Route| (route.clone(), Said::Bye { reason: bye::CLOSED });
                self.said.extend(self.sessions.keys().map(goodbye));
            }
            end = *self.told_since.get_or_insert(now) + GOODBYE;
        }
        self.due = Some(self.due.map_or(end, |due| due.min(end)));
    }

    /// Runs have ended, and none goes on.
    fn is_complete(&self) -> bool {
        self.runs.is_empty() && !self.ended.is_empty()
    }

    fn greet(&mut self, route: &Route, name: &str, now: Instant) {
        if self.told_since.is_some() && self.sessions.contains_key(route) {
            // It has heard the BYE, and looks for another.
            return self.lose(route, false);
        }
        if self.told_since.is_some() || (self.closed && !self.is_complete()) {
            return self.say(route, Said::Bye { reason: bye::CLOSED });
        }
        let name: Arc<str> = name.into();
        self.sessions.retain(|_, session| session.name != name);
        self.workers.enter(&name);
        self.sessions.insert(route.clone(), Session { route: route.clone(), name, heard: now, said: now });
        self.due = None;
        self.welcome(route);
    }

    fn welcome(&mut self, route: &Route) {
        let welcome = Said::Welcome {
            role: Role::Collector,
            run: self.id,
            beat_ms: millis(self.rules.beat),
            limit_ms: millis(self.rules.limit),
            job_ms: 0,
            codec: self.rules.codec.clone(),
            kept: Vec::new(),
        };
        self.say(route, welcome);
    }

    fn lose(&mut self, route: &Route, died: bool) {
        let Some(session) = self.sessions.remove(route) else {
            return;
        };
        if died {
            self.counts.lost += 1;
            self.workers.count(&session.name, |tally| tally.lost += 1);
        }
        // Nobody is there to hear it; who comes back sends what was not acknowledged again.
        self.owed.retain(|(to, ..)| to != route);
    }

    fn take(&mut self, route: &Route, run: Run, head: &ResultHead, payload: P) {
        let comes_again = self.has(&run, head.number);
        if self.closed && !comes_again {
            return; // for another collector
        }
        // Whatever it is, its worker need not send it again.
        self.owed.push_back((route.clone(), run, head.number));
        let is_result = head.status < status::END;
        if self.ended.contains(&run) {
            self.counts.duplicates += u64::from(is_result);
            return;
        }
        let known = self.runs.get(&run);
        let watermark = known.map_or(0, |running| running.watermark);
        let is_abort = head.status == status::ABORT;
        let is_far = head.number.saturating_sub(watermark) > MOST_SPAN && !is_abort;
        let is_one_too_many = known.is_none() && self.runs.len() >= MOST_RUNS;
        if !(status::VALUE..=status::ABORT).contains(&head.status) || is_far || is_one_too_many {
            self.counts.refused += 1;
            return;
        }
        if !is_abort && comes_again {
            self.counts.duplicates += u64::from(is_result);
            return;
        }
        let Some(worker) = self.sessions.get(route).map(|session| session.name.clone()) else {
            return;
        };
        let running =
            self.runs.entry(run).or_insert_with(|| Running { watermark: 0, above: BTreeMap::new(), total: None });
        if head.status == status::END {
            running.total = Some(head.number);
        } else if !is_abort {
            self.counts.results += 1;
            self.counts.bytes += payload.bytes();
            let failed = head.status == status::ERROR;
            self.counts.failed += u64::from(failed);
            self.workers.count(&worker, |tally| {
                tally.done += 1;
                tally.failed += u64::from(failed);
            });
        }
        let item = Item { run, number: head.number, status: head.status, attempt: head.attempt, worker, payload };
        if is_abort {
            self.abort(run, item);
        } else {
            self.put(run, item);
        }
    }

    /// Whether this result has come before.
    fn has(&self, run: &Run, number: u64) -> bool {
        let comes_again = |running: &Running<P>| number < running.watermark || running.above.contains_key(&number);
        self.ended.contains(run) || self.runs.get(run).is_some_and(comes_again)
    }

    /// Puts a new result where it belongs.
    fn put(&mut self, run: Run, item: Item<P>) {
        let Some(running) = self.runs.get_mut(&run) else {
            return;
        };
        let number = item.number;
        let is_end = item.status == status::END;
        if self.rules.ordered && !is_end {
            running.above.insert(number, Some(item));
            self.held += 1;
        } else {
            running.above.insert(number, None);
            if !is_end {
                self.ready.push_back(item);
            }
        }
        while let Some(entry) = running.above.first_entry().filter(|entry| *entry.key() == running.watermark) {
            if let Some(item) = entry.remove() {
                self.held -= 1;
                self.ready.push_back(item);
            }
            running.watermark += 1;
        }
        if running.total.is_some_and(|total| running.watermark > total) {
            self.end(run);
        }
    }

    /// The run will not be complete: what there is of it goes to the program, and then word of that.
    fn abort(&mut self, run: Run, item: Item<P>) {
        if let Some(running) = self.runs.get_mut(&run) {
            let rest: Vec<Item<P>> = std::mem::take(&mut running.above).into_values().flatten().collect();
            self.held -= rest.len();
            self.ready.extend(rest);
            self.ready.push_back(item);
            self.end(run);
        }
    }

    fn end(&mut self, run: Run) {
        self.runs.remove(&run);
        self.ended.push_back(run);
        if self.ended.len() > MOST_RUNS {
            self.ended.pop_front();
        }
        self.news = true;
    }

    fn acknowledge(&mut self, now: Instant) {
        if self.ready.len() > self.rules.window || self.owed.is_empty() {
            return;
        }
        let mut acks: Vec<(Route, Run, Vec<u64>)> = Vec::new();
        for (route, run, number) in self.owed.drain(..) {
            match acks.iter_mut().find(|(to, of, _)| *to == route && *of == run) {
                Some((.., numbers)) => numbers.push(number),
                None => acks.push((route, run, vec![number])),
            }
        }
        for (route, run, numbers) in acks {
            if let Some(session) = self.sessions.get_mut(&route) {
                session.said = now;
            }
            self.said.push((route, Said::Ack { run, numbers }));
        }
    }

    fn look_at_clock(&mut self, now: Instant) {
        let Rules { limit, beat, .. } = self.rules;
        let silent: Vec<Route> =
            self.sessions.values().filter(|one| now >= one.heard + limit).map(|one| one.route.clone()).collect();
        silent.iter().for_each(|route| self.lose(route, true));
        let mut due: Option<Instant> = None;
        for session in self.sessions.values_mut() {
            if now >= session.said + beat {
                session.said = now;
                self.said.push((session.route.clone(), Said::Beat));
            }
            let next = (session.said + beat).min(session.heard + limit);
            due = Some(due.map_or(next, |due| due.min(next)));
        }
        self.due = due;
    }
}
