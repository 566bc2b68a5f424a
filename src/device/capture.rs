//! The socket that gets a copy of each message.
//!
//! As with zmq_proxy, a PUB that nobody reads drops its copies, while a capture socket of a type that does not drop (PUSH,
//! PAIR, DEALER) holds the device up until its peer reads: nothing is moved that cannot be captured.

use std::collections::VecDeque;

use super::{is_lossy, sends, Way};
use crate::error::{Error, Result};
use crate::explain;
use crate::message::{Message, Part};
use crate::socket::{Socket, POLLOUT};

/// Frames that tell a monitored queue's copies apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Stands before what went from the frontend to the backend.
    pub forth: Vec<u8>,
    /// Stands before what went from the backend to the frontend.
    pub back: Vec<u8>,
}

/// Where copies go.
pub struct Capture {
    socket: Socket,
    prefixes: Option<Prefixes>,
    /// Copies of what was moved in the moment in which the capture's peer left.
    owed: VecDeque<Vec<Message>>,
}

impl Capture {
    /// Copies to `socket`.
    ///
    /// # Errors
    /// EINVAL for a type that cannot send.
    pub fn new(socket: Socket, prefixes: Option<Prefixes>) -> Result<Self> {
        if !sends(socket.kind()) {
            let name = explain::name(socket.kind());
            return Err(Error::invalid(format!("a {name} socket cannot capture: it does not send (use PUB or PUSH)")));
        }
        Ok(Capture { socket, prefixes, owed: VecDeque::new() })
    }

    /// The socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// How many messages may be moved now, of at most `limit`.
    pub(super) fn room(&mut self, limit: usize) -> Result<usize> {
        self.pay()?;
        if is_lossy(self.socket.kind()) {
            return Ok(limit);
        }
        let ready = self.owed.is_empty() && self.socket.events()? & POLLOUT != 0;
        Ok(usize::from(ready))
    }

    /// Sends a copy, or remembers it.
    pub(super) fn add(&mut self, way: Way, mut frames: Vec<Message>) {
        if let Some(prefixes) = &self.prefixes {
            let prefix = match way {
                Way::Forth => &prefixes.forth,
                Way::Back => &prefixes.back,
            };
            match Message::from_slice(prefix) {
                Ok(prefix) => frames.insert(0, prefix),
                // Out of memory: a copy that cannot be told apart is worth nothing.
                Err(_) => return,
            }
        }
        self.owed.push_back(frames);
    }

    /// Sends what is owed.
    pub(super) fn pay(&mut self) -> Result<()> {
        while let Some(frames) = self.owed.front_mut() {
            let mut parts: Vec<Part<'_>> = frames.iter_mut().map(Part::Message).collect();
            match self.socket.try_send(&mut parts, 0) {
                Ok(()) => {}
                Err(error) if error.is_again() => return Ok(()),
                Err(error) => return Err(error),
            }
            self.owed.pop_front();
        }
        Ok(())
    }
}
