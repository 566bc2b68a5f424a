//! What goes through sockets, written down: the last messages of a few sockets, in the order of their times.
//!
//! A traced socket is not `simple`: its calls leave the straight way for as long as the trace lasts, and those of all other
//! sockets do not know that there are traces. What is kept of a message is copied under the socket's lock, where libzmq
//! takes it or hands it over. Who has the lock of a log takes no other one.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::socket::{Attached, Shared, Socket};

mod seen;
mod taps;
#[cfg(test)]
mod tests;

pub use seen::{Piece, Seen, FRAMES};
pub(crate) use taps::Taps;

/// So many endpoints of a socket are remembered: enough for every picture.
const ENDPOINTS: usize = 64;

/// A trace of some sockets, which it does not keep alive.
pub struct Trace {
    log: Arc<Log>,
    sockets: Vec<Weak<Shared>>,
    generation: u64,
    running: Mutex<bool>,
}

/// A whole message that went through a traced socket.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which of the trace's sockets it was.
    pub party: usize,
    /// Sent, or received.
    pub sent: bool,
    /// When, and what was kept of it.
    pub seen: Seen,
}

/// What a trace has written down, at one moment.
#[derive(Debug)]
pub struct Page {
    /// When the trace was first started.
    pub begun: Option<Instant>,
    /// The messages, in the order of their times.
    pub records: Vec<Arc<Record>>,
    /// How many older ones are no longer kept.
    pub dropped: u64,
    /// For each socket, where it was bound or connected while it was traced.
    pub endpoints: Vec<Vec<Attached>>,
}

/// What the sockets write to.
pub(crate) struct Log {
    keep: usize,
    bytes: usize,
    book: Mutex<Book>,
}

struct Book {
    begun: Option<Instant>,
    records: VecDeque<Arc<Record>>,
    dropped: u64,
    endpoints: Vec<Vec<Attached>>,
}

impl Trace {
    /// Of these sockets, each named once. The last `keep` messages are kept, `bytes` bytes of each of their first frames.
    pub fn new(sockets: &[Socket], keep: usize, bytes: usize) -> Self {
        let book =
            Book { begun: None, records: VecDeque::new(), dropped: 0, endpoints: vec![Vec::new(); sockets.len()] };
        Trace {
            log: Arc::new(Log { keep, bytes, book: Mutex::new(book) }),
            sockets: sockets.iter().map(|socket| Arc::downgrade(&socket.0)).collect(),
            generation: fork_generation(),
            running: Mutex::new(false),
        }
    }

    /// Begins to record, or goes on; a socket that is closed by now has nothing more to tell.
    pub fn start(&self) -> Result<()> {
        self.check()?;
        let mut running = self.running.lock();
        if !*running {
            self.log.book.lock().begun.get_or_insert_with(Instant::now);
            for (party, socket) in self.living() {
                socket.tap(&self.log, party)?;
            }
            *running = true;
        }
        Ok(())
    }

    /// Ends the recording; what was recorded is kept.
    pub fn stop(&self) -> Result<()> {
        self.check()?;
        let mut running = self.running.lock();
        if std::mem::take(&mut *running) {
            self.note_endpoints();
            self.untap();
        }
        Ok(())
    }

    /// Whether it records.
    pub fn running(&self) -> Result<bool> {
        self.check()?;
        Ok(*self.running.lock())
    }

    /// What was recorded so far.
    pub fn read(&self) -> Result<Page> {
        self.check()?;
        if *self.running.lock() {
            self.note_endpoints();
        }
        let mut page = {
            let book = self.log.book.lock();
            Page {
                begun: book.begun,
                records: book.records.iter().cloned().collect(),
                dropped: book.dropped,
                endpoints: book.endpoints.clone(),
            }
        };
        // A receiver may have written its message down before the sender came to it.
        page.records.sort_by_key(|record| record.seen.at);
        Ok(page)
    }

    /// How many messages are kept, and how many older ones no longer are.
    pub fn counts(&self) -> Result<(usize, u64)> {
        self.check()?;
        let book = self.log.book.lock();
        Ok((book.records.len(), book.dropped))
    }

    /// A forked child has nothing of it: a thread of the parent may have held one of the locks.
    fn check(&self) -> Result<()> {
        if self.generation != fork_generation() {
            return Err(Error::forked());
        }
        Ok(())
    }

    fn living(&self) -> impl Iterator<Item = (usize, Socket)> + '_ {
        let living = |(party, weak): (usize, &Weak<Shared>)| Some((party, Socket::upgrade(weak)?));
        self.sockets.iter().enumerate().filter_map(living)
    }

    fn note_endpoints(&self) {
        for (party, socket) in self.living() {
            let endpoints = socket.endpoints();
            self.log.book.lock().learn(party, &endpoints);
        }
    }

    fn untap(&self) {
        for (_, socket) in self.living() {
            socket.untap(&self.log);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.check().is_ok() && *self.running.get_mut() {
            self.untap();
        }
    }
}

impl Record {
    /// How long after the trace was first started.
    pub fn elapsed(&self, begun: Instant) -> Duration {
        self.seen.at.saturating_duration_since(begun)
    }

    /// By the system's clock.
    pub fn time(&self) -> SystemTime {
        self.seen.wall
    }
}

impl Log {
    fn write(&self, party: usize, sent: bool, seen: &Seen, endpoints: &[Attached]) {
        let record = Arc::new(Record { party, sent, seen: seen.cut(self.bytes) });
        let mut book = self.book.lock();
        book.learn(party, endpoints);
        if book.records.len() >= self.keep {
            book.records.pop_front();
            book.dropped += 1;
        }
        book.records.push_back(record);
    }

    /// Takes back that a message, or the last frames of one, was received. What is left of it is returned.
    fn retract(&self, party: usize, seen: &Seen) -> Option<Seen> {
        let tail = seen.cut(self.bytes);
        let mut book = self.book.lock();
        let own = |record: &Arc<Record>| record.party == party && !record.sent;
        let whole = book.records.iter().rposition(|record| own(record) && record.seen.is_like(&tail));
        let found = whole.or_else(|| {
            let last = book.records.iter().rposition(own)?;
            book.records[last].seen.ends_with(&tail).then_some(last)
        });
        match found.and_then(|index| book.records.remove(index)) {
            Some(record) => record.seen.without(&tail),
            None => {
                // It was one of those that are not kept, if there are any.
                book.dropped = book.dropped.saturating_sub(1);
                None
            }
        }
    }
}

impl Book {
    fn learn(&mut self, party: usize, endpoints: &[Attached]) {
        let Some(known) = self.endpoints.get_mut(party) else {
            return;
        };
        for at in endpoints {
            if known.len() < ENDPOINTS && !known.contains(at) {
                known.push(at.clone());
            }
        }
    }
}
