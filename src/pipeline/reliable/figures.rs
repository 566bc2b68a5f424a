//! What each worker has done, for whoever looks.

use std::collections::HashMap;
use std::sync::Arc;

/// How many workers are remembered that are gone.
const MOST: usize = 1000;

/// What one worker has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is there now.
    pub here: bool,
    /// Jobs that it has now.
    pub in_flight: u64,
    /// Jobs that it has done, or results that came from it.
    pub done: u64,
    /// Jobs that failed there.
    pub failed: u64,
    /// How often it was lost.
    pub lost: u64,
    /// When it came first, among the others.
    place: usize,
}

/// All that have been there.
#[derive(Default)]
pub struct Workers {
    known: HashMap<Arc<str>, Tally>,
    come: usize,
}

impl Workers {
    /// One has come.
    pub fn enter(&mut self, name: &Arc<str>) {
        if self.known.len() >= MOST && !self.known.contains_key(name) {
            let oldest = self.known.values().min_by_key(|tally| tally.place).map(|tally| tally.name.clone());
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
        let place = self.come;
        self.come += 1;
        self.known.entry(name.clone()).or_insert_with(|| Tally {
            name: name.clone(),
            here: false,
            in_flight: 0,
            done: 0,
            failed: 0,
            lost: 0,
            place,
        });
    }

    /// Counts something of one that has come.
    pub fn count(&mut self, name: &Arc<str>, count: impl FnOnce(&mut Tally)) {
        if let Some(tally) = self.known.get_mut(name) {
            count(tally);
        }
    }

    /// All of them, in the order in which they came.
    pub fn all(&self) -> Vec<Tally> {
        let mut all: Vec<Tally> = self.known.values().cloned().collect();
        all.sort_unstable_by_key(|tally| tally.place);
        all
    }
}
