//! Who may connect: a handler of ZAP, the protocol (RFC 27) in which libzmq asks about each connection.
//!
//! [`request`] reads what libzmq asks and writes the reply, [`policy`] is what the reply depends on, and [`handler`] is
//! the native thread between them. [`guard`] is the handler of a context whose servers have lists of clients. What only the program can tell (a callback has to be called, the passwords are in a
//! place of its own) is handed to whoever embeds the core, which then replies by the same socket.

pub mod guard;
pub mod handler;
pub mod policy;
pub mod request;
#[cfg(test)]
mod tests;

pub use guard::{Book, Guard, List, Refusal};
pub use handler::{Handler, Level, Line, News};
pub use policy::{Policy, Rules};
pub use request::{Mechanism, Refused, Request, Verdict};

use crate::error::{Error, Result};

/// Decides about requests, from the handler's thread.
pub trait Judge: Send + Sync {
    /// The reply to a request; `None`: only the program can tell.
    fn decide(&self, request: &Request<'_>) -> Option<Verdict>;

    /// What the log must not be without; what is told of other decisions depends on who listens.
    fn remark(&self, _request: &Request<'_>, _verdict: &Verdict) -> Option<Line> {
        None
    }
}

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
