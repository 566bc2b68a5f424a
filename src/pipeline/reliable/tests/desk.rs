//! What a worker does.

use super::*;
use crate::pipeline::reliable::desk::{Desk, Ended, Line, Outcome, Side};
use crate::pipeline::reliable::wire::{bye, status, JobHead};

struct Worker {
    ledger: Desk<Text>,
    now: Instant,
}

fn welcome(role: Role, kept: &[u64]) -> Said {
    let codec = "json".into();
    Said::Welcome { role, run: RUN, beat_ms: 1000, limit_ms: 5000, job_ms: 0, codec, kept: kept.to_vec() }
}

impl Worker {
    fn new() -> Self {
        let now = Instant::now();
        Worker { ledger: Desk::new("w".into(), "json".into(), "json".into(), now), now }
    }

    fn joined() -> Self {
        let mut worker = Self::new();
        worker.lines();
        worker.hears(Side::Results, welcome(Role::Collector, &[]));
        worker.lines();
        worker.hears(Side::Jobs, welcome(Role::Producer, &[]));
        assert_eq!(worker.lines(), [Line::Say(Side::Jobs, Said::Want { jobs: 2 })]);
        worker
    }

    fn hears(&mut self, side: Side, said: Said) {
        self.ledger.hear(side, Ok(said), Vec::new(), self.now);
    }

    fn jobs(&mut self, numbers: &[u64], pass: u8, left: u16) {
        let head = |number: &u64| JobHead { number: *number, pass, attempt: 1, left, frames: 1 };
        let heads = numbers.iter().map(head).collect();
        let payloads = numbers.iter().map(|number| text(&number.to_string())).collect();
        self.ledger.hear(Side::Jobs, Ok(Said::Jobs { run: RUN, heads }), payloads, self.now);
    }

    fn lines(&mut self) -> Vec<Line> {
        self.ledger.act(self.now, true).0
    }

    fn does(&mut self, outcome: Outcome<Text>) -> u64 {
        let task = self.ledger.take(self.now).unwrap();
        self.ledger.put(outcome, self.now);
        task.number
    }
}

#[test]
fn it_goes_to_its_producer_once_its_collector_is_there() {
    let mut worker = Worker::new();
    let hello = |side, role, run| Line::Say(side, Said::Hello { role, run, name: "w".into(), held: vec![] });
    assert_eq!(worker.lines(), [hello(Side::Results, Role::Collector, [0; 16])]);
    assert!(worker.lines().is_empty(), "one at a time");
    worker.ledger.unreachable(Side::Results, worker.now);
    assert!(worker.lines().is_empty());
    worker.now += Duration::from_millis(60);
    assert_eq!(worker.lines(), [hello(Side::Results, Role::Collector, [0; 16])]);
    worker.hears(Side::Results, welcome(Role::Collector, &[]));
    assert_eq!(worker.lines(), [hello(Side::Jobs, Role::Producer, [0; 16])]);
}

#[test]
fn a_job_is_done_when_its_result_is_acknowledged() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1], 0, 0);
    assert_eq!(worker.does(Outcome::Value(text("x"))), 0);
    assert_eq!(worker.does(Outcome::Nothing), 1);
    assert!(worker.ledger.take(worker.now).is_none());
    let lines = worker.lines();
    assert_eq!(lines[0], Line::Results(RUN, vec![0, 1]));
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (payload, result, attempt) = worker.ledger.open(&RUN, 0).unwrap();
    assert_eq!((payload.0.as_str(), result, attempt), ("x", status::VALUE, 1));
    worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![0, 1, 5] });
    assert_eq!(worker.lines(), [Line::Say(Side::Jobs, Said::Done { run: RUN, numbers: vec![0, 1] })]);
    assert_eq!((worker.ledger.counts().received, worker.ledger.counts().sent), (2, 2));
}

#[test]
fn what_is_not_acknowledged_is_sent_to_who_comes_next() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1], 0, 0);
    worker.does(Outcome::Nothing);
    worker.does(Outcome::Nothing);
    worker.lines();
    worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![0] });
    worker.hears(Side::Results, Said::Who);
    worker.lines();
    worker.hears(Side::Results, welcome(Role::Collector, &[]));
    assert!(worker.lines().contains(&Line::Results(RUN, vec![1])));
}

#[test]
fn it_asks_for_what_it_does_in_a_moment() {
    let mut worker = Worker::joined();
    let mut asked = 2;
    let mut next = 0;
    for _ in 0..12 {
        let numbers: Vec<u64> = (next..next + asked).collect();
        next += asked;
        worker.jobs(&numbers, 0, 0);
        for _ in &numbers {
            let task = worker.ledger.take(worker.now).unwrap();
            worker.now += Duration::from_micros(100);
            worker.ledger.put(Outcome::Nothing, worker.now);
            worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![task.number] });
        }
        let wanted = |line: Line| match line {
            Line::Say(Side::Jobs, Said::Want { jobs }) => Some(u64::from(jobs)),
            _ => None,
        };
        asked = worker.lines().into_iter().find_map(wanted).unwrap();
    }
    assert_eq!(asked, 200, "20 ms of jobs of 0.1 ms");
}

#[test]
fn a_failure_goes_back_while_it_may_be_tried_again() {
    let mut worker = Worker::joined();
    worker.jobs(&[0], 0, 1);
    worker.does(Outcome::Failed(text("no")));
    assert!(worker.lines().contains(&Line::Say(Side::Jobs, Said::Again { run: RUN, numbers: vec![0] })));
    worker.jobs(&[0], 0, 0);
    worker.does(Outcome::Failed(text("no")));
    assert!(worker.lines().contains(&Line::Results(RUN, vec![0])));
    assert_eq!(worker.ledger.open(&RUN, 0).unwrap().1, status::ERROR);
    assert_eq!(worker.ledger.counts().failed, 2);
}

#[test]
fn what_is_to_be_passed_on_is_passed_on() {
    let mut worker = Worker::joined();
    worker.jobs(&[7], status::END, 0);
    assert!(worker.ledger.take(worker.now).is_none());
    assert!(worker.lines().contains(&Line::Results(RUN, vec![7])));
    assert_eq!(worker.ledger.open(&RUN, 7).unwrap().1, status::END);
}

#[test]
fn who_is_not_known_any_more_says_what_it_has() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1, 2], 0, 0);
    worker.does(Outcome::Nothing);
    let task = worker.ledger.take(worker.now).unwrap();
    worker.lines();
    worker.hears(Side::Jobs, Said::Who);
    worker.hears(Side::Jobs, Said::Who);
    let lines = worker.lines();
    let [Line::Say(Side::Jobs, Said::Hello { held, .. })] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((task.number, &held[..]), (1, &[1, 0, 2][..]));
    worker.hears(Side::Jobs, welcome(Role::Producer, &[0, 1]));
    worker.ledger.put(Outcome::Nothing, worker.now);
    assert!(worker.ledger.take(worker.now).is_none(), "2 was given to another");
}

#[test]
fn another_run_is_another_beginning() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1], 0, 0);
    worker.does(Outcome::Nothing);
    worker.lines();
    worker.hears(Side::Jobs, Said::Who);
    worker.lines();
    let Said::Welcome { role, beat_ms, limit_ms, job_ms, codec, kept, .. } = welcome(Role::Producer, &[]) else {
        panic!("no welcome")
    };
    worker.hears(Side::Jobs, Said::Welcome { role, run: [2; 16], beat_ms, limit_ms, job_ms, codec, kept });
    worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![0] });
    let lines = worker.lines();
    assert!(matches!(lines[..], [Line::Say(Side::Jobs, Said::Want { .. })]), "{lines:?}");
    assert!(worker.ledger.take(worker.now).is_none());
}

#[test]
fn silence_is_noticed_and_beats_are_sent() {
    let mut worker = Worker::joined();
    worker.now += BEAT;
    let beats = [Side::Jobs, Side::Results].map(|side| Line::Say(side, Said::Beat));
    assert_eq!(worker.lines(), beats);
    worker.now += LIMIT;
    worker.hears(Side::Results, Said::Beat);
    worker.lines();
    assert!(!worker.ledger.is_here(Side::Jobs));
    assert!(worker.ledger.is_here(Side::Results));
}

#[test]
fn who_is_at_one_job_for_too_long_is_silent() {
    let mut worker = Worker::joined();
    worker.hears(Side::Jobs, Said::Who);
    worker.lines();
    let codec = "json".into();
    let said = Said::Welcome {
        role: Role::Producer,
        run: RUN,
        beat_ms: 1000,
        limit_ms: 5000,
        job_ms: 500,
        codec,
        kept: vec![],
    };
    worker.hears(Side::Jobs, said);
    worker.jobs(&[0], 0, 0);
    let _task = worker.ledger.take(worker.now).unwrap();
    worker.lines();
    worker.now += BEAT;
    assert_eq!(worker.lines(), [Line::Say(Side::Results, Said::Beat)]);
    worker.ledger.put(Outcome::Nothing, worker.now);
    assert!(worker.lines().contains(&Line::Results(RUN, vec![0])));
}

#[test]
fn it_ends_when_all_is_done_and_delivered() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1], 0, 0);
    let _task = worker.ledger.take(worker.now).unwrap();
    worker.hears(Side::Jobs, Said::Bye { reason: bye::DONE });
    worker.lines();
    assert_eq!(worker.ledger.ended(), None);
    worker.ledger.put(Outcome::Nothing, worker.now);
    assert!(worker.ledger.take(worker.now).is_none());
    worker.lines();
    worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![0] });
    assert_eq!(worker.lines(), [Line::Say(Side::Results, Said::Leave)]);
    assert_eq!(worker.ledger.ended(), Some(&Ended::Done));
}

#[test]
fn it_tells_the_collector_of_a_producer_that_stops() {
    let mut worker = Worker::joined();
    worker.hears(Side::Jobs, Said::Bye { reason: bye::CLOSED });
    assert_eq!(worker.lines(), [Line::Results(RUN, vec![u64::MAX])]);
    assert_eq!(worker.ledger.open(&RUN, u64::MAX).unwrap().1, status::ABORT);
    // There may be no collector any more either.
    worker.hears(Side::Results, Said::Bye { reason: bye::CLOSED });
    worker.lines();
    worker.now += LIMIT;
    worker.lines();
    assert_eq!(worker.ledger.ended(), Some(&Ended::Closed));
}

#[test]
fn it_leaves_after_the_job_in_hand() {
    let mut worker = Worker::joined();
    worker.jobs(&[0, 1], 0, 0);
    let _task = worker.ledger.take(worker.now).unwrap();
    worker.ledger.leave();
    assert!(worker.lines().is_empty());
    worker.ledger.put(Outcome::Nothing, worker.now);
    assert_eq!(worker.lines(), [Line::Results(RUN, vec![0])]);
    worker.hears(Side::Results, Said::Ack { run: RUN, numbers: vec![0] });
    let said = [
        Line::Say(Side::Jobs, Said::Done { run: RUN, numbers: vec![0] }),
        Line::Say(Side::Jobs, Said::Leave),
        Line::Say(Side::Results, Said::Leave),
    ];
    assert_eq!(worker.lines(), said);
    assert_eq!(worker.ledger.ended(), Some(&Ended::Left));
}

#[test]
fn what_does_not_fit_together_is_said() {
    let mut worker = Worker::new();
    worker.hears(Side::Jobs, welcome(Role::Collector, &[]));
    assert!(matches!(worker.ledger.ended(), Some(Ended::Wrong(why)) if why.contains("a collector is there")));
    let mut worker = Worker::new();
    worker.ledger = Desk::new("w".into(), "bytes".into(), "json".into(), worker.now);
    worker.hears(Side::Jobs, welcome(Role::Producer, &[]));
    assert!(matches!(worker.ledger.ended(), Some(Ended::Wrong(why)) if why.contains("\"json\"")));
    let mut worker = Worker::new();
    worker.hears(Side::Results, Said::Bye { reason: bye::VERSION });
    assert!(matches!(worker.ledger.ended(), Some(Ended::Wrong(_))));
}
