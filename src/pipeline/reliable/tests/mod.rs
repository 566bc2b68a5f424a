//! The ledgers without sockets: each rule by itself, and a whole pipeline in a time of its own, in which anything may die.

#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;
mod dispatch;
mod intake;
mod storm;

use std::time::{Duration, Instant};

use super::dispatch::{Dispatch, Order, Rules};
use super::payload::{Fate, Payload};
use super::wire::{Role, Run, Said};
use super::Route;

const RUN: Run = [1; 16];
const BEAT: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

/// A payload that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text(String);

fn text(text: &str) -> Text {
    Text(text.into())
}

impl Payload for Text {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn nothing() -> Self {
        text("")
    }

    fn given_up(self, fate: &Fate<'_>) -> Self {
        text(&format!("gave up {} after {} at {}", fate.number, fate.deliveries, fate.worker))
    }
}

fn rules() -> Rules {
    Rules {
        window: 1000,
        window_bytes: 1 << 20,
        retries: 0,
        max_deliveries: 3,
        beat: BEAT,
        limit: LIMIT,
        job_limit: None,
        codec: "json".into(),
    }
}

fn route(name: &str) -> Route {
    name.as_bytes().into()
}

/// A producer, some jobs, and workers that are spoken for.
struct Played {
    ledger: Dispatch<Text>,
    now: Instant,
}

impl Played {
    fn new(rules: Rules, jobs: usize) -> Self {
        let mut ledger = Dispatch::new(RUN, rules);
        (0..jobs).for_each(|number| assert_eq!(ledger.offer(text(&number.to_string())), number as u64));
        Played { ledger, now: Instant::now() }
    }

    fn says(&mut self, worker: &str, said: Said) {
        self.ledger.hear(&route(worker), Ok(said), self.now);
    }

    fn hello(&mut self, worker: &str, held: &[u64]) {
        let said = Said::Hello { role: Role::Producer, run: RUN, name: worker.into(), held: held.to_vec() };
        self.says(worker, said);
    }

    /// Says HELLO and asks for jobs; those that it gets.
    fn comes(&mut self, worker: &str, jobs: u32) -> Vec<u64> {
        self.hello(worker, &[]);
        self.wants(worker, jobs)
    }

    fn wants(&mut self, worker: &str, jobs: u32) -> Vec<u64> {
        self.says(worker, Said::Want { jobs });
        self.given(worker)
    }

    fn done(&mut self, worker: &str, numbers: &[u64]) {
        self.says(worker, Said::Done { run: RUN, numbers: numbers.to_vec() });
    }

    fn orders(&mut self) -> Vec<Order> {
        self.ledger.act(self.now, true).0
    }

    fn given(&mut self, worker: &str) -> Vec<u64> {
        let mine = |order| match order {
            Order::Jobs(to, numbers) if to == route(worker) => numbers,
            _ => Vec::new(),
        };
        self.orders().into_iter().flat_map(mine).collect()
    }

    fn said(&mut self, worker: &str) -> Vec<Said> {
        let mine = |order| match order {
            Order::Say(to, said) if to == route(worker) => Some(said),
            _ => None,
        };
        self.orders().into_iter().filter_map(mine).collect()
    }
}
