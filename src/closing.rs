//! How a socket ends: by hand, as garbage, with its process.

use std::time::Duration;

use crate::attach::RELEASE;
use crate::error::{Error, Result};
use crate::ffi::fork_generation;
use crate::monitor::Watch;
use crate::socket::{Shared, Socket};
use crate::wait::{Deadline, Interrupt, Never};

impl Socket {
    /// Closes: wakes every call that waits in it, and returns when its ports are free for the next bind.
    ///
    /// `linger` (milliseconds) replaces LINGER. Messages go on being delivered in the background.
    pub fn close(&self, linger: Option<i32>, interrupt: &mut dyn Interrupt) -> Result<()> {
        if self.0.generation != fork_generation() {
            return Ok(());
        }
        self.finish(linger, Deadline::after(RELEASE), interrupt)
    }

    /// Closes because nobody can reach it any more (garbage, exit): never for long, and lingering for at most `patience`.
    pub fn abandon(&self, patience: Duration) {
        if self.0.generation != fork_generation() {
            return;
        }
        let most = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let linger = self.get_i32(zmq_sys::ZMQ_LINGER as i32).unwrap_or(0);
        let bounded = if linger < 0 { most } else { linger.min(most) };
        let deadline = Deadline::after(RELEASE);
        // Nobody is left to tell: the socket is closed either way.
        let _ = self.finish(Some(bounded), deadline, &mut Never);
    }

    /// Closes, and returns when all messages have left: over inproc they were received, over the network they are in the
    /// hands of the operating system (or of nobody, if the peer has gone).
    ///
    /// # Errors
    /// EAGAIN (bare) at the deadline and [`Error::Interrupted`]: it is closed, and goes on delivering in the background.
    /// ETERM if the context ends meanwhile.
    pub fn close_delivered(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        let watch = match self.watch_now() {
            Err(Error::Closed(_)) => return Ok(()),
            watch => watch?,
        };
        self.close(None, interrupt)?;
        watch.wait_ended(deadline, interrupt)?;
        // A context that ends ends the watch too, whatever was delivered.
        self.0.context.get(zmq_sys::ZMQ_IO_THREADS as i32).map(drop)
    }

    fn finish(&self, linger: Option<i32>, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        let (raw, endpoints, watch) = {
            let mut state = self.0.state.lock();
            let Some(raw) = state.raw.take() else {
                return Ok(());
            };
            state.wake_all();
            (raw, std::mem::take(&mut state.endpoints), state.watch.take())
        };
        if self.0.registered {
            self.0.context.forget(self.0.id);
        }
        if let Some(linger) = linger {
            // ETERM: the context is ending, and asks for no linger.
            let _ = raw.set(zmq_sys::ZMQ_LINGER as i32, &linger.to_ne_bytes());
        }
        let released = Watch::close(&self.0.context, raw, watch, &endpoints, deadline, interrupt);
        if endpoints.iter().any(|at| at.endpoint.starts_with("inproc:")) {
            self.0.context.hub().poke();
        }
        released
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.generation != fork_generation() {
            return;
        }
        if self.registered {
            self.context.forget(self.id);
        }
        let state = self.state.get_mut();
        if let (Some(raw), Some(watch)) = (&state.raw, &state.watch) {
            watch.end(raw);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    #[test]
    fn what_was_sent_by_a_bound_socket_arrives_after_its_close() {
        let context = Context::new(1).unwrap();
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
        push.set_i32(zmq_sys::ZMQ_SNDHWM as i32, 0).unwrap();
        push.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = push.endpoints()[0].endpoint.clone();
        pull.connect(&endpoint).unwrap();
        // More than the network and the other side's queue hold, so that most of it is still here at the close.
        let count = 20_000;
        let payload = [7u8; 500];
        let soon = || Deadline::after(Duration::from_secs(10));
        push.poll(crate::socket::POLLOUT, soon(), &mut Never).unwrap();
        for _ in 0..count {
            push.try_send_bytes(&payload, 0).unwrap();
        }
        push.close(None, &mut Never).unwrap();
        let again = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        again.bind(&endpoint).unwrap();
        for _ in 0..count {
            pull.recv(soon(), &mut Never).unwrap();
        }
    }
}
