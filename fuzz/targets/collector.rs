//! A collector of the reliable pipeline, one honest worker, and strangers who say anything in any order. The honest one's run
//! arrives whole, once and, if asked for, in order, and is acknowledged; no result of anybody comes twice.

#![no_main]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use _core::pipeline::reliable::intake::{Intake, Next, Rules};
use _core::pipeline::reliable::wire::{status, ResultHead, Role, Run, Said};
use _core::pipeline::reliable::Route;
use brokerless_fuzz::strangers::{check_said, route, said, Load, RUN};
use brokerless_fuzz::Script;
use libfuzzer_sys::fuzz_target;

/// How many results the honest run has.
const RESULTS: u64 = 12;

struct Play {
    ledger: Intake<Load>,
    now: Instant,
    ordered: bool,
    honest: Route,
    seen: HashSet<(Run, u64, bool)>,
    next: HashMap<Run, u64>,
    acknowledged: BTreeSet<u64>,
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let ordered = script.choice(2) == 1;
    let rules = Rules {
        ordered,
        window: 4,
        beat: Duration::from_secs(1),
        limit: Duration::from_secs(5),
        codec: "json".into(),
    };
    let mut play = Play {
        ledger: Intake::new([9; 16], rules),
        now: Instant::now(),
        ordered,
        honest: b"honest".as_slice().into(),
        seen: HashSet::new(),
        next: HashMap::new(),
        acknowledged: BTreeSet::new(),
    };
    play.come();
    while !script.is_over() {
        match script.choice(12) {
            0 => play.bring(script.numbers()),
            1 => play.now += Duration::from_millis(100) * script.byte().into(),
            2 => play.ledger.unreachable(&route(&mut script)),
            3 => play.take(script.choice(8)),
            4 => play.come(),
            _ => {
                let from = route(&mut script);
                let (said, loads) = said(&mut script, false);
                play.ledger.hear(&from, said, loads, play.now);
            }
        }
        let quiet = script.choice(4) > 0;
        play.turn(quiet);
    }
    play.come();
    play.bring((0..=RESULTS).collect());
    while play.ledger.has_item() {
        play.take(1);
        play.turn(true);
    }
    play.turn(true);
    assert_eq!(play.acknowledged, (0..=RESULTS).collect());
    let mine: BTreeSet<u64> = play.seen.iter().filter(|(run, ..)| *run == RUN).map(|(_, number, _)| *number).collect();
    assert_eq!(mine, (0..RESULTS).collect());
    play.ledger.close();
    play.turn(true);
});

impl Play {
    fn come(&mut self) {
        let said = Said::Hello { role: Role::Collector, run: RUN, name: "honest".into(), held: Vec::new() };
        self.ledger.hear(&self.honest, Ok(said), Vec::new(), self.now);
    }

    /// The honest worker sends these results, and at the end the end.
    fn bring(&mut self, numbers: Vec<u64>) {
        let head = |number| ResultHead {
            number,
            status: if number == RESULTS { status::END } else { status::VALUE },
            attempt: 1,
            frames: 1,
        };
        let numbers: Vec<u64> = numbers.into_iter().filter(|number| *number <= RESULTS).collect();
        let heads = numbers.iter().copied().map(head).collect();
        let loads = numbers.into_iter().map(Load).collect();
        self.ledger.hear(&self.honest, Ok(Said::Results { run: RUN, heads }), loads, self.now);
    }

    /// The program takes so many.
    fn take(&mut self, most: u8) {
        for _ in 0..most {
            let has_item = self.ledger.has_item();
            let Next::Item(item) = self.ledger.hand_over() else {
                assert!(!has_item);
                return;
            };
            let is_abort = item.status == status::ABORT;
            assert!(self.seen.insert((item.run, item.number, is_abort)), "twice: {item:?}");
            assert_eq!(item.payload, Load(item.number));
            if item.run == RUN {
                assert_eq!((item.status, &*item.worker), (status::VALUE, "honest"));
            }
            let next = self.next.entry(item.run).or_default();
            // What an abort leaves behind has gaps, but an order.
            assert!(!self.ordered || is_abort || item.number >= *next, "after {next}: {item:?}");
            assert!(!self.ordered || item.run != RUN || item.number == *next, "{item:?}");
            *next = item.number.saturating_add(1);
        }
    }

    fn turn(&mut self, quiet: bool) {
        let (all, due) = self.ledger.act(self.now, quiet);
        for (to, said) in all {
            check_said(&said);
            match said {
                Said::Ack { run, numbers } if to == self.honest => {
                    assert_eq!(run, RUN);
                    self.acknowledged.extend(numbers);
                }
                _ => {}
            }
        }
        assert!(!quiet || due.is_none_or(|due| due > self.now), "it would turn for ever");
    }
}
