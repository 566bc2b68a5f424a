//! A request that recovers: the cure for a REQ socket that waits for ever for a reply that was lost.
//!
//! `ZMQ_REQ_RELAXED` lets a REQ send again without the reply, and `ZMQ_REQ_CORRELATE` numbers the requests, so that a
//! late reply to an earlier try is dropped and never taken for the reply to this one.

use std::time::Duration;

use crate::error::{errno, Error, Result};
use crate::explain::{describe, name, nobody};
use crate::message::{Frames, Part};
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

impl Socket {
    /// Sends a request and returns its reply; without one within `timeout`, sends it again, `retries` times at most.
    ///
    /// The server may see a request more than once: let requests be safe to repeat.
    ///
    /// # Errors
    /// EAGAIN when the last try had no reply either. The socket is still usable.
    pub fn request(
        &self,
        parts: &mut [Part<'_>],
        timeout: Option<Duration>,
        retries: u32,
        interrupt: &mut dyn Interrupt,
    ) -> Result<Frames> {
        if self.kind() != zmq_sys::ZMQ_REQ as i32 {
            return Err(Error::explained(
                errno::ENOTSUP,
                format!("request() is for REQ sockets, not for {}", name(self.kind())),
            ));
        }
        self.set_i32(zmq_sys::ZMQ_REQ_RELAXED as i32, 1)?;
        self.set_i32(zmq_sys::ZMQ_REQ_CORRELATE as i32, 1)?;
        let deadline = || timeout.map_or(Deadline::never(), Deadline::after);
        for _ in 0..=retries {
            let end = deadline();
            match self.send(parts, 0, end, interrupt) {
                Ok(()) => {}
                Err(error) if error.is_again() => continue,
                Err(error) => return Err(error),
            }
            match self.recv_multipart(end, interrupt) {
                Err(error) if error.is_again() => {}
                done => return done,
            }
        }
        Err(self.no_reply(timeout, retries))
    }

    /// The error of a request that had no reply to any of its tries.
    pub fn no_reply(&self, timeout: Option<Duration>, retries: u32) -> Error {
        let tries = u64::from(retries) + 1;
        let each = timeout.unwrap_or_default().as_secs_f64();
        let silence = match tries {
            1 => format!("no reply within {each} s"),
            _ => format!("no reply to {tries} tries of {each} s each"),
        };
        Error::explained(errno::EAGAIN, format!("{}: {silence}; {}", describe(self), self.why_no_reply()))
    }

    fn why_no_reply(&self) -> String {
        match self.peers_known() {
            Some(0) => nobody(self, true),
            _ => "is a server there, and does it reply in time?".into(),
        }
    }
}
