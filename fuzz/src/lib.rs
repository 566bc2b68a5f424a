//! What the targets share: how bytes become what a target needs.
//!
//! A script of events is read from the front, byte by byte, so that a change of the fuzzer's in one place changes one
//! event; whatever follows the end reads as zero.

pub mod strangers;

/// Bytes that are read as numbers and texts.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// What the fuzzer has made.
    pub fn new(data: &'a [u8]) -> Self {
        Script(data)
    }

    /// Whether all has been read.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    /// The next byte, as a choice among so many.
    pub fn choice(&mut self, of: u8) -> u8 {
        self.byte() % of
    }

    /// A number: mostly a small one, sometimes one at an edge.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            250 => u64::MAX,
            251 => 1 << 22,
            252 => (1 << 22) + 1,
            253 => u64::from(u32::MAX),
            254 => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
            small => u64::from(small % 32),
        }
    }

    /// As many of those as the next byte says, but few.
    pub fn numbers(&mut self) -> Vec<u64> {
        (0..self.choice(8)).map(|_| self.number()).collect()
    }

    /// The next bytes, as many as the next one says.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
