//! The keys of recent messages, kept as Python strings.
//!
//! Most messages of a program have the same few keys. A str that exists already needs no new memory and has its hash at
//! hand: reading small objects takes a fifth less time with it.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyString;

const SLOTS: usize = 256;
const LONGEST: usize = 32;

thread_local! {
    /// Where the keys of a thread are between two calls. A call takes them along: one that comes meanwhile (by a finalizer)
    /// starts without keys.
    static RESTING: Cell<Keys> = const { Cell::new(Keys(Vec::new())) };
}

/// One key a slot: the last one whose hash led there. No slots at all until the first key.
#[derive(Default)]
pub(super) struct Keys(Vec<Option<(Box<str>, Py<PyString>)>>);

impl Keys {
    #[inline]
    pub(super) fn take() -> Self {
        RESTING.try_with(Cell::take).unwrap_or_default() // None at the end of a thread.
    }

    #[inline]
    pub(super) fn put_back(self) {
        // At the end of a thread, and where another call has put back its own, these keys are dropped.
        let _ = RESTING.try_with(|resting| resting.set(self));
    }

    #[inline]
    pub(super) fn get_or_make<'py>(
        &mut self,
        py: Python<'py>,
        text: &str,
        make: impl FnOnce() -> Option<Bound<'py, PyString>>,
    ) -> Option<Bound<'py, PyString>> {
        if text.len() > LONGEST {
            return make();
        }
        if self.0.is_empty() {
            self.0.resize_with(SLOTS, || None);
        }
        let slot = &mut self.0[slot_of(text)];
        if let Some((known, key)) = slot {
            if **known == *text {
                return Some(key.bind(py).clone());
            }
        }
        let key = make()?;
        if let Some((_, old)) = slot.replace((text.into(), key.clone().unbind())) {
            old.drop_ref(py); // Now, whoever has called: PyO3 puts others off that did not come through its own door.
        }
        Some(key)
    }
}

/// From the length, and the bytes at both ends: short, and good enough for short keys.
fn slot_of(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(31),
        _ => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
            }
            _ => bytes.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)),
        },
    };
    let hash = (ends ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> (u64::BITS - SLOTS.ilog2())) as usize
}
