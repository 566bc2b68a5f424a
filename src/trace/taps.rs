//! Where a socket tells its traces what it does.

use std::sync::Arc;
use std::time::Instant;

use super::{Log, Seen};
use crate::error::Result;
use crate::message::{Message, Part};
use crate::socket::{Socket, State};

/// The traces of one socket, and what has passed of messages that are not whole yet.
#[derive(Default)]
pub(crate) struct Taps {
    taps: Vec<Tap>,
    outgoing: Half,
    incoming: Half,
}

struct Tap {
    log: Arc<Log>,
    party: usize,
    /// A message that began before it is none of its.
    since: Instant,
}

/// The frames of a message of which more will follow.
#[derive(Default)]
struct Half {
    frames: Option<Seen>,
    /// It is not to be recorded: its first frames were not seen, or libzmq drops it.
    lost: bool,
}

impl Half {
    /// Adds frames; the message, if they are its last.
    fn add(&mut self, later: Seen, whole: bool) -> Option<Seen> {
        match &mut self.frames {
            Some(frames) => frames.join(later),
            None => self.frames = Some(later),
        }
        if !whole {
            return None;
        }
        let lost = std::mem::take(&mut self.lost);
        self.frames.take().filter(|_| !lost)
    }
}

impl Taps {
    fn bytes(&self) -> usize {
        self.taps.iter().map(|tap| tap.log.bytes).max().unwrap_or(0)
    }

    /// What is to be kept of frames that will be sent.
    pub(crate) fn look_at(&self, parts: &[Part<'_>]) -> Seen {
        let bytes = self.bytes();
        let mut seen = Seen::now();
        parts.iter().for_each(|part| seen.add(part.as_slice(), bytes));
        seen
    }

    /// libzmq drops the message whose first frames it was given.
    pub(crate) fn lose_outgoing(&mut self, more_follow: bool) {
        self.outgoing = Half { frames: None, lost: more_follow };
    }

    /// Messages, or the last frames of one, are the socket's again.
    pub(crate) fn take_back<'a>(&mut self, frames: impl Iterator<Item = &'a Message>) {
        let bytes = self.bytes();
        let mut messages: Vec<(Seen, bool)> = Vec::new();
        for frame in frames {
            match messages.last_mut() {
                Some((seen, whole)) if !*whole => {
                    seen.add(frame.as_slice(), bytes);
                    *whole = !frame.more();
                }
                _ => {
                    let mut seen = Seen::now();
                    seen.add(frame.as_slice(), bytes);
                    messages.push((seen, !frame.more()));
                }
            }
        }
        for (seen, whole) in messages.iter().rev() {
            if !whole {
                self.incoming.frames = self.incoming.frames.take().and_then(|frames| frames.without(seen));
                continue;
            }
            for tap in &self.taps {
                if let Some(rest) = tap.log.retract(tap.party, seen) {
                    self.incoming.frames.get_or_insert(rest);
                }
            }
        }
    }
}

impl State {
    /// Frames were sent, as they were looked at before; `whole`: they are a message's last.
    pub(crate) fn note_sent(&mut self, seen: Seen, whole: bool) {
        let State { trace: Some(trace), endpoints, .. } = self else {
            return;
        };
        if let Some(seen) = trace.outgoing.add(seen, whole) {
            for tap in trace.taps.iter().filter(|tap| tap.since <= seen.first) {
                tap.log.write(tap.party, true, &seen, endpoints);
            }
        }
    }

    /// A frame was received.
    #[cold]
    pub(crate) fn note_received(&mut self, message: &Message) {
        let State { trace: Some(trace), endpoints, .. } = self else {
            return;
        };
        let mut seen = Seen::now();
        seen.add(message.as_slice(), trace.bytes());
        if let Some(seen) = trace.incoming.add(seen, !message.more()) {
            for tap in trace.taps.iter().filter(|tap| tap.since <= seen.first) {
                tap.log.write(tap.party, false, &seen, endpoints);
            }
        }
    }
}

impl Socket {
    pub(super) fn tap(&self, log: &Arc<Log>, party: usize) -> Result<()> {
        let mut state = self.lock_idly()?;
        if state.raw.is_none() {
            return Ok(());
        }
        if state.trace.is_none() {
            let half_read = state.get_i32(zmq_sys::ZMQ_RCVMORE as i32)? != 0;
            let half = |lost| Half { frames: None, lost };
            let taps = Taps { taps: Vec::new(), outgoing: half(state.mid_message), incoming: half(half_read) };
            state.trace = Some(Box::new(taps));
        }
        if let Some(trace) = &mut state.trace {
            trace.taps.push(Tap { log: log.clone(), party, since: Instant::now() });
        }
        state.choose_way();
        Ok(())
    }

    pub(super) fn untap(&self, log: &Arc<Log>) {
        // In a forked child there is nothing to take off.
        let Ok(mut state) = self.lock_idly() else {
            return;
        };
        if let Some(trace) = &mut state.trace {
            trace.taps.retain(|tap| !Arc::ptr_eq(&tap.log, log));
            if trace.taps.is_empty() {
                state.trace = None;
            }
        }
        state.choose_way();
    }
}
