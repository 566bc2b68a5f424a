//! First frames of the pipeline's messages. What is accepted is written again as the same bytes, but for what follows the
//! fields that are known; what is refused is refused for what is wrong with it.

#![no_main]

use _core::pipeline::reliable::wire::{kind, Refused, Said, MAGIC, VERSION};
use brokerless_fuzz::Script;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let others = usize::from(script.byte());
    let frame = script.rest();
    let is_ours = frame.len() >= 4 && frame.starts_with(&MAGIC[..2]);
    match Said::read(frame, others) {
        Ok(said) => {
            let written = said.write();
            assert!(frame.starts_with(&written), "{said:?} is written as {written:?}");
            assert_eq!(Said::read(&written, others).as_ref(), Ok(&said));
        }
        Err(Refused::Version) => assert!(is_ours && frame[2] != VERSION),
        Err(Refused::Unknown) => {
            assert!(is_ours && frame[2] == VERSION && !(kind::HELLO..=kind::GONE).contains(&frame[3]));
        }
        Err(Refused::Malformed) => assert!(!is_ours || frame[2] == VERSION),
    }
});
