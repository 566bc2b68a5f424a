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

use crate::error::{Error, Result};

/// Where libzmq asks.
pub const ENDPOINT: &str = "inproc://zeromq.zap.01";

/// Refuses to bind a socket there that cannot reply: libzmq would end the process at the next client.
pub(crate) fn check_bind(endpoint: &str, kind: i32) -> Result<()> {
    const REPLYING: [i32; 3] = [zmq_sys::ZMQ_REP as i32, zmq_sys::ZMQ_ROUTER as i32, zmq_sys::ZMQ_SERVER as i32];
    if endpoint == ENDPOINT && !REPLYING.contains(&kind) {
        return Err(Error::invalid(format!(
            "{ENDPOINT} is where libzmq asks who may connect: bind a REP or ROUTER there"
        )));
    }
    Ok(())
}
