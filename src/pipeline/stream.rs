//! What comes into a PULL socket, up to the end of the stream.
//!
//! Nothing on the wire has to say that a stream is over, so that any PUSH may be its source. It is over when every peer has
//! gone and the queue is empty; or, where it has one source only, when that has said so (see [`super::ending`]). Three things could make that wrong, and are excluded here:
//!
//! - *Nobody has come yet.* A bound socket must have had a peer; a connected one, a peer at each of its endpoints.
//! - *The last messages are still on their way through libzmq*, which may report the end of a connection before it hands
//!   over what came through it. So the order is: see that nobody is there, let the grace period pass, find the queue
//!   empty.
//! - *A connection broke, and the peer will be back.* A peer that is back within the grace period (libzmq tries again after
//!   100 to 200 ms, if not told otherwise) goes on with the same stream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::message::Frames;
use crate::monitor::Watch;
use crate::pipeline::ending::is_end;
use crate::socket::{Socket, POLLIN};
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// A message.
    Message(Frames),
    /// Every peer has gone, and nothing is left. What comes after is another stream.
    End,
}

/// The reading side of a PULL socket. Any thread may use it at any time.
pub struct Stream {
    socket: Socket,
    watch: Arc<Watch>,
    grace: Duration,
    /// A message of this stream has come, and so there was a peer.
    fed: AtomicBool,
    /// The one source has said that this stream is over.
    told: AtomicBool,
    /// How often that was said, in all streams and by whomever, and in how many bytes.
    ends: AtomicU64,
    end_bytes: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How many peers had come, over the network, when the stream before this one ended.
    before: u64,
    /// A peer in this process has come, of which no event tells.
    came: bool,
    /// Endpoints in this process at which nobody has been seen.
    awaited: Vec<String>,
    /// How many endpoints the socket connects to.
    endpoints: usize,
    /// Since when nobody is there, and how many had come by then.
    alone: Option<(Instant, u64)>,
}

impl Stream {
    /// For this socket, before it binds or connects.
    ///
    /// # Errors
    /// Those of opening a watch.
    pub fn new(socket: &Socket, grace: Duration) -> Result<Self> {
        let watch = socket.watch_now()?;
        Ok(Stream {
            socket: socket.clone(),
            watch,
            grace,
            fed: AtomicBool::new(false),
            told: AtomicBool::new(false),
            ends: AtomicU64::new(0),
            end_bytes: AtomicU64::new(0),
            seen: Mutex::default(),
        })
    }

    /// Its socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Connects to a source, without which the stream cannot end.
    ///
    /// # Errors
    /// Those of a connect.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        let inproc = endpoint.starts_with("inproc:");
        if inproc {
            self.seen.lock().awaited.push(endpoint.to_owned());
        } else {
            self.watch.expect(endpoint);
        }
        self.seen.lock().endpoints += 1;
        self.socket.connect(endpoint)?;
        if inproc {
            // No event will tell of one that is there already, and it may be gone by the first wait.
            self.over_at();
        }
        Ok(())
    }

    /// Takes a message if one is there.
    ///
    /// # Errors
    /// The socket or its context is gone.
    pub fn try_next(&self) -> Result<Option<Frames>> {
        loop {
            match self.socket.try_recv_multipart() {
                Ok(frames) if is_end(&frames) => {
                    self.ends.fetch_add(1, Ordering::Relaxed);
                    let bytes: usize = frames.iter().map(|frame| frame.as_slice().len()).sum();
                    self.end_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                    self.fed.store(true, Ordering::Relaxed);
                    // One of several sources speaks for itself only: the others end by their connections, as it does.
                    if self.seen.lock().endpoints == 1 {
                        self.told.store(true, Ordering::Relaxed);
                    }
                }
                Ok(frames) => {
                    self.fed.store(true, Ordering::Relaxed);
                    return Ok(Some(frames));
                }
                Err(error) if error.is_again() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// How often somebody has said that the stream is over, and in how many bytes.
    pub fn ends(&self) -> (u64, u64) {
        (self.ends.load(Ordering::Relaxed), self.end_bytes.load(Ordering::Relaxed))
    }

    /// Waits for a message or the end.
    ///
    /// # Errors
    /// EAGAIN (bare) at the deadline; the socket or its context is gone; [`Error::Interrupted`].
    pub fn next(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Next> {
        if let Some(frames) = self.try_next()? {
            return Ok(Next::Message(frames));
        }
        let waker = Waker::of_this_thread()?;
        self.socket.listen(&waker, POLLIN)?;
        let done = match self.watch.listen(&waker) {
            Ok(()) => self.wait_next(&waker, deadline, interrupt),
            Err(error) => Err(error),
        };
        self.watch.unlisten(&waker);
        self.socket.unlisten(&waker);
        done
    }

    /// How many peers are there now.
    pub fn peers(&self) -> usize {
        self.watch.glance(|table| table.connected()) + self.socket.inproc_count()
    }

    /// Wakes who waits here, to look at what it is interrupted by.
    pub fn poke(&self) {
        self.socket.poke();
        self.watch.poke();
    }

    fn wait_next(&self, waker: &Waker, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<Next> {
        let mut sources = [Source::readable(self.socket.fd()), Source::readable(waker.fd())];
        loop {
            // In this order: what is still to be seen in the queue was there before the last peer had gone.
            let told = self.told.load(Ordering::Relaxed);
            let over = if told { Some(Deadline::now()) } else { self.over_at() };
            match self.try_next() {
                Ok(Some(frames)) => return Ok(Next::Message(frames)),
                // It was said just now.
                Ok(None) if !told && self.told.load(Ordering::Relaxed) => continue,
                Ok(None) => {}
                Err(Error::Closed(_)) => return Err(Error::closed_while_waiting()),
                Err(error) => return Err(error),
            }
            let until = match over {
                Some(end) if end.is_over() => {
                    self.begin_another();
                    return Ok(Next::End);
                }
                Some(end) => deadline.earlier(end),
                None => deadline,
            };
            if deadline.is_over() {
                return Err(Error::again());
            }
            wait(&mut sources, until, interrupt)?;
            waker.drain();
        }
    }

    /// When the stream is over, if nobody comes and nothing is left until then.
    fn over_at(&self) -> Option<Deadline> {
        let (connected, came, expected) =
            self.watch.glance(|table| (table.connected(), table.came, table.expected.len()));
        let inproc = self.socket.inproc_peers();
        let mut seen = self.seen.lock();
        seen.came |= !inproc.is_empty();
        seen.awaited.retain(|endpoint| inproc.iter().all(|peer| peer.remote != *endpoint));
        if connected > 0 || !inproc.is_empty() {
            seen.alone = None;
            return None;
        }
        let fed = self.fed.load(Ordering::Relaxed);
        if fed && seen.endpoints == 1 {
            // It came and went between two looks.
            seen.awaited.clear();
        }
        let somebody = fed || seen.came || came > seen.before;
        if !somebody || expected > 0 || !seen.awaited.is_empty() {
            return None;
        }
        let since = match seen.alone {
            // Nobody has been there and left again meanwhile.
            Some((since, by_then)) if by_then == came => since,
            _ => Instant::now(),
        };
        seen.alone = Some((since, came));
        Some(Deadline::after(self.grace.saturating_sub(since.elapsed())))
    }

    fn begin_another(&self) {
        let came = self.watch.glance(|table| table.came);
        self.fed.store(false, Ordering::Relaxed);
        self.told.store(false, Ordering::Relaxed);
        let mut seen = self.seen.lock();
        (seen.before, seen.came, seen.alone) = (came, false, None);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::wait::Never;

    const GRACE: Duration = Duration::from_millis(20);
    const PULL: i32 = zmq_sys::ZMQ_PULL as i32;
    const PUSH: i32 = zmq_sys::ZMQ_PUSH as i32;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    fn bound(context: &Context, at: &str) -> (Stream, String) {
        let socket = context.socket(PULL).unwrap();
        let stream = Stream::new(&socket, GRACE).unwrap();
        socket.bind(at).unwrap();
        let endpoint = socket.endpoints()[0].endpoint.clone();
        (stream, endpoint)
    }

    fn push(context: &Context, bind: Option<&str>, connect: Option<&str>) -> Socket {
        let socket = context.socket(PUSH).unwrap();
        if let Some(at) = bind {
            socket.bind(at).unwrap();
        }
        if let Some(at) = connect {
            socket.connect(at).unwrap();
        }
        socket
    }

    fn send(socket: &Socket, count: usize) {
        for _ in 0..count {
            socket.send(&mut [crate::message::Part::Bytes(b"x")], 0, soon(), &mut Never).unwrap();
        }
    }

    /// How many messages come before the end.
    fn drain(stream: &Stream) -> usize {
        let mut count = 0;
        while let Next::Message(_) = stream.next(soon(), &mut Never).unwrap() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_stream_ends_when_all_peers_have_gone_and_nothing_is_left() {
        for at in ["tcp://127.0.0.1:*", "inproc://stream"] {
            let context = Context::new(1).unwrap();
            let (stream, endpoint) = bound(&context, at);
            let pushes = [push(&context, None, Some(&endpoint)), push(&context, None, Some(&endpoint))];
            for socket in &pushes {
                send(socket, 700);
                socket.close(None, &mut Never).unwrap();
            }
            assert_eq!(drain(&stream), 1400, "{at}");
        }
    }

    #[test]
    fn nobody_is_no_end() {
        let context = Context::new(1).unwrap();
        let (stream, _) = bound(&context, "tcp://127.0.0.1:*");
        let error = stream.next(Deadline::after(GRACE * 3), &mut Never).unwrap_err();
        assert!(error.is_again());
    }

    #[test]
    fn a_peer_that_sends_nothing_ends_it_too() {
        let context = Context::new(1).unwrap();
        let (stream, endpoint) = bound(&context, "tcp://127.0.0.1:*");
        let socket = push(&context, None, Some(&endpoint));
        socket.wait_for_peers(1, soon(), &mut Never).unwrap();
        socket.close(None, &mut Never).unwrap();
        assert_eq!(drain(&stream), 0);
    }

    #[test]
    fn after_the_end_another_stream_may_come() {
        let context = Context::new(1).unwrap();
        let (stream, endpoint) = bound(&context, "tcp://127.0.0.1:*");
        for count in [3, 5] {
            let socket = push(&context, None, Some(&endpoint));
            send(&socket, count);
            socket.close(None, &mut Never).unwrap();
            assert_eq!(drain(&stream), count);
            assert!(stream.next(Deadline::after(GRACE * 2), &mut Never).unwrap_err().is_again());
        }
    }

    #[test]
    fn no_end_is_missed() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(PULL).unwrap();
        let stream = Stream::new(&socket, Duration::from_millis(1)).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.endpoints()[0].endpoint.clone();
        for _ in 0..500 {
            let pushes: [Socket; 8] = std::array::from_fn(|_| push(&context, None, Some(&endpoint)));
            pushes.iter().for_each(|socket| send(socket, 1));
            stream.socket.wait_for_peers(pushes.len(), soon(), &mut Never).unwrap();
            std::thread::scope(|scope| {
                // Not only the stream looks at who is there.
                scope.spawn(|| pushes.iter().for_each(|_| drop(stream.socket.peers())));
                pushes.iter().for_each(|socket| socket.close(None, &mut Never).unwrap());
                assert_eq!(drain(&stream), pushes.len());
            });
        }
    }

    #[test]
    fn every_source_must_have_come() {
        for at in ["tcp://127.0.0.1:*", "inproc://first"] {
            let context = Context::new(1).unwrap();
            let first = push(&context, Some(at), None);
            let other = push(&context, Some("tcp://127.0.0.1:*"), None);
            let endpoint = |socket: &Socket| socket.endpoints()[0].endpoint.clone();
            let (first_at, other_at) = (endpoint(&first), endpoint(&other));
            other.close(None, &mut Never).unwrap();

            let stream = Stream::new(&context.socket(PULL).unwrap(), GRACE).unwrap();
            stream.connect(&first_at).unwrap();
            stream.connect(&other_at).unwrap();
            send(&first, 2);
            first.close(None, &mut Never).unwrap();
            for _ in 0..2 {
                assert!(matches!(stream.next(soon(), &mut Never).unwrap(), Next::Message(_)));
            }
            assert!(stream.next(Deadline::after(GRACE * 3), &mut Never).unwrap_err().is_again());

            let other = push(&context, Some(&other_at), None);
            send(&other, 1);
            other.close(None, &mut Never).unwrap();
            assert_eq!(drain(&stream), 1);
        }
    }

    #[test]
    fn a_peer_that_is_back_within_the_grace_period_goes_on() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(PULL).unwrap();
        let stream = Stream::new(&socket, Duration::from_secs(5)).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.endpoints()[0].endpoint.clone();
        for _ in 0..2 {
            let socket = push(&context, None, Some(&endpoint));
            send(&socket, 1);
            assert!(matches!(stream.next(soon(), &mut Never).unwrap(), Next::Message(_)));
            socket.close(None, &mut Never).unwrap();
            assert!(stream.next(Deadline::after(GRACE), &mut Never).unwrap_err().is_again());
        }
    }

    #[test]
    fn a_source_may_say_that_it_is_over() {
        let context = Context::new(1).unwrap();
        let source = push(&context, Some("tcp://127.0.0.1:*"), None);
        // Without the word it would wait for an hour.
        let stream = Stream::new(&context.socket(PULL).unwrap(), Duration::from_secs(3600)).unwrap();
        stream.connect(&source.endpoints()[0].endpoint).unwrap();
        source.wait_for_peers(1, soon(), &mut Never).unwrap();
        for count in [7, 0, 2] {
            send(&source, count);
            assert_eq!(super::super::ending::say_end(&source).unwrap(), 1);
            assert_eq!(drain(&stream), count);
        }
        assert_eq!(stream.ends(), (3, 60));
    }

    #[test]
    fn to_a_bound_socket_it_says_nothing_of_the_others() {
        let context = Context::new(1).unwrap();
        let (stream, endpoint) = bound(&context, "tcp://127.0.0.1:*");
        let pushes = [push(&context, None, Some(&endpoint)), push(&context, None, Some(&endpoint))];
        pushes[0].wait_for_peers(1, soon(), &mut Never).unwrap();
        super::super::ending::say_end(&pushes[0]).unwrap();
        pushes[0].close(None, &mut Never).unwrap();
        send(&pushes[1], 5);
        for _ in 0..5 {
            assert!(matches!(stream.next(soon(), &mut Never).unwrap(), Next::Message(_)));
        }
        assert!(stream.next(Deadline::after(GRACE * 3), &mut Never).unwrap_err().is_again());
        pushes[1].close(None, &mut Never).unwrap();
        assert_eq!((drain(&stream), stream.ends().0), (0, 1));
    }

    #[test]
    fn closing_the_socket_wakes_who_waits() {
        let context = Context::new(1).unwrap();
        let (stream, _) = bound(&context, "tcp://127.0.0.1:*");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stream.next(soon(), &mut Never));
            stream.socket.close(None, &mut Never).unwrap();
            let error = waiting.join().unwrap().unwrap_err();
            assert!(matches!(error, Error::Closed(_)));
        });
    }
}
