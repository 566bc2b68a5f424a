//! Many messages in one call: the lock is taken once for a chunk of them, and a language's border crossed once for all.
//!
//! A chunk is bounded, so that the other threads of a socket get their turn in between. What is taken stays a message until
//! the call is certain to succeed, and goes back to the socket if it does not.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::explain;
use crate::message::{Frames, Message, Part};
use crate::socket::{Socket, State, POLLIN, POLLOUT};
use crate::transfer::{copies, with_copies, LARGE};
use crate::wait::{Deadline, Interrupt};

/// The most messages that are sent or taken under one lock.
pub const CHUNK: usize = 256;

/// From so many bytes on, a chunk of messages to send is complete: they are copied under the lock.
pub const CHUNK_BYTES: usize = 4 * LARGE;

/// How long messages are taken without waiting, or a busy call goes on without a look at signals.
pub const TURN: Duration = Duration::from_millis(10);

/// A chunk of messages to send, in order, and how far it is.
pub struct Outbox<'a> {
    parts: Vec<Part<'a>>,
    /// Where each message ends among the parts.
    ends: Vec<usize>,
    bytes: usize,
    sent: usize,
}

impl<'a> Outbox<'a> {
    /// With room for so many messages.
    pub fn with_capacity(messages: usize) -> Self {
        Outbox { parts: Vec::with_capacity(messages), ends: Vec::with_capacity(messages), bytes: 0, sent: 0 }
    }

    /// Adds a frame to the last message.
    #[inline]
    pub fn push(&mut self, frame: Part<'a>) {
        self.bytes += frame.len();
        self.parts.push(frame);
    }

    /// Ends the last message.
    #[inline]
    pub fn end_message(&mut self) {
        self.ends.push(self.parts.len());
    }

    /// How many bytes the messages have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages went.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Whether a frame is to be copied without the lock.
    fn has_large(&self) -> bool {
        self.parts.iter().any(|part| part.len() >= LARGE)
    }
}

/// Whole messages that were taken from a socket and not handed on yet.
#[derive(Default)]
pub struct Haul {
    frames: Frames,
    count: usize,
    /// The size of the one frame that every message has to have.
    record: Option<usize>,
    odd: Option<Odd>,
}

/// The message, still at the socket, that does not fit into a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd {
    /// How many frames it has.
    pub frames: usize,
    /// How many bytes they have.
    pub bytes: usize,
}

impl Haul {
    /// Of any messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of messages of one frame of so many bytes; one that is not is left at the socket, and nothing is taken after it.
    pub fn of_records(size: usize) -> Self {
        Haul { record: Some(size), ..Self::default() }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What came instead of a record.
    pub fn odd(&self) -> Option<Odd> {
        self.odd
    }

    /// The messages, each with all its frames.
    pub fn messages(&self) -> impl Iterator<Item = &[Message]> {
        self.frames.split_inclusive(|frame| !frame.more())
    }

    /// The frames, if each is a message by itself.
    pub fn single(&self) -> Option<&[Message]> {
        (self.frames.len() == self.count).then_some(&self.frames[..])
    }

    /// Takes the frames out.
    pub fn take(&mut self) -> Frames {
        self.count = 0;
        std::mem::take(&mut self.frames)
    }

    /// Takes the frames of all messages but the first ones out.
    pub fn split_off(&mut self, first: usize) -> Frames {
        let at = self.messages().take(first).map(<[Message]>::len).sum();
        self.count = self.count.min(first);
        self.frames.split_off(at)
    }
}

/// How many messages a call takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// It waits for so many.
    pub min: usize,
    /// It takes no more.
    pub max: usize,
}

impl Socket {
    /// Sends what can go now, and whether that is all; EAGAIN if it is nothing.
    pub fn try_send_many(&self, outbox: &mut Outbox<'_>) -> Result<bool> {
        self.once(POLLOUT, |state| state.send_outbox(outbox))
    }

    /// Sends all that has not gone yet, waiting for room.
    ///
    /// # Errors
    /// EAGAIN at the deadline, [`Error::Interrupted`] and those of [`Socket::send`]: [`Outbox::sent`] tells how far it came.
    pub fn send_many(&self, outbox: &mut Outbox<'_>, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        outbox.with_copies(|outbox| loop {
            let start = Instant::now();
            let sent = self.run(POLLOUT, deadline, interrupt, |state| state.send_outbox(outbox));
            if sent.map_err(|error| explain::send(self, error, Some(start)))? {
                return Ok(());
            }
        })
    }

    /// Takes up to `max` messages, a chunk at most, if one is there; EAGAIN if not. Whether more may be there.
    pub fn try_recv_many(&self, haul: &mut Haul, max: usize) -> Result<bool> {
        self.once(POLLIN, |state| state.recv_haul(haul, max))
    }

    /// Takes messages, waiting until there are `min`, and then all that are there, up to `max`.
    ///
    /// At the deadline, and where a message is no record, it ends with what there is.
    ///
    /// # Errors
    /// EAGAIN if there is nothing at the deadline, [`Error::Interrupted`], and what libzmq says: whatever was taken is the
    /// socket's again.
    pub fn recv_many(
        &self,
        haul: &mut Haul,
        limits: Limits,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<()> {
        let start = Instant::now();
        let mut turn = start;
        let mut more = true;
        while haul.count < limits.min && haul.odd.is_none() {
            let taken = self.run(POLLIN, deadline, interrupt, |state| state.recv_haul(haul, limits.max));
            let taken = match taken {
                Ok(_) if turn.elapsed() > TURN => {
                    turn = Instant::now();
                    interrupt.check().and(taken)
                }
                taken => taken,
            };
            match taken {
                Ok(rest) => more = rest,
                Err(error) if error.is_again() && haul.count > 0 => return Ok(()),
                Err(error) => {
                    // Of a socket that was closed meanwhile nothing can be received any more, this no more than the rest.
                    let _ = self.give_back(haul.take());
                    return Err(explain::recv(self, error, Some(start)));
                }
            }
        }
        if more {
            self.recv_rest(haul, limits.max, TURN);
        }
        Ok(())
    }

    /// Takes what else is there, up to `max` messages, for `time` at most. What is wrong with the socket, the next call says.
    pub fn recv_rest(&self, haul: &mut Haul, max: usize, time: Duration) {
        let start = Instant::now();
        while haul.count < max && haul.odd.is_none() && start.elapsed() < time {
            if !matches!(self.try_recv_many(haul, max), Ok(true)) {
                break;
            }
        }
    }

    /// Adds a message that was taken otherwise.
    pub fn add_to(&self, haul: &mut Haul, frames: Frames) -> Result<()> {
        match haul.record.and_then(|size| odd(&frames, size)) {
            Some(odd) => {
                haul.odd = Some(odd);
                self.give_back(frames)
            }
            None => {
                haul.frames.extend(frames);
                haul.count += 1;
                Ok(())
            }
        }
    }
}

impl Outbox<'_> {
    /// Works on an outbox whose large frames are copied.
    pub(crate) fn with_copies<T>(&mut self, work: impl FnOnce(&mut Outbox<'_>) -> Result<T>) -> Result<T> {
        if !self.has_large() {
            return work(self);
        }
        let mut copies = copies(&self.parts)?;
        let parts = with_copies(&mut self.parts, &mut copies);
        let mut copied = Outbox { parts, ends: std::mem::take(&mut self.ends), bytes: self.bytes, sent: self.sent };
        let done = work(&mut copied);
        (self.ends, self.sent) = (copied.ends, copied.sent);
        done
    }
}

/// How a message is not one frame of so many bytes.
fn odd(frames: &[Message], size: usize) -> Option<Odd> {
    let bytes = frames.iter().map(Message::len).sum();
    (frames.len() != 1 || bytes != size).then_some(Odd { frames: frames.len(), bytes })
}

impl State {
    /// Sends what can go now, and whether that is all; EAGAIN if it is nothing.
    ///
    /// Progress is no EAGAIN: who waits after one relies on a look at the socket that found no room, not on an older one.
    pub(crate) fn send_outbox(&mut self, outbox: &mut Outbox<'_>) -> Result<bool> {
        let before = outbox.sent;
        let mut first = before.checked_sub(1).map_or(0, |last| outbox.ends[last]);
        for &end in &outbox.ends[before..] {
            let sent = match &mut outbox.parts[first..end] {
                [Part::Bytes(data)] if self.send_straight(data) => Ok(()),
                [Part::Bytes(data)] => self.send_bytes(data, 0),
                parts => self.send_parts(parts, 0),
            };
            match sent {
                Ok(()) => outbox.sent += 1,
                Err(error) if error.is_again() && outbox.sent > before => return Ok(false),
                Err(error) => return Err(error),
            }
            first = end;
        }
        Ok(true)
    }

    /// Takes messages until there are `max`, or a chunk, or no more. Whether more may be there; EAGAIN if there was none.
    fn recv_haul(&mut self, haul: &mut Haul, max: usize) -> Result<bool> {
        let room = max.saturating_sub(haul.count);
        let limit = room.min(CHUNK);
        for taken in 0..limit {
            let before = haul.frames.len();
            if taken == 1 {
                // Where there are two there are many, and frames are large to be moved about.
                haul.frames.reserve(room.min(4 * CHUNK));
            }
            match self.recv_onto(&mut haul.frames) {
                Ok(()) => haul.count += 1,
                // Whatever is wrong is wrong at the next try, too.
                Err(_) if taken > 0 => return Ok(false),
                Err(error) => return Err(error),
            }
            if let Some(found) = haul.record.and_then(|size| odd(&haul.frames[before..], size)) {
                haul.odd = Some(found);
                haul.count -= 1;
                self.put_back(haul.frames.drain(before..));
                return Ok(false);
            }
        }
        Ok(limit < room)
    }

    /// Takes a whole message, or none of it.
    #[inline]
    fn recv_onto(&mut self, frames: &mut Frames) -> Result<()> {
        let before = frames.len();
        loop {
            // In place: a frame is large to be moved about.
            frames.push(Message::new());
            let Some(last) = frames.last_mut() else {
                return Err(Error::again());
            };
            if !self.recv_straight(last) {
                if let Err(error) = self.recv_into(last) {
                    frames.truncate(before);
                    return Err(error);
                }
            }
            if !last.more() {
                return Ok(());
            }
        }
    }

    /// Puts frames back, as the next to be received.
    pub(crate) fn put_back(&mut self, frames: impl DoubleEndedIterator<Item = Message>) {
        let before = self.returned.len();
        for frame in frames.rev() {
            self.stats.bytes_received = self.stats.bytes_received.saturating_sub(frame.len() as u64);
            if !frame.more() {
                self.stats.messages_received = self.stats.messages_received.saturating_sub(1);
            }
            self.returned.push_front(frame);
        }
        if let Some(trace) = &mut self.trace {
            trace.take_back(self.returned.iter().take(self.returned.len() - before));
        }
    }
}

#[cfg(test)]
mod tests;
