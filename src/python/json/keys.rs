//! The keys of recent messages, kept as Python strings.
//!
//! Most messages of a program have the same few keys. A str that exists already needs no new memory and has its hash at
//! hand: reading small objects takes a fifth less time with it.

use std::mem;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyString;

const SLOTS: usize = 256;
const LONGEST: usize = 32;

/// Where the keys are between two calls. A call takes them along, so that no lock is held while Python works, and waits
/// for none: a call that comes meanwhile starts without keys.
static RESTING: Mutex<Keys> = Mutex::new(Keys(Vec::new()));

/// One key a slot: the last one whose hash led there. No slots at all until the first key.
#[derive(Default)]
pub(super) struct Keys(Vec<Option<(Box<str>, Py<PyString>)>>);

impl Keys {
    pub(super) fn take() -> Self {
        RESTING.try_lock().map(|mut resting| mem::take(&mut *resting)).unwrap_or_default()
    }

    pub(super) fn put_back(mut self) {
        if !self.0.is_empty() {
            if let Some(mut resting) = RESTING.try_lock() {
                mem::swap(&mut *resting, &mut self);
            }
        }
        // Keys that another call has put there meanwhile are dropped here, with the lock released.
    }

    pub(super) fn get_or_make<'py, E>(
        &mut self,
        py: Python<'py>,
        text: &str,
        make: impl FnOnce() -> Result<Bound<'py, PyString>, E>,
    ) -> Result<Bound<'py, PyString>, E> {
        if text.len() > LONGEST {
            return make();
        }
        if self.0.is_empty() {
            self.0.resize_with(SLOTS, || None);
        }
        let slot = &mut self.0[slot_of(text)];
        if let Some((known, key)) = slot {
            if **known == *text {
                return Ok(key.bind(py).clone());
            }
        }
        let key = make()?;
        *slot = Some((text.into(), key.clone().unbind()));
        Ok(key)
    }
}

/// FNV-1a, folded: short, and good enough for short keys.
fn slot_of(text: &str) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)) as usize % SLOTS
}
