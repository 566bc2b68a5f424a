//! The models: a few threads each, and what must be true in the end. That every thread comes to its end is loom's to see.
//!
//! `Deadline::never()` everywhere: time does not pass, so that nothing is found only because somebody looks again later.

mod ending;
mod loops;
mod pieces;
mod receiving;
mod sending;

use crate::error::{Error, Result};
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt, Never};

pub struct Model {
    pub name: &'static str,
    pub run: fn(),
}

/// All of them: each part of the protocol has its file.
pub fn all() -> impl Iterator<Item = &'static Model> {
    [receiving::ALL, sending::ALL, loops::ALL, ending::ALL, pieces::ALL].into_iter().flatten()
}

/// Waits for a message.
fn recv(socket: &Socket) -> Result<u8> {
    recv_with(socket, &mut Never)
}

fn recv_with(socket: &Socket, interrupt: &mut dyn Interrupt) -> Result<u8> {
    socket.recv(Deadline::never(), interrupt).map(|message| message.as_slice()[0])
}

/// Waits for room.
fn send(socket: &Socket, byte: u8) -> Result<()> {
    let message = [byte];
    socket.send(&mut [crate::message::Part::Bytes(&message)], 0, Deadline::never(), &mut Never)
}

/// What is there now.
fn try_recv(socket: &Socket) -> Option<u8> {
    match socket.try_recv() {
        Ok(message) => Some(message.as_slice()[0]),
        Err(error) => {
            assert!(error.is_again(), "{error}");
            None
        }
    }
}

fn is_closed(error: &Error) -> bool {
    matches!(error, Error::Closed(_))
}
