//! A whole pipeline of ledgers, in a time of its own: messages are late, links break, workers die and others come.

use std::collections::{HashMap, VecDeque};

use super::*;
use crate::pipeline::reliable::desk::{Desk, Line, Outcome, Side};
use crate::pipeline::reliable::intake::{Intake, Next, Rules as Taking};
use crate::pipeline::reliable::wire::{JobHead, ResultHead};

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Worker {
    name: String,
    route: Route,
    desk: Desk<Text>,
    /// What is on its way from it, to it.
    out: VecDeque<(Side, Said, Vec<Text>)>,
    back: VecDeque<(Side, Said, Vec<Text>)>,
    in_hand: Option<u64>,
    frozen: u32,
}

struct Storm {
    dice: Dice,
    now: Instant,
    producer: Dispatch<Text>,
    collector: Intake<Text>,
    workers: Vec<Worker>,
    made: u64,
    poison: Option<u64>,
    /// Workers die, which is noticed, and nothing else happens.
    mild: bool,
}

impl Storm {
    fn new(seed: u64, ordered: bool, poison: Option<u64>) -> Self {
        let taking = Taking { ordered, window: 50, beat: BEAT, limit: LIMIT, codec: "json".into() };
        Storm {
            dice: Dice(seed),
            now: Instant::now(),
            producer: Dispatch::new(RUN, Rules { window: 64, max_deliveries: 4, ..rules() }),
            collector: Intake::new([9; 16], taking),
            workers: Vec::new(),
            made: 0,
            poison,
            mild: false,
        }
    }

    fn come(&mut self) {
        self.made += 1;
        let name = format!("w{}", self.made);
        let desk = Desk::new(name.clone(), "json".into(), "json".into(), self.now);
        let route = route(&name);
        self.workers.push(Worker {
            name,
            route,
            desk,
            out: VecDeque::new(),
            back: VecDeque::new(),
            in_hand: None,
            frozen: 0,
        });
    }

    fn gone(&mut self, route: &Route) {
        self.producer.hear(route, Ok(Said::Gone), self.now);
        self.collector.hear(route, Ok(Said::Gone), Vec::new(), self.now);
    }

    fn kill(&mut self, index: usize) {
        let worker = self.workers.swap_remove(index);
        // Some of what it said last arrives.
        let arrives = self.dice.roll(3) as usize;
        for (side, said, payloads) in worker.out.into_iter().take(arrives) {
            self.arrive(&worker.route, side, said, payloads);
        }
        self.gone(&worker.route);
    }

    /// The link breaks: what is under way is lost, and the next message comes from elsewhere.
    fn cut(&mut self, index: usize) {
        self.made += 1;
        let worker = &mut self.workers[index];
        let before = std::mem::replace(&mut worker.route, route(&format!("{}-{}", worker.name, self.made)));
        worker.out.clear();
        worker.back.clear();
        if self.dice.roll(2) == 0 {
            self.gone(&before);
        }
    }

    fn arrive(&mut self, from: &Route, side: Side, said: Said, payloads: Vec<Text>) {
        match side {
            Side::Jobs => self.producer.hear(from, Ok(said), self.now),
            Side::Results => self.collector.hear(from, Ok(said), payloads, self.now),
        }
    }

    fn deliver(&mut self, to: &Route, side: Side, said: Said, payloads: Vec<Text>) {
        if let Some(worker) = self.workers.iter_mut().find(|worker| worker.route == *to) {
            worker.back.push_back((side, said, payloads));
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(20);
        for order in self.producer.act(self.now, true).0 {
            match order {
                Order::Say(to, said) => self.deliver(&to, Side::Jobs, said, Vec::new()),
                Order::Jobs(to, numbers) => {
                    let (mut heads, mut payloads) = (Vec::new(), Vec::new());
                    for number in numbers {
                        let (payload, pass, attempt, left) = self.producer.open(number).unwrap();
                        heads.push(JobHead { number, pass, attempt, left, frames: 1 });
                        payloads.push(payload.clone());
                    }
                    self.deliver(&to, Side::Jobs, Said::Jobs { run: RUN, heads }, payloads);
                }
            }
        }
        for (to, said) in self.collector.act(self.now, true).0 {
            self.deliver(&to, Side::Results, said, Vec::new());
        }
        let mut index = 0;
        while index < self.workers.len() {
            let lives = self.work(index);
            if !lives || (self.mild && self.workers[index].desk.ended().is_some()) {
                self.kill(index);
            } else {
                index += 1;
            }
        }
        self.workers.retain(|worker| worker.desk.ended().is_none());
    }

    /// One step of a worker; false if it dies of its job.
    fn work(&mut self, index: usize) -> bool {
        let worker = &mut self.workers[index];
        if worker.frozen > 0 {
            worker.frozen -= 1;
            return true;
        }
        let heard = self.dice.roll(4) as usize;
        for (side, said, payloads) in worker.back.drain(..heard.min(worker.back.len())).collect::<Vec<_>>() {
            worker.desk.hear(side, Ok(said), payloads, self.now);
        }
        for _ in 0..self.dice.roll(5) {
            match worker.in_hand.take() {
                Some(number) => {
                    worker.desk.put(Outcome::Value(text(&number.to_string())), self.now);
                }
                None => worker.in_hand = worker.desk.take(self.now).map(|task| task.number),
            }
            if worker.in_hand.is_some() && worker.in_hand == self.poison {
                return false;
            }
        }
        let quiet = worker.back.is_empty();
        for line in worker.desk.act(self.now, quiet).0 {
            let (side, said, payloads) = match line {
                Line::Say(side, said) => (side, said, Vec::new()),
                Line::Results(run, numbers) => {
                    let (mut heads, mut payloads) = (Vec::new(), Vec::new());
                    for number in numbers {
                        let (payload, status, attempt) = worker.desk.open(&run, number).unwrap();
                        heads.push(ResultHead { number, status, attempt, frames: 1 });
                        payloads.push(payload.clone());
                    }
                    (Side::Results, Said::Results { run, heads }, payloads)
                }
            };
            worker.out.push_back((side, said, payloads));
        }
        let sent = self.dice.roll(4) as usize;
        let from = worker.route.clone();
        for (side, said, payloads) in worker.out.drain(..sent.min(worker.out.len())).collect::<Vec<_>>() {
            self.arrive(&from, side, said, payloads);
        }
        true
    }

    fn run(&mut self, jobs: u64) -> Vec<(u64, u8)> {
        let (mut offered, mut results) = (0, Vec::new());
        (0..3).for_each(|_| self.come());
        for step in 0u64.. {
            assert!(step < 400_000, "it does not end: {:?} {:?}", self.producer.counts(), self.collector.counts());
            while offered < jobs && self.producer.has_room(1) {
                self.producer.offer(text(&offered.to_string()));
                offered += 1;
            }
            if offered == jobs {
                self.producer.finish();
            }
            self.step();
            // Calm at the end, so that it has one.
            if self.dice.roll(60) == 0 && !self.workers.is_empty() && step < 100_000 {
                let index = self.dice.roll(self.workers.len() as u64) as usize;
                match self.dice.roll(4) {
                    _ if self.mild => self.kill(index),
                    0 => self.kill(index),
                    1 => self.cut(index),
                    2 => self.workers[index].frozen = 400,
                    _ => self.workers[index].desk.leave(),
                }
            }
            if self.workers.len() < 3 && self.dice.roll(10) == 0 {
                self.come();
            }
            for _ in 0..self.dice.roll(12) {
                match self.collector.hand_over() {
                    Next::Item(item) => results.push((item.number, item.status)),
                    Next::End => return results,
                    Next::Nothing => break,
                }
            }
        }
        unreachable!()
    }
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    for seed in 0..40 {
        let ordered = seed % 2 == 0;
        let mut results = Storm::new(seed, ordered, None).run(1500);
        if !ordered {
            results.sort_unstable();
        }
        let numbers: Vec<u64> = results.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..1500).collect::<Vec<u64>>(), "seed {seed}");
    }
}

#[test]
fn the_producer_ends_though_the_collector_closes_at_once() {
    for seed in 200..600 {
        let mut storm = Storm::new(seed, false, None);
        storm.mild = true;
        assert_eq!(storm.run(200).len(), 200, "seed {seed}");
        storm.collector.close();
        // One dies before it could say what it has done.
        if storm.workers.len() > 1 {
            storm.kill(0);
        }
        if storm.workers.is_empty() {
            continue; // nobody is left to tell the producer
        }
        while !storm.collector.is_settled(storm.now) {
            storm.step();
        }
        assert!(storm.producer.is_over(), "seed {seed}: {:?}", storm.producer.counts());
    }
}

#[test]
fn what_kills_whoever_takes_it_is_given_up() {
    for seed in 100..120 {
        let mut storm = Storm::new(seed, true, Some(77));
        let results = storm.run(300);
        assert_eq!(results.len(), 300, "seed {seed}");
        assert_eq!(results[77].1, crate::pipeline::reliable::wire::status::ERROR);
    }
}

#[test]
fn counts_add_up() {
    let mut storm = Storm::new(5, false, None);
    storm.run(500);
    let mut by_name: HashMap<String, u64> = HashMap::new();
    for tally in storm.collector.workers() {
        by_name.insert(tally.name.to_string(), tally.done);
    }
    assert_eq!(by_name.values().sum::<u64>(), 500);
    assert_eq!(storm.collector.counts().results, 500);
}
