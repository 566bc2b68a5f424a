//! A worker of the reliable pipeline whose producer and collector say anything in any order. It never does what it was not
//! given, whatever it says can be read, it never asks to be called back at once for ever; and when it is dismissed, and what it
//! has done is acknowledged, it ends.

#![no_main]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use _core::pipeline::reliable::desk::{Desk, Ended, Line, Outcome, Side};
use _core::pipeline::reliable::wire::{bye, Role, Run, Said};
use brokerless_fuzz::strangers::{check_said, said, Load, RUN};
use brokerless_fuzz::Script;
use libfuzzer_sys::fuzz_target;

/// More turns than it can take.
const PATIENCE: usize = 500;

struct Play {
    ledger: Desk<Load>,
    now: Instant,
    given: HashSet<u64>,
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let now = Instant::now();
    let mut play = Play { ledger: Desk::new("w".into(), "json".into(), "json".into(), now), now, given: HashSet::new() };
    let mut in_hand = None;
    while !script.is_over() {
        match script.choice(16) {
            0 => play.now += Duration::from_millis(100) * script.byte().into(),
            1 => play.ledger.unreachable(side(&mut script), play.now),
            2 => in_hand = play.take(in_hand),
            3 => {
                let outcome = match (in_hand.take(), script.choice(3)) {
                    (None, _) => continue,
                    (Some(load), 0) => Outcome::Value(load),
                    (Some(load), 1) => Outcome::Failed(load),
                    _ => Outcome::Nothing,
                };
                play.ledger.put(outcome, play.now);
            }
            4 => {
                if let Some(load) = in_hand.take() {
                    play.ledger.put_back(load);
                }
            }
            5 if script.choice(8) == 0 => play.ledger.leave(),
            6 | 7 => play.welcome(side(&mut script)),
            _ => {
                let side = side(&mut script);
                let (said, loads) = said(&mut script, true);
                if let Ok(Said::Jobs { heads, .. }) = &said {
                    play.given.extend(heads.iter().filter(|head| head.pass == 0).map(|head| head.number));
                }
                play.ledger.hear(side, said, loads, play.now);
            }
        }
        let quiet = script.choice(4) > 0;
        play.turn(quiet);
    }
    if let Some(load) = in_hand {
        play.ledger.put(Outcome::Value(load), play.now);
    }
    play.welcome(Side::Results);
    play.ledger.hear(Side::Jobs, Ok(Said::Bye { reason: bye::DONE }), Vec::new(), play.now);
    for _ in 0..PATIENCE {
        if play.ledger.ended().is_some() {
            break;
        }
        for (run, numbers) in play.turn(true) {
            play.ledger.hear(Side::Results, Ok(Said::Ack { run, numbers }), Vec::new(), play.now);
        }
        play.now += Duration::from_millis(100);
    }
    match play.ledger.ended() {
        Some(Ended::Wrong(why)) => assert!(!why.is_empty()),
        Some(_) => {}
        None => panic!("it does not end: {:?}", play.ledger.counts()),
    }
});

fn side(script: &mut Script) -> Side {
    [Side::Jobs, Side::Results][usize::from(script.choice(2))]
}

impl Play {
    fn welcome(&mut self, side: Side) {
        let role = if side == Side::Jobs { Role::Producer } else { Role::Collector };
        let codec = "json".into();
        let said =
            Said::Welcome { role, run: RUN, beat_ms: 1000, limit_ms: 5000, job_ms: 0, codec, kept: Vec::new() };
        self.ledger.hear(side, Ok(said), Vec::new(), self.now);
    }

    /// The next job, if there is none in hand.
    fn take(&mut self, in_hand: Option<Load>) -> Option<Load> {
        let task = self.ledger.take(self.now);
        assert!(task.is_none() || in_hand.is_none());
        let task = task.map(|task| {
            assert!(self.given.contains(&task.number), "{task:?}");
            assert_eq!(task.payload, Load(task.number));
            task.payload
        });
        in_hand.or(task)
    }

    /// One turn of its thread; the results that it sends.
    fn turn(&mut self, quiet: bool) -> Vec<(Run, Vec<u64>)> {
        let mut sent = Vec::new();
        let (lines, due) = self.ledger.act(self.now, quiet);
        for line in lines {
            match line {
                Line::Say(_, said) => check_said(&said),
                Line::Results(run, numbers) => {
                    assert!(!numbers.is_empty());
                    for number in &numbers {
                        assert!(self.ledger.open(&run, *number).is_some(), "a result that is sent is there");
                    }
                    sent.push((run, numbers));
                }
            }
        }
        assert!(!quiet || due.is_none_or(|due| due > self.now), "it would turn for ever");
        sent
    }
}
