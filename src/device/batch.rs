//! Some messages on their way from one socket to the other.
//!
//! One lock round takes them, one hands them on, and what the other side did not take after all (its queue is full, its
//! peer has left) goes back to where it came from, as the next to be received. So a message is always in one of the two
//! sockets: an engine that is paused, interrupted or stopped holds none.

use crate::error::{errno, Error, Result};
use crate::message::{Message, Part};
use crate::socket::{Socket, State, ANY};

/// Frames of several messages in a row.
#[derive(Default)]
pub struct Batch {
    frames: Vec<Message>,
    /// For each message, the index after its last frame.
    ends: Vec<usize>,
}

/// How far a batch got.
pub struct Handed {
    /// Whole messages.
    pub messages: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What ended it, if it was not merely that there is no room.
    pub error: Option<Error>,
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

    /// Takes up to `limit` messages that are there now.
    pub fn take(&mut self, from: &Socket, limit: usize) -> Result<()> {
        self.frames.clear();
        self.ends.clear();
        from.once(ANY, |state| {
            for _ in 0..limit {
                match self.take_one(state) {
                    Ok(()) => {}
                    Err(error) if is_not_now(&error) => return Ok(()),
                    // What is whole goes on; the error comes again.
                    Err(_) if !self.is_empty() => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn take_one(&mut self, state: &mut State) -> Result<()> {
        let whole = self.frames.len();
        loop {
            match state.recv_frame() {
                Ok(frame) => {
                    let more = frame.more();
                    self.frames.push(frame);
                    if !more {
                        self.ends.push(self.frames.len());
                        return Ok(());
                    }
                }
                Err(error) => {
                    // Only an ending context breaks off within a message.
                    self.frames.truncate(whole);
                    return Err(error);
                }
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

    /// Hands the messages on until one cannot go; `seen` is shown the frames of each one that went.
    pub fn hand(&mut self, to: &Socket, mut seen: Option<&mut dyn FnMut(Vec<Message>)>) -> Handed {
        let mut handed = Handed { messages: 0, bytes: 0, error: None };
        let (frames, ends) = (&mut self.frames, &self.ends);
        let done = to.once(ANY, |state| {
            let mut start = ends[..handed.messages].last().copied().unwrap_or(0);
            for end in &ends[handed.messages..] {
                let message = &mut frames[start..*end];
                let bytes: usize = message.iter().map(Message::len).sum();
                match message {
                    [only] => state.send_parts(&mut [Part::Message(only)], 0)?,
                    many => {
                        let mut parts: Vec<Part<'_>> = many.iter_mut().map(Part::Message).collect();
                        state.send_parts(&mut parts, 0)?;
                    }
                }
                handed.messages += 1;
                handed.bytes += bytes as u64;
                start = *end;
            }
            Ok(())
        });
        handed.error = done.err().filter(|error| !is_not_now(error));
        if let Some(seen) = &mut seen {
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
        handed
    }

    /// Gives what is left after `handed` messages back to where it came from.
    pub fn give_back(&mut self, from: &Socket, handed: usize) -> Result<()> {
        let start = self.ends[..handed].last().copied().unwrap_or(0);
        let rest = self.frames.split_off(start);
        self.frames.clear();
        self.ends.clear();
        if rest.is_empty() {
            return Ok(());
        }
        from.give_back(rest)
    }
}

/// Whether it may work later: there is nothing, no room, or it is not this socket's turn (REQ, REP).
fn is_not_now(error: &Error) -> bool {
    error.is_again() || error.errno() == errno::EFSM
}
