//! What is kept of one message: how large it is, and how its first frames begin.

use std::time::{Instant, SystemTime};

/// Of so many frames of a message the beginning is kept; of the others only that they were there.
pub const FRAMES: usize = 8;

/// A message, or the frames of it that have passed so far.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its first frame passed.
    pub(super) first: Instant,
    /// When its last one did: just before libzmq took it, or just after libzmq handed it over.
    pub at: Instant,
    /// The same by the system's clock.
    pub wall: SystemTime,
    /// How many frames it has.
    pub parts: usize,
    /// How many bytes they have.
    pub size: usize,
    /// The first of them.
    pub frames: Vec<Piece>,
}

/// One of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many bytes it has.
    pub len: usize,
    /// The first of them.
    pub head: Box<[u8]>,
}

impl Seen {
    /// Nothing, now.
    pub(super) fn now() -> Self {
        let now = Instant::now();
        Seen { first: now, at: now, wall: SystemTime::now(), parts: 0, size: 0, frames: Vec::new() }
    }

    /// Adds a frame, of which so many bytes are kept.
    pub(super) fn add(&mut self, frame: &[u8], bytes: usize) {
        self.parts += 1;
        self.size += frame.len();
        if self.frames.len() < FRAMES {
            self.frames.push(Piece { len: frame.len(), head: frame[..frame.len().min(bytes)].into() });
        }
    }

    /// Adds the frames that came later.
    pub(super) fn join(&mut self, later: Seen) {
        let room = FRAMES - self.frames.len().min(FRAMES);
        (self.at, self.wall) = (later.at, later.wall);
        self.parts += later.parts;
        self.size += later.size;
        self.frames.extend(later.frames.into_iter().take(room));
    }

    /// The same with fewer bytes of each frame.
    pub(super) fn cut(&self, bytes: usize) -> Self {
        let cut = |piece: &Piece| Piece { len: piece.len, head: piece.head[..piece.head.len().min(bytes)].into() };
        Seen { frames: self.frames.iter().map(cut).collect(), ..*self }
    }

    /// Whether both may be the same message.
    pub(super) fn is_like(&self, other: &Seen) -> bool {
        self.parts == other.parts && self.ends_with(other)
    }

    /// Whether its last frames may be these.
    pub(super) fn ends_with(&self, tail: &Seen) -> bool {
        let Some(before) = self.parts.checked_sub(tail.parts) else {
            return false;
        };
        let enough = if before == 0 { self.size == tail.size } else { self.size >= tail.size };
        enough && self.frames.iter().skip(before).zip(&tail.frames).all(|(own, other)| own == other)
    }

    /// What it is without its last frames; None if they are all.
    pub(super) fn without(&self, tail: &Seen) -> Option<Self> {
        let mut rest = self.clone();
        rest.parts = self.parts.saturating_sub(tail.parts);
        rest.size = self.size.saturating_sub(tail.size);
        rest.frames.truncate(rest.parts);
        (rest.parts > 0).then_some(rest)
    }
}
