//! How a socket ends: by hand, as garbage, with its process.

use std::time::Duration;

use crate::attach::RELEASE;
use crate::error::Result;
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
        let deadline = Deadline::after(Duration::from_millis(100));
        // Nobody is left to tell: the socket is closed either way.
        let _ = self.finish(Some(bounded), deadline, &mut Never);
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
        let released = Watch::release(&self.0.context, &raw, watch, &endpoints, deadline, interrupt);
        drop(raw);
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
