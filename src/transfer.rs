//! Sending and receiving: whole messages under the lock, so that threads never tear each other's.

use std::time::Instant;

use crate::error::{errno, Error, Result};
use crate::explain;
use crate::message::{Frames, Message, Part, DATAGRAM_MAX_LENGTH, GROUP_MAX_LENGTH};
use crate::socket::{Socket, State, ANY, POLLIN, POLLOUT};
use crate::wait::{Deadline, Interrupt};

/// More frames of this message follow.
pub const SNDMORE: i32 = zmq_sys::ZMQ_SNDMORE as i32;

impl Socket {
    /// Sends a message if it can go now; EAGAIN (bare: see [`explain::send`]) if not, and then none of it went.
    pub fn try_send(&self, parts: &mut [Part<'_>], flags: i32) -> Result<()> {
        self.once(POLLOUT, |state| state.send_parts(parts, flags))
    }

    /// [`Socket::try_send`] of one frame of bytes.
    #[inline]
    pub fn try_send_bytes(&self, data: &[u8], flags: i32) -> Result<()> {
        let mut state = self.lock()?;
        if flags == 0 && state.send_straight(data) {
            return Ok(());
        }
        state.attempt(POLLOUT, true, &mut |state| state.send_bytes(data, flags))
    }

    /// Sends a message, waiting for room.
    ///
    /// # Errors
    /// EAGAIN at the deadline, and [`Error::Interrupted`]: none of the message went.
    pub fn send(
        &self,
        parts: &mut [Part<'_>],
        flags: i32,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<()> {
        let start = Instant::now();
        let mut copies = copies(parts)?;
        let mut parts = with_copies(parts, &mut copies);
        self.run(POLLOUT, deadline, interrupt, |state| state.send_parts(&mut parts, flags))
            .map_err(|error| explain::send(self, error, Some(start)))
    }

    /// Sends one frame to each peer of a PUSH, and waits for nothing: the high-water mark does not count. It is no job, and
    /// so not among the messages sent.
    ///
    /// # Errors
    /// EFSM if a message is half sent; EINVAL for any other type of socket; the socket or its context is gone.
    pub fn send_to_each(&self, data: &[u8]) -> Result<()> {
        self.once(POLLOUT, |state| {
            if state.mid_message {
                return Err(Error::explained(errno::EFSM, "the last message was not sent to its end"));
            }
            state.raw()?.set(zmq_sys::ZMQ_SEND_TO_EACH as i32, data)
        })
    }

    /// Takes a frame if one is there; EAGAIN if not.
    pub fn try_recv(&self) -> Result<Message> {
        let mut message = Message::new();
        self.try_recv_into(&mut message)?;
        Ok(message)
    }

    /// [`Socket::try_recv`], in place of `message`.
    #[inline]
    pub fn try_recv_into(&self, message: &mut Message) -> Result<()> {
        let mut state = self.lock()?;
        if state.recv_straight(message) {
            return Ok(());
        }
        state.attempt(POLLIN, true, &mut |state| state.recv_into(message))
    }

    /// Takes a frame, waiting for one.
    pub fn recv(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Message> {
        let start = Instant::now();
        self.run(POLLIN, deadline, interrupt, State::recv_frame)
            .map_err(|error| explain::recv(self, error, Some(start)))
    }

    /// Takes a whole message if one is there; EAGAIN if not.
    pub fn try_recv_multipart(&self) -> Result<Frames> {
        self.once(POLLIN, State::recv_frames)
    }

    /// Takes a whole message, waiting for one.
    pub fn recv_multipart(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Frames> {
        let start = Instant::now();
        self.run(POLLIN, deadline, interrupt, State::recv_frames)
            .map_err(|error| explain::recv(self, error, Some(start)))
    }

    /// Puts the frames of a message back, as the next to be received: whoever took it could not use it.
    pub fn give_back(&self, mut frames: Frames) -> Result<()> {
        self.once(ANY, |state| {
            state.raw()?;
            state.put_back(frames.drain(..));
            Ok(())
        })
    }

    /// Waits until an event of `want` is there (those that are, are returned) or the deadline is over (0).
    pub fn poll(&self, want: i32, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<i32> {
        let done = self.run(want, deadline, interrupt, |state| match state.events()? & want {
            0 => Err(Error::again()),
            events => Ok(events),
        });
        match done {
            Err(error) if error.is_again() => Ok(0),
            done => done,
        }
    }
}

/// From so many bytes on, a frame is copied before its socket is locked, and once: not under the lock, by each try.
pub const LARGE: usize = 64 * 1024;

/// The copies of the large ones among parts that are to be copied.
pub(crate) fn copies(parts: &[Part<'_>]) -> Result<Vec<Option<Message>>> {
    let copy = |part: &Part<'_>| match part {
        Part::Bytes(bytes) if bytes.len() >= LARGE => Message::from_slice(bytes).map(Some),
        _ => Ok(None),
    };
    parts.iter().map(copy).collect()
}

/// The parts, with their copies in place of what was copied.
pub(crate) fn with_copies<'a>(parts: &'a mut [Part<'_>], copies: &'a mut [Option<Message>]) -> Vec<Part<'a>> {
    let choose = |(part, copy): (&'a mut Part<'_>, &'a mut Option<Message>)| match (part, copy) {
        (_, Some(copy)) => Part::Message(copy),
        (Part::Bytes(bytes), None) => Part::Bytes(bytes),
        (Part::Message(message), None) => Part::Message(message),
        (Part::Given(message), None) => Part::Given(message),
    };
    parts.iter_mut().zip(copies).map(choose).collect()
}

impl State {
    /// Sends a message of one frame if nothing but counting goes with it, and it can go now.
    #[inline]
    pub(crate) fn send_straight(&mut self, data: &[u8]) -> bool {
        let sent = !self.mid_message && self.straight().is_some_and(|raw| raw.send_bytes(data, 0).is_ok());
        if sent {
            self.stats.messages_sent += 1;
            self.stats.bytes_sent += data.len() as u64;
        }
        sent
    }

    /// Takes a frame, in place of `message`, if nothing but counting goes with it, and it is there.
    #[inline]
    pub(crate) fn recv_straight(&mut self, message: &mut Message) -> bool {
        let taken = self.returned.is_empty() && self.straight().is_some_and(|raw| raw.recv(message).is_ok());
        if taken {
            self.stats.messages_received += u64::from(!message.more());
            self.stats.bytes_received += message.len() as u64;
        }
        taken
    }

    pub(crate) fn send_bytes(&mut self, data: &[u8], flags: i32) -> Result<()> {
        if self.mid_message || self.trace.is_some() {
            return self.send_parts(&mut [Part::Bytes(data)], flags);
        }
        self.check_datagram(data.len(), || 0)?;
        self.raw()?.send_bytes(data, flags)?;
        self.note_beginning(data);
        self.sent(data.len(), flags & SNDMORE == 0);
        Ok(())
    }

    fn send_part(&mut self, part: &mut Part<'_>, flags: i32) -> Result<()> {
        let given = matches!(part, Part::Given(_));
        match part {
            Part::Bytes(data) => {
                self.check_datagram(data.len(), || 0)?;
                self.raw()?.send_bytes(data, flags)
            }
            Part::Message(message) | Part::Given(message) => {
                self.check_datagram(message.len(), || message.group().len())?;
                // Received from a peer with longer names, and passed on.
                if self.kind == zmq_sys::ZMQ_RADIO as i32 && message.group().len() > GROUP_MAX_LENGTH {
                    return Err(Error::invalid(format!("a group has {GROUP_MAX_LENGTH} bytes at most")));
                }
                match given {
                    true => self.raw()?.send_message(message, flags),
                    false => self.raw()?.send_message(&mut message.share()?, flags),
                }
            }
        }
    }

    /// Refuses what fits into no datagram: libzmq writes it over its own memory.
    #[inline]
    fn check_datagram(&self, bytes: usize, group: impl FnOnce() -> usize) -> Result<()> {
        const BY_UDP: [i32; 2] = [zmq_sys::ZMQ_DGRAM as i32, zmq_sys::ZMQ_RADIO as i32];
        if !BY_UDP.contains(&self.kind) || bytes < DATAGRAM_MAX_LENGTH - 1 - GROUP_MAX_LENGTH {
            return Ok(());
        }
        let size = if self.kind == zmq_sys::ZMQ_RADIO as i32 { 1 + group() + bytes } else { bytes };
        // libzmq tells such an endpoint without its transport.
        let udp = self.endpoints.iter().any(|at| at.given.starts_with("udp:"));
        if udp && size > DATAGRAM_MAX_LENGTH {
            let why = format!("a datagram has room for {DATAGRAM_MAX_LENGTH} bytes, and this frame needs {size}");
            return Err(Error::explained(errno::EMSGSIZE, why));
        }
        Ok(())
    }

    /// Sends all parts, or none.
    pub(crate) fn send_parts(&mut self, parts: &mut [Part<'_>], flags: i32) -> Result<()> {
        let Some(last) = parts.len().checked_sub(1) else {
            return Err(Error::invalid("a message has at least one frame"));
        };
        let bytes: usize = parts.iter().map(Part::len).sum();
        let continued = self.mid_message;
        // Now: what is given away is empty once it went.
        let seen = self.trace.as_ref().map(|trace| trace.look_at(parts));
        if self.subscriptions.is_some() && !continued {
            self.note_beginning(parts[0].as_slice());
        }
        for index in 0..=last {
            let more = if index < last { SNDMORE } else { 0 };
            if let Err(error) = self.send_part(&mut parts[index], flags | more) {
                if error.is_again() && self.drops_torn() && (index > 0 || continued) {
                    return self.give_up_torn(&parts[index..], flags, continued, error);
                }
                return Err(error);
            }
        }
        self.sent(bytes, flags & SNDMORE == 0);
        if let Some(seen) = seen {
            self.note_sent(seen, flags & SNDMORE == 0);
        }
        Ok(())
    }

    /// Whether this type's load balancer, when a peer goes away in the middle of a message, rolls back the frames that it
    /// had and drops the rest of them.
    fn drops_torn(&self) -> bool {
        const BALANCERS: [u32; 3] = [zmq_sys::ZMQ_PUSH, zmq_sys::ZMQ_DEALER, zmq_sys::ZMQ_REQ];
        u32::try_from(self.kind).is_ok_and(|kind| BALANCERS.contains(&kind))
    }

    /// The peer went away in the middle of a message. Shows the rest of it to the balancer, which waits for the last frame
    /// to drop; then a whole message can be tried again from its first frame (EAGAIN).
    ///
    /// Not so a message that was begun by an earlier call with SNDMORE: its first frames are gone. It is dropped, as
    /// libzmq drops it.
    fn give_up_torn(&mut self, rest: &[Part<'_>], flags: i32, continued: bool, error: Error) -> Result<()> {
        // Empty ones in their place: the balancer looks at nothing else, and they are to be sent again.
        let count = rest.len() - 1;
        for index in 1..=count {
            let more = if index < count { SNDMORE } else { 0 };
            self.raw()?.send_bytes(b"", flags | more)?;
        }
        if !continued {
            return Err(error);
        }
        self.mid_message = flags & SNDMORE != 0;
        if let Some(trace) = &mut self.trace {
            trace.lose_outgoing(self.mid_message);
        }
        Ok(())
    }

    #[inline]
    fn sent(&mut self, bytes: usize, whole: bool) {
        self.stats.bytes_sent += bytes as u64;
        self.mid_message = !whole;
        if whole {
            self.stats.messages_sent += 1;
            self.notice_subscriptions();
            if self.kind == zmq_sys::ZMQ_REQ as i32 {
                self.open_since = Some(Instant::now());
                // Replies to an earlier request, which libzmq would have dropped.
                self.returned.clear();
            } else if self.kind == zmq_sys::ZMQ_REP as i32 {
                self.open_since = None;
            }
        }
    }

    /// Takes one frame.
    #[inline]
    pub(crate) fn recv_frame(&mut self) -> Result<Message> {
        let mut message = Message::new();
        self.recv_into(&mut message)?;
        Ok(message)
    }

    #[inline]
    pub(crate) fn recv_into(&mut self, message: &mut Message) -> Result<()> {
        if self.subscriptions.is_some() {
            self.raw()?;
            return Err(Error::explained(errno::ENOTSUP, "a PUB socket only sends; its subscribers receive"));
        }
        match self.returned.pop_front() {
            Some(returned) if self.raw.is_some() => *message = returned,
            _ => self.raw()?.recv(message)?,
        }
        self.stats.bytes_received += message.len() as u64;
        if !message.more() {
            self.stats.messages_received += 1;
            if self.kind == zmq_sys::ZMQ_REQ as i32 {
                self.open_since = None;
            } else if self.kind == zmq_sys::ZMQ_REP as i32 {
                self.open_since = Some(Instant::now());
            }
        }
        if self.trace.is_some() {
            self.note_received(message);
        }
        Ok(())
    }

    /// Takes all frames of a message. libzmq hands over whole messages: the rest is there once the first is.
    pub(crate) fn recv_frames(&mut self) -> Result<Frames> {
        let mut frames = vec![self.recv_frame()?];
        while frames.last().is_some_and(Message::more) {
            frames.push(self.recv_frame()?);
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::wait::{wait, Never, Source, Waker};
    use std::time::Duration;

    #[test]
    fn a_send_that_waits_often_never_misses_its_turn() {
        let context = Context::new(1).unwrap();
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
        push.set_i32(zmq_sys::ZMQ_SNDHWM as i32, 2).unwrap();
        pull.set_i32(zmq_sys::ZMQ_RCVHWM as i32, 2).unwrap();
        push.bind("inproc://turns").unwrap();
        pull.connect("inproc://turns").unwrap();
        let count = 100_000;
        let soon = || Deadline::after(Duration::from_secs(10));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..count {
                    push.send(&mut [Part::Bytes(b"x")], 0, soon(), &mut Never).unwrap();
                }
            });
            for _ in 0..count {
                pull.recv(soon(), &mut Never).unwrap();
            }
        });
    }

    #[test]
    fn what_a_peer_that_leaves_did_not_take_is_whole() {
        let context = Context::new(1).unwrap();
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        push.bind("inproc://leaving").unwrap();
        for _ in 0..20 {
            let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
            pull.connect("inproc://leaving").unwrap();
            push.send(&mut [Part::Bytes(b"x")], 0, Deadline::never(), &mut Never).unwrap();
            let mut last = Message::from_slice(b"last").unwrap();
            let mut frames: Vec<Message> = (0..30_000).map(|_| Message::new()).collect();
            let mut parts: Vec<Part<'_>> = frames.iter_mut().map(Part::Message).collect();
            parts.push(Part::Given(&mut last));
            pull.close(Some(0), &mut Never).unwrap();
            // A send looks only now and then at who leaves, and this one takes long enough for it to be in the middle.
            match push.try_send(&mut parts, 0) {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.is_again());
                    assert_eq!(last.as_slice(), b"last");
                }
            }
        }
    }

    #[test]
    fn who_is_told_that_the_context_ends_wakes_those_who_are_not() {
        for kind in [zmq_sys::ZMQ_PUSH, zmq_sys::ZMQ_SCATTER] {
            let context = Context::new(1).unwrap();
            let socket = context.socket(kind as i32).unwrap();
            let other = Waker::new().unwrap();
            socket.listen(&other, POLLOUT).unwrap();
            // A thread finds the queue full, and only the look that follows says that the context ends: once.
            let told = socket.once(POLLOUT, |_| -> Result<()> {
                context.shutdown().unwrap();
                Err(Error::again())
            });
            assert_eq!(told.unwrap_err().errno(), errno::ETERM);
            let soon = Deadline::after(Duration::from_secs(5));
            assert!(wait(&mut [Source::readable(other.fd())], soon, &mut Never).unwrap());
        }
    }

    #[test]
    fn also_those_who_wait_for_nothing_learn_that_the_context_ends() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let other = Waker::new().unwrap();
        socket.listen(&other, zmq_sys::ZMQ_POLLERR as i32).unwrap();
        context.shutdown().unwrap();
        // Told once, and by this call.
        while socket.events().is_ok() {}
        assert!(wait(&mut [Source::readable(other.fd())], Deadline::now(), &mut Never).unwrap());
    }
}
