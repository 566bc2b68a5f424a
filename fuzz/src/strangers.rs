//! What anybody may say to the roles of a reliable pipeline, well formed or not, and the payload that it is said with.

use _core::pipeline::reliable::payload::{Fate, Payload};
use _core::pipeline::reliable::wire::{JobHead, Refused, ResultHead, Role, Run, Said};
use _core::pipeline::reliable::Route;

use crate::Script;

/// The run that honest ones work for.
pub const RUN: Run = [1; 16];

/// A payload that is nothing but a number, and of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load(pub u64);

impl Payload for Load {
    fn bytes(&self) -> u64 {
        self.0 % 1000
    }

    fn nothing() -> Self {
        Load(0)
    }

    fn given_up(self, fate: &Fate<'_>) -> Self {
        Load(fate.number)
    }
}

/// One of a few strangers.
pub fn route(script: &mut Script) -> Route {
    [b's', script.choice(4)].as_slice().into()
}

/// The run that honest ones work for, if strangers may know it, or one of a few others.
pub fn run(script: &mut Script, known: bool) -> Run {
    match script.choice(4) {
        0 | 1 if known => RUN,
        other => [100 + other; 16],
    }
}

/// Anything that can be said, and with how many payloads; now and then what cannot.
pub fn said(script: &mut Script, known: bool) -> (Result<Said, Refused>, Vec<Load>) {
    let role = |script: &mut Script| if script.choice(4) == 0 { Role::Collector } else { Role::Producer };
    let name = |script: &mut Script| format!("w{}", script.choice(4));
    let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let said = match script.choice(16) {
        0 => Said::Hello { role: role(script), run: run(script, known), name: name(script), held: script.numbers() },
        1 => Said::Hello { role: Role::Collector, run: run(script, known), name: name(script), held: Vec::new() },
        2 => Said::Welcome {
            role: role(script),
            run: run(script, known),
            beat_ms: count(script.number()),
            limit_ms: count(script.number()),
            job_ms: count(script.number()),
            codec: if script.choice(8) == 0 { "other".into() } else { "json".into() },
            kept: script.numbers(),
        },
        3 => Said::Who,
        4 => Said::Beat,
        5 => Said::Leave,
        6 => Said::Bye { reason: script.choice(5) },
        7 => Said::Want { jobs: count(script.number()) },
        8 => {
            let head = |script: &mut Script| JobHead {
                number: script.number(),
                pass: script.choice(8),
                attempt: short(script.number()),
                left: short(script.number()),
                frames: 1,
            };
            Said::Jobs { run: run(script, known), heads: (0..script.choice(6)).map(|_| head(script)).collect() }
        }
        9 => Said::Done { run: run(script, known), numbers: script.numbers() },
        10 => Said::Again { run: run(script, known), numbers: script.numbers() },
        11 | 12 => {
            let head = |script: &mut Script| ResultHead {
                number: script.number(),
                status: script.choice(8),
                attempt: short(script.number()),
                frames: 1,
            };
            Said::Results { run: run(script, known), heads: (0..script.choice(6)).map(|_| head(script)).collect() }
        }
        13 => Said::Ack { run: run(script, known), numbers: script.numbers() },
        14 => Said::Gone,
        _ => {
            let refused = [Refused::Malformed, Refused::Version, Refused::Unknown][usize::from(script.choice(3))];
            return (Err(refused), Vec::new());
        }
    };
    let loads = match &said {
        Said::Jobs { heads, .. } => heads.iter().map(|head| Load(head.number)).collect(),
        Said::Results { heads, .. } => heads.iter().map(|head| Load(head.number)).collect(),
        _ => Vec::new(),
    };
    (Ok(said), loads)
}

/// Whatever a role says has to be readable by others.
pub fn check_said(said: &Said) {
    let others = match said {
        Said::Jobs { heads, .. } => heads.iter().map(|head| usize::from(head.frames)).sum(),
        Said::Results { heads, .. } => heads.iter().map(|head| usize::from(head.frames)).sum(),
        _ => 0,
    };
    assert_eq!(Said::read(&said.write(), others).as_ref(), Ok(said));
}
