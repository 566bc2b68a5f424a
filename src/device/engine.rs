//! The one proxy loop behind every device.
//!
//! Each round moves up to some dozens of messages each way, then looks at what is wished. A message is taken from one side
//! only while the other side has room. With nothing to move, the engine puts itself on the waiter lists of its sockets, so
//! that other threads' calls on them cannot use up its wake-ups, and waits in `wait.rs` like everybody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Handed};
use super::capture::Capture;
use super::control::{obey, Order};
use super::meter::Meter;
use super::side::{Side, NOTHING};
use super::steer::{Phase, Steer, Wish};
use super::{receives, sends, Way};
use crate::error::{Error, Result};
use crate::explain;
use crate::socket::{Events, Socket, POLLIN, POLLOUT};
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

/// The most messages that are moved one way before anything else is looked at.
const BATCH: usize = 64;
/// How often a busy engine lets signal handlers run.
const CHECK: Duration = Duration::from_millis(10);
/// How soon to try again what could not go although there seemed to be room.
const RETRY: Duration = Duration::from_millis(5);

/// Moves messages between two sockets.
pub struct Engine {
    /// The frontend and the backend; one if both are the same socket.
    sides: Vec<Side>,
    /// The ways that messages can go between these types.
    ways: &'static [Way],
    /// Both are ROUTERs, and messages are addressed from one to the other.
    swap_ids: bool,
    capture: Option<Capture>,
    control: Option<Socket>,
    order: Order,
    meter: Arc<Meter>,
    batch: Batch,
    /// How many messages to take at once, each way: few from a side whose other side was full lately.
    limits: [usize; 2],
    /// A message could not go although there seemed to be room (a mandatory ROUTER has room for some peers only).
    stuck: bool,
}

impl Engine {
    /// An engine between two sockets, which may be the same.
    ///
    /// # Errors
    /// EINVAL if their types allow no message in either direction.
    pub fn new(front: Socket, back: Socket) -> Result<Self> {
        let single = Arc::ptr_eq(&front.0, &back.0);
        let allows = |from: &Socket, to: &Socket| receives(from.kind()) && sends(to.kind());
        let ways: &'static [Way] = match (allows(&front, &back), allows(&back, &front)) {
            (true, true) if !single => &[Way::Forth, Way::Back],
            (true, _) => &[Way::Forth],
            (false, true) => &[Way::Back],
            (false, false) => &[],
        };
        if ways.is_empty() {
            let names = (explain::name(front.kind()), explain::name(back.kind()));
            return Err(Error::invalid(format!(
                "no message can pass between a {} and a {} socket: one must receive and the other send, as PULL and PUSH do",
                names.0, names.1
            )));
        }
        Ok(Engine {
            sides: if single { vec![Side::new(front)] } else { vec![Side::new(front), Side::new(back)] },
            ways,
            swap_ids: false,
            capture: None,
            control: None,
            order: Order::Active,
            meter: Arc::default(),
            batch: Batch::default(),
            limits: [1; 2],
            stuck: false,
        })
    }

    /// Copies each message to a socket.
    pub fn capturing(mut self, capture: Capture) -> Self {
        self.capture = Some(capture);
        self
    }

    /// Obeys commands that come by a socket.
    ///
    /// # Errors
    /// EINVAL if it cannot receive.
    pub fn controlled(mut self, control: Socket) -> Result<Self> {
        if !receives(control.kind()) {
            let name = explain::name(control.kind());
            return Err(Error::invalid(format!(
                "a {name} socket cannot control: it does not receive (use REP or PAIR)"
            )));
        }
        self.control = Some(control);
        Ok(self)
    }

    /// Between two ROUTERs, puts the address of the receiver first in each message: requests then begin with both.
    pub fn swapping_ids(mut self) -> Self {
        let router = zmq_sys::ZMQ_ROUTER as i32;
        self.swap_ids = self.front().kind() == router && self.back().kind() == router;
        self
    }

    /// Its counts.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(super) fn front(&self) -> &Socket {
        self.sides[0].socket()
    }

    pub(super) fn back(&self) -> &Socket {
        self.sides[self.sides.len() - 1].socket()
    }

    /// All its sockets.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        let capture = self.capture.as_ref().map(Capture::socket);
        [Some(self.front()), Some(self.back()), capture, self.control.as_ref()].into_iter().flatten()
    }

    /// Moves messages until a stop is wished, by the steer or the control socket.
    ///
    /// # Errors
    /// ETERM when the context ends, [`Error::Closed`] when a socket is closed, [`Error::Interrupted`]. No message is
    /// lost: what was not handed on can still be received.
    pub fn run(&mut self, steer: &Steer, interrupt: &mut dyn Interrupt) -> Result<()> {
        let mut checked = Instant::now();
        loop {
            let wish = steer.wish();
            if wish == Wish::Stop {
                return Ok(());
            }
            if let Some(control) = &self.control {
                let meter = &self.meter;
                self.order = obey(control, self.order, || meter.read())?;
            }
            let moved = match self.order {
                Order::Terminated => return Ok(()),
                Order::Active if wish == Wish::Run => {
                    steer.enter(Phase::Running);
                    self.round_of(self.ways(), steer.waker())?
                }
                _ => {
                    steer.enter(Phase::Paused);
                    0
                }
            };
            // A wait lets signal handlers run; a busy engine may not come to one for long.
            let waited = moved == 0 && self.idle(steer, self.ways(), Deadline::never(), interrupt)?;
            if waited {
                checked = Instant::now();
            } else if checked.elapsed() > CHECK {
                interrupt.check()?;
                checked = Instant::now();
            }
        }
    }

    /// The ways that messages go.
    pub(super) fn ways(&self) -> &'static [Way] {
        self.ways
    }

    /// Moves what can be moved some ways, up to a batch each; returns how many messages that were.
    pub(super) fn round_of(&mut self, ways: &[Way], waker: &Arc<Waker>) -> Result<usize> {
        self.stuck = false;
        for side in &mut self.sides {
            side.refresh(waker)?;
        }
        let mut moved = 0;
        for way in ways {
            let (from, to) = self.ends(*way);
            if self.sides[from].may_give() && (self.turns() || self.sides[to].has_room(waker)?) {
                moved += self.pass(*way, waker)?;
            }
        }
        Ok(moved)
    }

    /// Which sides a way leads from and to.
    fn ends(&self, way: Way) -> (usize, usize) {
        match way {
            _ if self.sides.len() == 1 => (0, 0),
            Way::Forth => (0, 1),
            Way::Back => (1, 0),
        }
    }

    /// Whether it is a REP that sends itself back what it received: it has room once it has received.
    fn turns(&self) -> bool {
        self.sides.len() == 1 && self.front().kind() == zmq_sys::ZMQ_REP as i32
    }

    /// Moves up to a batch one way, if there is something. The caller knows of room for it.
    fn pass(&mut self, way: Way, waker: &Arc<Waker>) -> Result<usize> {
        let limit = self.limits[way as usize];
        let room = match &mut self.capture {
            Some(capture) => capture.room(limit)?,
            None => limit,
        };
        if room == 0 {
            return Ok(0);
        }
        let (from, to) = self.ends(way);
        let guessed = self.sides[to].guesses_room();
        self.sides[from].take(waker, &mut self.batch, room)?;
        let taken = self.batch.len();
        if taken == 0 {
            return Ok(0);
        }
        if self.swap_ids {
            self.batch.swap_ids();
        }
        let mut handed = Handed::default();
        let (side, batch, kept) = (&mut self.sides[to], &mut self.batch, self.capture.is_some());
        let done = self.meter.count(way, || {
            let done = side.hand(waker, batch, &mut handed, kept);
            (handed.messages, handed.bytes, done)
        });
        if let Some(capture) = &mut self.capture {
            self.batch.show(&handed, &mut |copy| capture.add(way, copy));
        }
        self.stuck |= handed.messages == 0 && !guessed;
        self.limits[way as usize] = match handed.messages == taken {
            true => (limit * 2).min(BATCH),
            false => handed.messages.max(1),
        };
        if self.swap_ids {
            self.batch.swap_ids();
        }
        let returned = self.sides[from].give_back(self.batch.rest(handed.messages));
        let captured = self.capture.as_mut().map_or(Ok(()), Capture::pay);
        // The first error says why; a socket that is gone has no use for what it gave.
        done.and(returned).and(captured)?;
        Ok(handed.messages)
    }

    /// Waits until there may be something to move one of these ways, or something else is wished. False
    /// if there was no need to wait.
    pub(super) fn idle(
        &mut self,
        steer: &Steer,
        ways: &[Way],
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<bool> {
        let active = self.order == Order::Active && steer.wish() != Wish::Pause;
        let ways = if active { ways } else { &[] };
        let waker = steer.waker();
        let capture = self.capture.as_ref().map(Capture::socket);
        let full = match capture {
            Some(capture) => !ways.is_empty() && capture.events()? & POLLOUT == 0,
            None => false,
        };
        // What cannot be moved although there is something, and room for it, must not keep it awake.
        let held = full || self.stuck;
        let mut wants = [NOTHING; 2];
        for way in ways {
            let (from, to) = self.ends(*way);
            if !self.sides[from].may_give() {
                wants[from] |= POLLIN;
            } else if !self.sides[to].may_take() && !self.turns() {
                wants[to] |= POLLOUT;
            } else if !held {
                return Ok(false);
            }
        }
        let mut sources = vec![Source::readable(waker.fd())];
        for (side, want) in self.sides.iter_mut().zip(wants) {
            if side.listen(waker, want)? && !held {
                return Ok(false);
            }
            sources.push(Source::readable(side.socket().fd()));
        }
        let others = capture.map(|capture| (capture, if full { POLLOUT } else { NOTHING }));
        let others: Vec<_> = others.into_iter().chain(self.control.iter().map(|control| (control, POLLIN))).collect();
        let _listening = Listening::start(&others, waker)?;
        for (socket, want) in &others {
            // Again after joining the list: what came in between woke nobody.
            if socket.events()? & want != 0 {
                return Ok(false);
            }
            sources.push(Source::readable(socket.fd()));
        }
        let deadline = if self.stuck { deadline.earlier(Deadline::after(RETRY)) } else { deadline };
        wait(&mut sources, deadline, interrupt)?;
        let woken = !sources[0].seen.is_empty();
        if woken {
            waker.drain();
        }
        for (side, source) in self.sides.iter_mut().zip(&sources[1..]) {
            if woken || !source.seen.is_empty() {
                side.stir();
            }
        }
        Ok(true)
    }
}

/// On the waiter lists of the engine's sockets for as long as it lives.
struct Listening<'a> {
    wants: &'a [(&'a Socket, Events)],
    waker: &'a Arc<Waker>,
}

impl<'a> Listening<'a> {
    fn start(wants: &'a [(&'a Socket, Events)], waker: &'a Arc<Waker>) -> Result<Self> {
        let listening = Listening { wants, waker };
        for (socket, want) in wants {
            socket.listen(waker, *want)?;
        }
        Ok(listening)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for (socket, _) in self.wants {
            socket.unlisten(self.waker);
        }
    }
}
