//! Some messages on their way from one socket to the other.
//!
//! One lock round takes them, one hands them on, and what the other side did not take after all (its queue is full, its
//! peer has left) goes back to where it came from, as the next to be received. So a message is always in one of the two
//! sockets: an engine that is paused, interrupted or stopped holds none.

use crate::error::{errno, Error, Result};
use crate::message::{Frames, Message, Part};
use crate::socket::State;

/// Frames of several messages in a row.
#[derive(Default)]
pub struct Batch {
    /// Those in use come first; the others are empty, and wait for the next batch.
    frames: Vec<Message>,
    used: usize,
    /// For each message, the index after its last frame.
    ends: Vec<usize>,
}

/// How far a batch got.
#[derive(Default)]
pub struct Handed {
    /// Whole messages.
    pub messages: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Batch {
    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes up to `limit` messages that are there now; whether there are no more.
    pub(super) fn take(&mut self, from: &mut State, limit: usize) -> Result<bool> {
        self.used = 0;
        self.ends.clear();
        for _ in 0..limit {
            match self.take_one(from) {
                Ok(()) => {}
                Err(error) if is_not_now(&error) => return Ok(true),
                // What is whole goes on; the error comes again.
                Err(_) if !self.is_empty() => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn take_one(&mut self, from: &mut State) -> Result<()> {
        let whole = self.used;
        loop {
            if self.used == self.frames.len() {
                self.frames.push(Message::new());
            }
            let frame = &mut self.frames[self.used];
            if let Err(error) = from.recv_into(frame) {
                // Only an ending context breaks off within a message.
                self.used = whole;
                return Err(error);
            }
            self.used += 1;
            if !frame.more() {
                self.ends.push(self.used);
                return Ok(());
            }
        }
    }

    /// Exchanges the first two frames of each message: between two ROUTERs, whose messages begin with where they come
    /// from and must begin with where they go to.
    pub fn swap_ids(&mut self) {
        let mut start = 0;
        for end in &self.ends {
            if end - start >= 2 {
                self.frames.swap(start, start + 1);
            }
            start = *end;
        }
    }

    /// Hands the messages on until one cannot go. A later call goes on where an earlier one ended.
    ///
    /// Those that are not `kept` are given away: to share the content of a frame, only to let go of it at once, costs as
    /// much as all the rest.
    pub(super) fn hand(&mut self, to: &mut State, handed: &mut Handed, kept: bool) -> Result<()> {
        let mut start = self.end_of(handed.messages);
        for end in &self.ends[handed.messages..] {
            match send(to, &mut self.frames[start..*end], kept) {
                Ok(bytes) => handed.bytes += bytes as u64,
                Err(error) if is_not_now(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            handed.messages += 1;
            start = *end;
        }
        Ok(())
    }

    /// Shows the frames of each message that went, if they were kept.
    pub fn show(&mut self, handed: &Handed, seen: &mut dyn FnMut(Vec<Message>)) {
        let mut start = 0;
        for end in &self.ends[..handed.messages] {
            let copies = self.frames[start..*end].iter_mut().map(Message::share);
            // ENOMEM is all that a copy can fail with: then there is no copy.
            if let Ok(copies) = copies.collect() {
                seen(copies);
            }
            start = *end;
        }
    }

    /// What is left after `handed` messages.
    pub fn rest(&mut self, handed: usize) -> Frames {
        let start = self.end_of(handed);
        let rest = self.frames[start..self.used].iter_mut().map(std::mem::take).collect();
        self.used = 0;
        self.ends.clear();
        rest
    }

    fn end_of(&self, messages: usize) -> usize {
        self.ends[..messages].last().copied().unwrap_or(0)
    }
}

/// Sends all frames of a message, or none; returns their bytes.
fn send(to: &mut State, message: &mut [Message], kept: bool) -> Result<usize> {
    let bytes = message.iter().map(Message::len).sum();
    match message {
        _ if kept => send_shared(to, message)?,
        [only] => to.send_parts(&mut [Part::Given(only)], 0)?,
        // A request or reply. If its first frames go and the last one does not, they are sent again: they are shared, which
        // costs nothing where they are short.
        [id, empty, last] => to.send_parts(&mut [Part::Message(id), Part::Message(empty), Part::Given(last)], 0)?,
        _ => send_shared(to, message)?,
    }
    Ok(bytes)
}

fn send_shared(to: &mut State, message: &mut [Message]) -> Result<()> {
    let mut parts: Vec<Part<'_>> = message.iter_mut().map(Part::Message).collect();
    to.send_parts(&mut parts, 0)
}

/// Whether it may work later: there is nothing, no room, or it is not this socket's turn (REQ, REP).
fn is_not_now(error: &Error) -> bool {
    error.is_again() || error.errno() == errno::EFSM
}
