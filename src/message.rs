//! A frame on its way in or out, and how a caller names the frames to send without giving them up.

use std::fmt;

pub use crate::ffi::Message;

/// The longest name of a group, in bytes: what libzmq keeps inside a message. Its 4.3.5 would take 255, but frees a longer
/// name as soon as the first of several peers is done with it, and goes on using it for the others.
pub const GROUP_MAX_LENGTH: usize = 14;

/// The most that libzmq has room for in a datagram; it writes on behind it, and receives no more either.
pub const DATAGRAM_MAX_LENGTH: usize = 8192;

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({} bytes)", self.len())
    }
}

/// One frame of a message to be sent.
///
/// A message that could not go (the queue is full, a signal came) is still whole in the caller's hands, and is sent again
/// from its first frame.
pub enum Part<'a> {
    /// Bytes that are copied into libzmq.
    Bytes(&'a [u8]),
    /// A message whose content is shared, not copied, where it is larger than libzmq keeps inline.
    Message(&'a mut Message),
    /// A message that is given away, for the last frame: empty once all went, and untouched if not.
    Given(&'a mut Message),
}

impl Part<'_> {
    /// The frame's bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Part::Bytes(bytes) => bytes,
            Part::Message(message) | Part::Given(message) => message.as_slice(),
        }
    }

    /// The frame's size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Message(message) | Part::Given(message) => message.len(),
        }
    }

    /// Whether the frame has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All frames of one received message.
pub type Frames = Vec<Message>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_it_was_made_from() {
        for size in [0, 1, 33, 34, 100_000] {
            let data = vec![7u8; size];
            let message = Message::from_slice(&data).unwrap();
            assert_eq!(message.as_slice(), &data[..]);
            assert!(!message.more());
        }
    }

    #[test]
    fn a_copy_lives_on_when_the_original_is_gone() {
        for size in [5, 5_000] {
            let data = vec![1u8; size];
            let mut original = Message::from_slice(&data).unwrap();
            let copy = original.share().unwrap();
            drop(original);
            assert_eq!(copy.as_slice(), &data[..]);
        }
    }
}
