//! How a device with its own sockets ends: it takes in nothing new, passes on what it has, and closes.
//!
//! Where messages go one way only (PULL, SUB, XSUB in front), the frontend leaves its endpoints, which ends the connections
//! of those who send; libzmq keeps what they had delivered, and that is passed on. Where requests are answered, they are
//! left unread from now on, and replies are passed back until each request has had one. The sockets are then closed and
//! LINGER as they were told to, so that libzmq delivers what they were handed.

use std::time::{Duration, Instant};

use super::engine::Engine;
use super::steer::Steer;
use super::{is_source, Way};
use crate::error::Result;
use crate::socket::{is_gone, Socket, POLLIN};
use crate::wait::{Deadline, Never};

/// How long a connection that was just ended may take to deliver its last messages.
const LAST_MESSAGES: Duration = Duration::from_millis(10);
/// Without a limit of the caller's own: how long nothing may move, and how long all of it may take.
const QUIET: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(5);

/// How much time an end may take.
#[derive(Clone, Copy, Debug)]
pub struct Farewell {
    /// When to give up.
    pub deadline: Deadline,
    /// How long nothing may move before it gives up.
    pub quiet: Duration,
    /// The most that its sockets may linger; `None`: as they were told to.
    pub linger: Option<Duration>,
}

impl Farewell {
    /// Until all is passed on, but at most `time`; without one, for as long as something moves, and a few seconds.
    pub fn within(time: Option<Duration>) -> Self {
        match time {
            Some(time) => Farewell { deadline: Deadline::after(time), quiet: Duration::MAX, linger: None },
            None => Farewell { deadline: Deadline::after(MOST), quiet: QUIET, linger: None },
        }
    }

    /// At once: nobody waits for the device any more.
    pub fn abrupt(linger: Duration) -> Self {
        Farewell { deadline: Deadline::now(), quiet: Duration::ZERO, linger: Some(linger) }
    }

    pub(super) fn shorter(self, other: Self) -> Self {
        Farewell {
            deadline: self.deadline.earlier(other.deadline),
            quiet: self.quiet.min(other.quiet),
            linger: match (self.linger, other.linger) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

impl Default for Farewell {
    fn default() -> Self {
        Self::within(None)
    }
}

impl Engine {
    /// Passes on what was taken in, and closes the sockets.
    pub(super) fn leave(mut self, steer: &Steer) -> Result<()> {
        let passed = match self.pass_on_the_rest(steer) {
            // A context that ends has taken the rest with it.
            Err(error) if is_gone(&error) => Ok(()),
            done => done,
        };
        self.close(steer.farewell().linger);
        passed
    }

    /// Closes all its sockets.
    pub(super) fn close(&self, linger: Option<Duration>) {
        for socket in self.sockets() {
            match linger {
                Some(patience) => socket.abandon(patience),
                // A port that is late to be free is free a moment later: nobody is left to tell.
                None => drop(socket.close(None, &mut Never)),
            }
        }
    }

    fn pass_on_the_rest(&mut self, steer: &Steer) -> Result<()> {
        if steer.farewell().deadline.is_over() {
            return Ok(());
        }
        let one_way = is_source(self.front().kind()) || is_source(self.back().kind());
        let ways: &[Way] = if one_way { self.ways() } else { &[Way::Back] };
        for socket in [self.front(), self.back()] {
            if is_source(socket.kind()) {
                leave_endpoints(socket)?;
            }
        }
        let mut last = Instant::now();
        loop {
            let farewell = steer.farewell();
            if self.round_of(ways, steer.waker())? > 0 {
                last = Instant::now();
                if !farewell.deadline.is_over() {
                    continue;
                }
            }
            let done = self.has_passed_all(one_way)?;
            let patience = if done && one_way { LAST_MESSAGES } else { farewell.quiet };
            let quiet = Deadline::after(patience.saturating_sub(last.elapsed()));
            let until = farewell.deadline.earlier(quiet);
            if until.is_over() || (done && !one_way) {
                return Ok(());
            }
            self.idle(steer, ways, until, &mut Never)?;
        }
    }

    /// Whether nothing is left to pass on that could be.
    fn has_passed_all(&mut self, one_way: bool) -> Result<bool> {
        if one_way {
            for socket in [self.front(), self.back()] {
                if is_source(socket.kind()) && socket.events()? & POLLIN != 0 {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let moved = self.meter().read();
        let answered = moved.backend_messages >= moved.frontend_messages;
        Ok(answered && self.back().events()? & POLLIN == 0)
    }
}

fn leave_endpoints(socket: &Socket) -> Result<()> {
    for at in socket.endpoints() {
        let left = match at.bound {
            true => socket.unbind(&at.endpoint, &mut Never),
            false => socket.disconnect(&at.endpoint),
        };
        match left {
            Err(error) if is_gone(&error) => return Err(error),
            // An endpoint that is gone already needs no leaving.
            _ => {}
        }
    }
    Ok(())
}
