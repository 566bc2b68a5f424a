//! The thread that replies: it owns no state but its socket, and needs the program only for what the policy leaves to it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::request::{reply, Request};
use super::Judge;
use crate::error::{errno, Error, Result};
use crate::ffi::fork_generation;
use crate::message::{Frames, Message, Part};
use crate::socket::{is_gone, Socket, State, POLLIN};
use crate::wait::{wait, Deadline, Interrupt, Never, Source, Waker};

/// How many lines wait for the program to log them; more are counted only.
const MOST_LINES: usize = 1000;
/// Without `verbose` a decision is told this often, so that a log which has come to want more is noticed.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long to wait for better times.
const RETRY: Duration = Duration::from_millis(100);

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What was decided.
    Debug,
    /// Somebody was sent away.
    Warning,
    /// A request that was none.
    Error,
}

/// What the program may want to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How important it is.
    pub level: Level,
    /// In words.
    pub text: String,
}

/// What the thread has for the program.
#[derive(Default)]
pub struct News {
    /// Requests that the program has to reply to, by the same socket. No more come before it has.
    pub asked: Vec<Frames>,
    /// Lines for its log.
    pub lines: Vec<Line>,
    /// The thread has ended.
    pub ended: bool,
}

/// The handle of the thread. When it is dropped, the thread ends.
pub struct Handler {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    socket: Socket,
    judge: Arc<dyn Judge>,
    outbox: Mutex<Outbox>,
    verbose: AtomicBool,
    stop: AtomicBool,
    ended: AtomicBool,
    /// Awake while there are news.
    news: Arc<Waker>,
    /// Awake for ever once the thread has ended.
    end: Arc<Waker>,
}

#[derive(Default)]
struct Outbox {
    asked: VecDeque<Frames>,
    lines: VecDeque<Line>,
    lost: usize,
}

impl Handler {
    /// Replies to what comes to a REP, which is bound already, until [`Handler::ask_stop`], its close, or the end of its
    /// context.
    pub fn start(socket: Socket, judge: Arc<dyn Judge>) -> Result<Self> {
        if socket.kind() != zmq_sys::ZMQ_REP as i32 {
            return Err(Error::invalid("a ZAP handler replies by a REP socket"));
        }
        let shared = Arc::new(Shared {
            socket,
            judge,
            outbox: Mutex::default(),
            verbose: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            news: Waker::new()?,
            end: Waker::new()?,
        });
        let own = shared.clone();
        std::thread::Builder::new()
            .name("brokerless-zap".into())
            .spawn(move || own.run())
            .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))?;
        Ok(Handler { shared, generation: fork_generation() })
    }

    /// Readable while there are [`Handler::take`]able news.
    pub fn fd(&self) -> i32 {
        self.shared.news.fd()
    }

    /// What there is for the program.
    pub fn take(&self) -> News {
        if self.forked() {
            return News { ended: true, ..News::default() };
        }
        // In this order: what comes after the look at it wakes again.
        self.shared.news.drain();
        let ended = self.has_ended();
        let mut outbox = self.shared.outbox.lock();
        let mut lines: Vec<Line> = outbox.lines.drain(..).collect();
        let lost = std::mem::take(&mut outbox.lost);
        if lost > 0 {
            let text = format!("{lost} more lines were dropped: the log cannot follow");
            lines.push(Line { level: Level::Error, text });
        }
        News { asked: outbox.asked.drain(..).collect(), lines, ended }
    }

    /// Has a line told along with those of the thread.
    pub fn tell(&self, level: Level, text: String) {
        if !self.forked() {
            self.shared.tell(level, text);
        }
    }

    /// Whether every decision is told, or one in a while.
    pub fn set_verbose(&self, verbose: bool) {
        self.shared.verbose.store(verbose, Ordering::Relaxed);
    }

    /// Whether its thread has ended.
    pub fn has_ended(&self) -> bool {
        self.forked() || self.shared.ended.load(Ordering::Acquire)
    }

    /// Asks the thread to end. It leaves its socket open.
    pub fn ask_stop(&self) {
        if !self.forked() {
            self.shared.stop.store(true, Ordering::Release);
            self.shared.socket.poke();
        }
    }

    /// Waits for the end of the thread; false if the time is over before.
    pub fn join(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        let mut sources = [Source::readable(self.shared.end.fd())];
        while !self.has_ended() {
            if !wait(&mut sources, deadline, interrupt)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In a forked child there is no thread, and a lock may be held for ever.
    pub(crate) fn forked(&self) -> bool {
        self.generation != fork_generation()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.ask_stop();
    }
}

/// Lets a wait end because the handle asks for it.
struct Asked<'a>(&'a AtomicBool);

impl Interrupt for Asked<'_> {
    fn check(&mut self) -> Result<()> {
        match self.0.load(Ordering::Acquire) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    fn slice(&self) -> Option<Duration> {
        None
    }
}

impl Shared {
    fn run(&self) {
        // However this thread ends, nobody shall wait for it in vain.
        let _end = AtEnd(self);
        let mut told = None;
        let mut asked = Asked(&self.stop);
        while asked.check().is_ok() {
            let done = self
                .socket
                .run(POLLIN, Deadline::never(), &mut asked, next)
                .and_then(|frames| self.answer(frames, &mut told));
            match done {
                Ok(()) | Err(Error::Interrupted) => {}
                Err(error) if is_gone(&error) => {
                    // Open, it would hold the context's end up.
                    let _ = self.socket.close(Some(0), &mut Never);
                    return;
                }
                Err(error) => self.falter(&error),
            }
        }
    }

    /// Out of memory, or of descriptors. Ending would open the door: libzmq lets everybody in where nobody replies for good.
    fn falter(&self, error: &Error) {
        self.tell(Level::Error, format!("cannot reply: {error}"));
        let _ = wait(&mut [], Deadline::after(RETRY), &mut Never);
    }

    fn answer(&self, frames: Frames, told: &mut Option<Instant>) -> Result<()> {
        let bytes: Vec<&[u8]> = frames.iter().map(Message::as_slice).collect();
        let request = match Request::parse(&bytes) {
            Ok(request) => request,
            Err(refused) => {
                self.tell(Level::Error, format!("refused a request of {} frames: {}", bytes.len(), refused.why));
                return self.send(&reply(refused.id, b"400", refused.why.as_bytes(), b""));
            }
        };
        let Some(verdict) = self.judge.decide(&request) else {
            drop(bytes);
            self.outbox.lock().asked.push_back(frames);
            self.news.wake();
            return Ok(());
        };
        self.send(&verdict.reply(request.id))?;
        if let Some(line) = self.judge.remark(&request, &verdict) {
            self.tell(line.level, line.text);
        } else if self.verbose.load(Ordering::Relaxed) || told.is_none_or(|at| at.elapsed() > SAMPLE) {
            *told = Some(Instant::now());
            self.tell(Level::Debug, verdict.describe(&request));
        }
        Ok(())
    }

    fn send(&self, frames: &[Vec<u8>]) -> Result<()> {
        let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
        // A REP never waits: a reply to one who has gone is dropped.
        self.socket.try_send(&mut parts, 0)
    }

    fn tell(&self, level: Level, text: String) {
        let mut outbox = self.outbox.lock();
        if outbox.lines.len() < MOST_LINES {
            outbox.lines.push_back(Line { level, text });
        } else {
            outbox.lost += 1;
        }
        drop(outbox);
        self.news.wake();
    }
}

/// The next request. While the program owes a reply, none can be taken: not an error, but a reason to wait.
fn next(state: &mut State) -> Result<Frames> {
    state.recv_frames().map_err(|error| if error.errno() == errno::EFSM { Error::again() } else { error })
}

struct AtEnd<'a>(&'a Shared);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.end.wake();
        self.0.news.wake();
    }
}
