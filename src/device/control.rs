//! The control socket of a steerable proxy: PAUSE, RESUME, TERMINATE and STATISTICS, as libzmq documents them.
//!
//! (libzmq 4.3.5 itself takes RESUME for PAUSE, and 4.3.4 aborts the process on an unknown command.) STATISTICS is answered
//! with eight frames of one uint64 each, in the machine's byte order: messages received and their bytes, messages sent and
//! their bytes, for the frontend and then for the backend. A REP owes a reply to any command and sends an empty one.

use super::meter::Moved;
use crate::error::Result;
use crate::message::Part;
use crate::socket::Socket;

/// What the other end of the control socket asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Move messages.
    Active,
    /// Move none.
    Paused,
    /// End.
    Terminated,
}

/// Reads and answers all commands that have come.
pub fn obey(socket: &Socket, mut order: Order, moved: impl Fn() -> Moved) -> Result<Order> {
    while order != Order::Terminated {
        let command = match socket.try_recv_multipart() {
            Ok(frames) => frames,
            Err(error) if error.is_again() => break,
            // A REQ that has not asked has nothing to receive.
            Err(error) if error.errno() == crate::error::errno::EFSM => break,
            Err(error) => return Err(error),
        };
        let word = command.first().map_or(&[][..], |frame| frame.as_slice());
        if word == b"STATISTICS" {
            answer(socket, &statistics(&moved()))?;
            continue;
        }
        match word {
            b"PAUSE" => order = Order::Paused,
            b"RESUME" => order = Order::Active,
            b"TERMINATE" => order = Order::Terminated,
            _ => {}
        }
        if socket.kind() == zmq_sys::ZMQ_REP as i32 {
            answer(socket, &[Vec::new()])?;
        }
    }
    Ok(order)
}

fn statistics(moved: &Moved) -> Vec<Vec<u8>> {
    let forth = [moved.frontend_messages, moved.frontend_bytes];
    let back = [moved.backend_messages, moved.backend_bytes];
    // What one side received is what the other was sent.
    [forth, back, back, forth].concat().iter().map(|number| number.to_ne_bytes().to_vec()).collect()
}

fn answer(socket: &Socket, frames: &[Vec<u8>]) -> Result<()> {
    if !super::sends(socket.kind()) {
        return Ok(());
    }
    let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
    match socket.try_send(&mut parts, 0) {
        // Who asked has gone, or does not read its answers.
        Err(error) if error.is_again() => Ok(()),
        done => done,
    }
}
