//! Who may connect: a handler of ZAP, the protocol (RFC 27) in which libzmq asks about each connection.
//!
//! [`request`] reads what libzmq asks and writes the reply, [`policy`] is what the reply depends on, and [`handler`] is
//! the native thread between them. What only the program can tell (a callback has to be called, the passwords are in a
//! place of its own) is handed to whoever embeds the core, which then replies by the same socket.

pub mod handler;
pub mod policy;
pub mod request;
#[cfg(test)]
mod tests;

pub use handler::{Handler, Level, Line, News};
pub use policy::{Policy, Rules};
pub use request::{Mechanism, Refused, Request, Verdict};

/// Where libzmq asks.
pub const ENDPOINT: &str = "inproc://zeromq.zap.01";
