//! A producer of the reliable pipeline, and strangers who say anything to it in any order. Each job is in one place at all
//! times, whatever it says can be read, it never asks to be called back at once for ever; and when the strangers have gone, one
//! honest worker brings its work to an end.

#![no_main]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use _core::pipeline::reliable::dispatch::{Dispatch, Order, Rules};
use _core::pipeline::reliable::wire::{Role, Said};
use _core::pipeline::reliable::Route;
use brokerless_fuzz::strangers::{check_said, route, said, Load, RUN};
use brokerless_fuzz::Script;
use libfuzzer_sys::fuzz_target;

/// More turns than the work of one script can take.
const PATIENCE: usize = 2_000;

struct Play {
    ledger: Dispatch<Load>,
    now: Instant,
    offered: u64,
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let rules = Rules {
        window: 16,
        window_bytes: 1 << 20,
        retries: script.choice(3).into(),
        max_deliveries: 1 + u16::from(script.choice(3)),
        beat: Duration::from_secs(1),
        limit: Duration::from_secs(5),
        job_limit: None,
        codec: "json".into(),
    };
    // Whether the strangers know the run, and so may say that its jobs are done.
    let known = script.choice(2) == 1;
    let mut play = Play { ledger: Dispatch::new(RUN, rules), now: Instant::now(), offered: 0 };
    let mut handed = BTreeSet::new();
    while !script.is_over() {
        match script.choice(16) {
            0 | 1 => play.offer(),
            2 => play.now += Duration::from_millis(100) * script.byte().into(),
            3 => drop(play.ledger.cancel(script.number())),
            4 => play.ledger.unreachable(&route(&mut script)),
            5 => play.ledger.wait_for(script.choice(3).into()),
            6 => drop(play.ledger.finish()),
            _ => {
                let from = route(&mut script);
                let (said, _) = said(&mut script, known);
                play.ledger.hear(&from, said, play.now);
            }
        }
        let quiet = script.choice(4) > 0;
        play.turn(quiet);
    }
    for stranger in 0..4 {
        play.ledger.hear(&[b's', stranger].as_slice().into(), Ok(Said::Gone), play.now);
    }
    play.ledger.wait_for(0);
    play.ledger.finish();
    play.turn(true);
    let honest: Route = b"honest".as_slice().into();
    let hello = Said::Hello { role: Role::Producer, run: RUN, name: "honest".into(), held: Vec::new() };
    play.ledger.hear(&honest, Ok(hello), play.now);
    for _ in 0..PATIENCE {
        if play.ledger.is_over() {
            break;
        }
        play.ledger.hear(&honest, Ok(Said::Want { jobs: 2 }), play.now);
        let numbers: Vec<u64> = play.turn(true).into_iter().filter(|(to, _)| *to == honest).map(|(_, job)| job).collect();
        handed.extend(numbers.iter().copied());
        play.ledger.hear(&honest, Ok(Said::Done { run: RUN, numbers }), play.now);
        play.now += Duration::from_millis(20);
    }
    assert!(play.ledger.is_over(), "it does not end: {:?}", play.ledger.counts());
    let counts = play.ledger.counts();
    assert_eq!((counts.jobs, counts.done), (play.offered, play.offered));
    // Nobody else can have done them; the last one is the end itself.
    assert!(known || handed == (0..=play.offered).collect());
    play.turn(true);
    play.now += Duration::from_secs(2);
    play.turn(true);
    assert!(play.ledger.is_settled(play.now));
});

impl Play {
    fn offer(&mut self) {
        if self.ledger.has_room(5) && !self.ledger.is_finished() {
            assert_eq!(self.ledger.offer(Load(5)), self.offered);
            self.offered += 1;
        }
    }

    /// One turn of its thread; the jobs that it hands out, and to whom.
    fn turn(&mut self, quiet: bool) -> Vec<(Route, u64)> {
        let mut handed = Vec::new();
        let (orders, due) = self.ledger.act(self.now, quiet);
        for order in orders {
            match order {
                Order::Say(_, said) => check_said(&said),
                Order::Jobs(to, numbers) => {
                    assert!(!numbers.is_empty());
                    for number in numbers {
                        let (_, _, attempt, _) = self.ledger.open(number).expect("a job that is handed out is there");
                        assert!(attempt > 0);
                        handed.push((to.clone(), number));
                    }
                }
            }
        }
        let is_due = due.is_some_and(|due| due <= self.now);
        assert!(!is_due || !quiet || self.ledger.is_settled(self.now), "it would turn for ever");
        let counts = self.ledger.counts();
        let all = self.offered + u64::from(self.ledger.is_finished());
        let there = self.ledger.waiting() + counts.in_flight + counts.done;
        // The end of the run is no job that is counted as done.
        assert!(there == all || (self.ledger.is_finished() && there + 1 == all), "{there} of {all}: {counts:?}");
        handed
    }
}
