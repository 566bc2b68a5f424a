//! What a producer does.

use super::*;
use crate::pipeline::reliable::wire::{bye, status, Refused};

#[test]
fn jobs_go_to_who_asks_for_them() {
    let mut played = Played::new(rules(), 10);
    assert_eq!(played.comes("a", 3), [0, 1, 2]);
    assert_eq!(played.comes("b", 4), [3, 4, 5, 6]);
    assert_eq!(played.wants("a", 100), [7, 8, 9]);
    let counts = played.ledger.counts();
    assert_eq!((counts.in_flight, counts.workers, counts.done, played.ledger.waiting()), (10, 2, 0, 0));
}

#[test]
fn what_is_there_is_shared_out_evenly() {
    let mut played = Played::new(rules(), 0);
    assert!(played.comes("a", 100).is_empty());
    assert!(played.comes("b", 100).is_empty());
    (0..10).for_each(|number| assert_eq!(played.ledger.offer(text("x")), number));
    let sizes: Vec<usize> = played
        .orders()
        .into_iter()
        .map(|order| match order {
            Order::Jobs(_, numbers) => numbers.len(),
            Order::Say(..) => 0,
        })
        .collect();
    assert_eq!(sizes, [5, 5]);
}

#[test]
fn nothing_goes_out_before_all_workers_are_there() {
    let mut played = Played::new(rules(), 2);
    played.ledger.wait_for(2);
    assert!(played.comes("a", 9).is_empty());
    assert!(!played.ledger.has_news());
    assert!(!played.comes("b", 9).is_empty());
}

#[test]
fn a_run_is_over_when_its_end_is_acknowledged() {
    let mut played = Played::new(rules(), 2);
    assert_eq!(played.comes("a", 9), [0, 1]);
    assert!(played.ledger.finish());
    assert!(!played.ledger.finish());
    assert_eq!(played.given("a"), [2]);
    assert_eq!(played.ledger.open(2).unwrap().1, status::END);
    played.done("a", &[0, 2]);
    assert!(!played.ledger.is_over());
    played.done("a", &[1]);
    assert!(played.ledger.is_over());
    assert_eq!(played.said("a"), [Said::Bye { reason: bye::DONE }]);
    assert_eq!(played.ledger.counts().done, 2);
    // Who comes late is told.
    played.hello("b", &[]);
    assert_eq!(played.said("b"), [Said::Bye { reason: bye::DONE }]);
}

#[test]
fn the_jobs_of_who_is_gone_go_to_another_one_by_one() {
    let mut played = Played::new(rules(), 4);
    assert_eq!(played.comes("a", 3), [0, 1, 2]);
    played.done("a", &[0]);
    played.says("a", Said::Gone);
    assert_eq!(played.ledger.counts().lost, 1);
    // 1 or 2 may have killed it: each is tried alone, before anything else where there is but one worker.
    assert_eq!(played.comes("b", 9), [1]);
    assert!(played.given("b").is_empty());
    played.done("b", &[1]);
    assert_eq!(played.given("b"), [2]);
    played.done("b", &[2]);
    assert_eq!(played.given("b"), [3]);
    assert_eq!(played.ledger.counts().redelivered, 2);
}

#[test]
fn others_go_on_while_one_worker_tries_the_suspects() {
    let mut played = Played::new(rules(), 10);
    assert_eq!(played.comes("a", 2), [0, 1]);
    assert_eq!(played.comes("b", 1), [2]);
    assert_eq!(played.comes("c", 1), [3]);
    played.says("a", Said::Gone);
    played.says("b", Said::Want { jobs: 2 });
    played.says("c", Said::Want { jobs: 2 });
    played.done("b", &[2]);
    let orders = played.orders();
    assert!(orders.contains(&Order::Jobs(route("b"), vec![0])), "{orders:?}");
    assert!(orders.contains(&Order::Jobs(route("c"), vec![4, 5])), "{orders:?}");
}

#[test]
fn a_job_that_kills_is_given_up_and_its_neighbours_are_not() {
    let mut played = Played::new(rules(), 3);
    assert_eq!(played.comes("a", 3), [0, 1, 2]);
    played.says("a", Said::Gone);
    // 0 is well.
    assert_eq!(played.comes("b", 3), [0]);
    played.done("b", &[0]);
    assert_eq!(played.given("b"), [1]);
    played.says("b", Said::Gone);
    assert_eq!(played.comes("c", 3), [1]);
    played.says("c", Said::Gone);
    assert_eq!(played.ledger.counts().given_up, 1);
    let mut rest = played.comes("d", 3);
    rest.sort_unstable();
    let (payload, pass, ..) = played.ledger.open(1).unwrap();
    assert_eq!((payload.0.as_str(), pass), ("gave up 1 after 3 at c", status::ERROR));
    played.done("d", &rest);
    rest.extend(played.given("d"));
    assert_eq!(rest, [2, 1]);
}

#[test]
fn who_is_silent_is_lost_and_who_comes_back_is_told() {
    let mut played = Played::new(rules(), 2);
    assert_eq!(played.comes("a", 1), [0]);
    played.now += BEAT;
    assert_eq!(played.said("a"), [Said::Beat]);
    played.now += LIMIT;
    assert!(played.orders().is_empty());
    assert_eq!(played.ledger.counts().lost, 1);
    played.says("a", Said::Beat);
    assert_eq!(played.said("a"), [Said::Who]);
    // It still has its job, which nobody else was given.
    played.hello("a", &[0, 1]);
    let [Said::Welcome { kept, .. }] = &played.said("a")[..] else { panic!("no welcome") };
    assert_eq!(*kept, [0]);
    assert_eq!(played.ledger.waiting(), 1);
    played.done("a", &[0]);
    assert_eq!(played.ledger.counts().done, 1);
}

#[test]
fn nobody_is_silent_before_all_was_heard() {
    let mut played = Played::new(rules(), 1);
    assert_eq!(played.comes("a", 1), [0]);
    played.now += 2 * LIMIT;
    played.ledger.act(played.now, false);
    assert_eq!(played.ledger.counts().workers, 1);
}

#[test]
fn a_job_that_another_has_by_now_is_not_kept() {
    let mut played = Played::new(rules(), 1);
    assert_eq!(played.comes("a", 1), [0]);
    played.says("a", Said::Gone);
    assert_eq!(played.comes("b", 1), [0]);
    played.hello("a", &[0]);
    let [Said::Welcome { kept, .. }] = &played.said("a")[..] else { panic!("no welcome") };
    assert!(kept.is_empty());
    // But it may finish first.
    played.done("a", &[0]);
    played.done("b", &[0]);
    assert_eq!(played.ledger.counts().done, 1);
}

#[test]
fn who_comes_again_keeps_what_it_has_and_the_rest_goes_out_again() {
    let mut played = Played::new(rules(), 4);
    assert_eq!(played.comes("a", 4), [0, 1, 2, 3]);
    let said = Said::Hello { role: Role::Producer, run: RUN, name: "a".into(), held: vec![1] };
    played.says("another place", said);
    assert_eq!(played.ledger.counts().lost, 0);
    played.says("another place", Said::Want { jobs: 9 });
    assert_eq!(played.given("another place"), [0, 2, 3]);
    // What it said before it lost the connection counts.
    played.done("a", &[0]);
    assert_eq!(played.said("a"), [Said::Who]);
    assert_eq!(played.ledger.counts().done, 1);
}

#[test]
fn who_leaves_gives_back_what_it_has() {
    let mut played = Played::new(rules(), 3);
    assert_eq!(played.comes("a", 3), [0, 1, 2]);
    played.done("a", &[0]);
    played.says("a", Said::Leave);
    assert_eq!(played.said("a"), [Said::Bye { reason: bye::LEFT }]);
    assert_eq!(played.comes("b", 3), [1, 2], "nobody died of these");
    assert_eq!(played.ledger.counts().lost, 0);
}

#[test]
fn a_job_that_fails_is_tried_again_as_often_as_that_is_allowed() {
    let mut played = Played::new(Rules { retries: 1, ..rules() }, 1);
    assert_eq!(played.comes("a", 2), [0]);
    assert_eq!(played.ledger.open(0).unwrap().3, 1);
    played.says("a", Said::Again { run: RUN, numbers: vec![0] });
    assert_eq!(played.given("a"), [0]);
    let (_, _, attempt, left) = played.ledger.open(0).unwrap();
    assert_eq!((attempt, left), (2, 0));
    let counts = played.ledger.counts();
    assert_eq!((counts.retried, counts.redelivered), (1, 0));
}

#[test]
fn the_window_bounds_what_is_taken() {
    let mut played = Played::new(Rules { window: 2, window_bytes: 10, ..rules() }, 2);
    assert!(!played.ledger.has_room(1));
    assert_eq!(played.comes("a", 9), [0, 1]);
    played.done("a", &[1]);
    assert!(!played.ledger.has_room(1), "from the oldest that is not done");
    played.done("a", &[0]);
    assert!(played.ledger.has_room(1_000_000), "one job may have any size");
    played.ledger.offer(text("12345678"));
    assert!(played.ledger.has_room(2));
    assert!(!played.ledger.has_room(3));
}

#[test]
fn what_has_not_begun_can_be_cancelled() {
    let mut played = Played::new(rules(), 3);
    assert_eq!(played.comes("a", 1), [0]);
    assert!(!played.ledger.cancel(0));
    assert!(played.ledger.cancel(1));
    assert!(!played.ledger.cancel(1));
    assert!(!played.ledger.cancel(9));
    assert_eq!((played.ledger.is_begun(0), played.ledger.is_begun(2)), (true, false));
    assert_eq!(played.wants("a", 2), [1, 2]);
    assert_eq!(played.ledger.open(1).unwrap().1, status::CANCELLED);
}

#[test]
fn who_stops_early_says_so() {
    let mut played = Played::new(rules(), 3);
    assert_eq!(played.comes("a", 1), [0]);
    played.ledger.abort();
    assert_eq!(played.said("a"), [Said::Bye { reason: bye::CLOSED }]);
    assert!(played.ledger.is_over());
    assert!(played.wants("a", 5).is_empty());
}

#[test]
fn strangers_change_nothing() {
    let mut played = Played::new(rules(), 2);
    let stranger = route("x");
    played.ledger.hear(&stranger, Err(Refused::Malformed), played.now);
    played.ledger.hear(&stranger, Err(Refused::Unknown), played.now);
    played.says("x", Said::Ack { run: RUN, numbers: vec![0] });
    assert!(played.orders().is_empty());
    assert_eq!(played.ledger.counts().refused, 3);
    played.ledger.hear(&stranger, Err(Refused::Version), played.now);
    assert_eq!(played.said("x"), [Said::Bye { reason: bye::VERSION }]);
    // Nobody can have done what nobody was given.
    played.done("x", &[0, 1, 77]);
    assert_eq!(played.said("x"), [Said::Who]);
    played.says("x", Said::Want { jobs: u32::MAX });
    assert_eq!(played.said("x"), [Said::Who]);
    played.says("x", Said::Gone);
    assert_eq!(played.ledger.counts().done, 0);
    // Who wants everything gets a great deal.
    let mut played = Played::new(Rules { window: 10_000, window_bytes: 1 << 40, ..rules() }, 9000);
    assert_eq!(played.comes("x", u32::MAX).len(), 4096);
}
