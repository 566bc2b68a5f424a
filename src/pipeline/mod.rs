//! What the roles of a push/pull pipeline need beyond sockets, with no Python in it.
//!
//! [`stream`] reads a PULL socket and knows when the stream is at its end, which [`ending`] can say in words; [`halt`] lets another thread end a wait that
//! has no deadline; [`tally`] counts results by one of their keys, and shows its counts on a [`board`] meanwhile. All that is
//! for PUSH and PULL; [`reliable`] is the pipeline that loses nothing.

pub mod board;
pub mod ending;
pub mod halt;
pub mod reliable;
pub mod stream;
pub mod tally;
