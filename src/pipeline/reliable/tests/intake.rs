//! What a collector does.

use super::*;
use crate::pipeline::reliable::intake::{Intake, Item, Next, Rules};
use crate::pipeline::reliable::wire::{bye, status, Refused, ResultHead};

fn rules(ordered: bool) -> Rules {
    Rules { ordered, window: 4, beat: BEAT, limit: LIMIT, codec: "json".into() }
}

struct Taken {
    ledger: Intake<Text>,
    now: Instant,
}

impl Taken {
    fn new(ordered: bool) -> Self {
        let mut taken = Taken { ledger: Intake::new([9; 16], rules(ordered)), now: Instant::now() };
        taken.says("a", Said::Hello { role: Role::Collector, run: [0; 16], name: "a".into(), held: vec![] });
        assert!(matches!(taken.told("a")[..], [Said::Welcome { role: Role::Collector, .. }]));
        taken
    }

    fn says(&mut self, worker: &str, said: Said) {
        self.ledger.hear(&route(worker), Ok(said), Vec::new(), self.now);
    }

    fn results(&mut self, run: Run, results: &[(u64, u8)]) {
        let heads = results.iter().map(|(number, status)| ResultHead {
            number: *number,
            status: *status,
            attempt: 1,
            frames: 1,
        });
        let payloads = results.iter().map(|(number, _)| text(&number.to_string())).collect();
        self.ledger.hear(&route("a"), Ok(Said::Results { run, heads: heads.collect() }), payloads, self.now);
    }

    fn values(&mut self, numbers: &[u64]) {
        let results: Vec<_> = numbers.iter().map(|number| (*number, status::VALUE)).collect();
        self.results(RUN, &results);
    }

    fn told(&mut self, worker: &str) -> Vec<Said> {
        let (said, _) = self.ledger.act(self.now, true);
        said.into_iter().filter(|(to, _)| *to == route(worker)).map(|(_, said)| said).collect()
    }

    fn acknowledged(&mut self) -> Vec<u64> {
        let numbers = |said| match said {
            Said::Ack { numbers, .. } => numbers,
            _ => Vec::new(),
        };
        self.told("a").into_iter().flat_map(numbers).collect()
    }

    /// The numbers of all that is there.
    fn all(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| match if self.ledger.has_item() { self.ledger.hand_over() } else { Next::Nothing } {
            Next::Item(item) => Some(item.number),
            _ => None,
        })
        .collect()
    }
}

#[test]
fn each_result_comes_once() {
    let mut taken = Taken::new(false);
    taken.values(&[2, 0]);
    taken.values(&[0, 1, 2]);
    assert_eq!(taken.acknowledged(), [2, 0, 0, 1, 2], "who sends it again was not told");
    assert_eq!(taken.all(), [2, 0, 1]);
    let counts = taken.ledger.counts();
    assert_eq!((counts.results, counts.duplicates, counts.waiting), (3, 2, 0));
    assert_eq!(taken.ledger.hand_over(), Next::Nothing);
}

fn bye(reason: u8) -> Said {
    Said::Bye { reason }
}

#[test]
fn who_closes_waits_for_answers() {
    let mut taken = Taken::new(false);
    taken.says("b", Said::Hello { role: Role::Collector, run: [0; 16], name: "b".into(), held: vec![] });
    taken.values(&[0, 1]);
    taken.ledger.close();
    assert!(!taken.ledger.is_settled(taken.now), "nobody was told");
    let ack = Said::Ack { run: RUN, numbers: vec![0, 1] };
    assert_eq!(taken.told("a"), [ack, bye(bye::CLOSED)], "who is told that it is over has heard all else");
    // Results that crossed with it: those that are known, and one that is another collector's.
    taken.values(&[1, 2]);
    assert_eq!(taken.acknowledged(), [1]);
    assert_eq!(taken.all(), [0, 1]);
    assert!(!taken.ledger.is_settled(taken.now));
    taken.says("a", Said::Hello { role: Role::Collector, run: [0; 16], name: "a".into(), held: vec![] });
    assert_eq!(taken.told("a"), []);
    assert!(!taken.ledger.is_settled(taken.now), "b may not have heard it");
    taken.says("b", Said::Leave);
    assert_eq!(taken.told("b"), [bye(bye::LEFT)]);
    assert!(taken.ledger.is_settled(taken.now));
    // Who comes now is told, and not waited for.
    taken.says("c", Said::Hello { role: Role::Collector, run: [0; 16], name: "c".into(), held: vec![] });
    assert_eq!(taken.told("c"), [bye(bye::CLOSED)]);
    assert!(taken.ledger.is_settled(taken.now));
    assert_eq!(taken.ledger.counts().lost, 0);
}

#[test]
fn who_closes_does_not_wait_for_ever() {
    let mut taken = Taken::new(false);
    taken.ledger.close();
    let (_, due) = taken.ledger.act(taken.now, true);
    let due = due.unwrap();
    assert!(!taken.ledger.is_settled(due - Duration::from_millis(1)));
    assert!(taken.ledger.is_settled(due));
    // Nor for who has gone.
    taken.ledger.hear(&route("a"), Ok(Said::Gone), Vec::new(), taken.now);
    assert!(taken.ledger.is_settled(taken.now));
}

#[test]
fn who_closes_with_everything_lets_workers_leave_by_themselves() {
    for leaves in [true, false] {
        let mut taken = Taken::new(false);
        taken.results(RUN, &[(0, status::VALUE), (1, status::END)]);
        taken.ledger.close();
        assert_eq!(taken.told("a"), [Said::Ack { run: RUN, numbers: vec![0, 1] }]);
        // Another worker has died before it could say DONE.
        taken.values(&[0]);
        assert_eq!(taken.acknowledged(), [0]);
        // And its own connection was cut.
        taken.says("a2", Said::Hello { role: Role::Collector, run: [0; 16], name: "a".into(), held: vec![] });
        assert!(matches!(taken.told("a2")[..], [Said::Welcome { .. }]));
        taken.says("a", Said::Hello { role: Role::Collector, run: [0; 16], name: "a".into(), held: vec![] });
        assert!(matches!(taken.told("a")[..], [Said::Welcome { .. }]));
        if leaves {
            taken.says("a", Said::Leave);
            assert_eq!(taken.told("a"), [bye(bye::LEFT)]);
        } else {
            let (_, due) = taken.ledger.act(taken.now, true);
            taken.now = due.unwrap();
            assert!(!taken.ledger.is_settled(taken.now));
            assert!(taken.told("a").contains(&bye(bye::CLOSED)));
            taken.now += Duration::from_secs(1);
        }
        assert!(taken.ledger.is_settled(taken.now));
    }
}

#[test]
fn in_order_if_that_is_asked_for() {
    let mut taken = Taken::new(true);
    taken.values(&[2, 1]);
    assert!(taken.all().is_empty());
    assert_eq!(taken.ledger.counts().waiting, 2);
    taken.values(&[0, 4]);
    assert_eq!(taken.all(), [0, 1, 2]);
    taken.values(&[3]);
    assert_eq!(taken.all(), [3, 4]);
}

#[test]
fn the_end_is_told_once_everything_is_there() {
    let mut taken = Taken::new(false);
    taken.results(RUN, &[(2, status::END), (1, status::VALUE)]);
    assert_eq!(taken.all(), [1]);
    assert!(!taken.ledger.has_next());
    taken.values(&[0]);
    assert!(taken.ledger.has_next());
    assert_eq!(taken.all(), [0]);
    taken.results(RUN, &[(2, status::END), (1, status::VALUE)]);
    assert_eq!(taken.ledger.counts().duplicates, 1);
    let mut taken = Taken::new(true);
    taken.results(RUN, &[(0, status::END)]);
    assert_eq!(taken.ledger.hand_over(), Next::End);
    assert_eq!(taken.ledger.hand_over(), Next::Nothing);
}

#[test]
fn several_runs_end_together() {
    let mut taken = Taken::new(true);
    taken.results([2; 16], &[(1, status::END)]);
    taken.results(RUN, &[(0, status::VALUE), (1, status::END)]);
    assert_eq!(taken.all(), [0]);
    assert_eq!(taken.ledger.hand_over(), Next::Nothing);
    taken.results([2; 16], &[(0, status::NOTHING)]);
    assert!(matches!(taken.ledger.hand_over(), Next::Item(Item { status: status::NOTHING, .. })));
    assert_eq!(taken.ledger.hand_over(), Next::End);
}

#[test]
fn a_run_that_stops_early_hands_over_what_there_is() {
    let mut taken = Taken::new(true);
    taken.values(&[0, 2]);
    taken.results(RUN, &[(u64::MAX, status::ABORT)]);
    taken.results(RUN, &[(u64::MAX, status::ABORT)]);
    assert_eq!(taken.all(), [0, 2, u64::MAX]);
    assert_eq!(taken.ledger.hand_over(), Next::End);
    assert_eq!(taken.ledger.counts().results, 2);
}

#[test]
fn workers_wait_for_a_slow_program() {
    let mut taken = Taken::new(false);
    taken.values(&[0, 1, 2, 3]);
    assert_eq!(taken.acknowledged().len(), 4);
    taken.values(&[4, 5]);
    assert!(taken.acknowledged().is_empty());
    assert!(!taken.ledger.has_news());
    (0..4).for_each(|_| drop(taken.ledger.hand_over()));
    assert!(taken.ledger.has_news());
    assert_eq!(taken.acknowledged(), [4, 5]);
}

#[test]
fn who_is_silent_is_forgotten_and_asked_who_it_is() {
    let mut taken = Taken::new(false);
    taken.now += BEAT;
    assert_eq!(taken.told("a"), [Said::Beat]);
    taken.now += LIMIT;
    taken.told("a");
    assert_eq!(taken.ledger.counts().lost, 1);
    taken.values(&[0]);
    assert_eq!(taken.told("a"), [Said::Who]);
    assert!(taken.all().is_empty(), "it will be sent again");
    taken.ledger.close();
    taken.says("a", Said::Hello { role: Role::Collector, run: [0; 16], name: "a".into(), held: vec![] });
    assert_eq!(taken.told("a"), [Said::Bye { reason: bye::CLOSED }]);
}

#[test]
fn strangers_change_nothing() {
    let mut taken = Taken::new(true);
    taken.ledger.hear(&route("x"), Err(Refused::Malformed), Vec::new(), taken.now);
    taken.says("x", Said::Want { jobs: 1 });
    taken.results(RUN, &[(1 << 30, status::VALUE), (0, 77), (0, 0)]);
    assert_eq!(taken.ledger.counts().refused, 5);
    assert!(taken.all().is_empty());
    (0..2000u32).for_each(|number| {
        let mut run = [0; 16];
        run[..4].copy_from_slice(&number.to_be_bytes());
        taken.results(run, &[(5, status::VALUE)]);
    });
    assert_eq!(taken.ledger.counts().waiting, 1000, "so many runs at once");
}
