//! The one proxy loop behind every device.
//!
//! Each round moves up to some dozens of messages each way, then looks at what is wished. A message is taken from one side
//! only while the other side has room. With nothing to move, the engine puts itself on the waiter lists of its sockets, so
//! that other threads' calls on them cannot use up its wake-ups, and waits in `wait.rs` like everybody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::capture::Capture;
use super::control::{obey, Order};
use super::meter::Meter;
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
/// An event that never comes: on a waiter list only to be told of the close.
const NOTHING: Events = zmq_sys::ZMQ_POLLERR as Events;

/// Moves messages between two sockets.
pub struct Engine {
    front: Socket,
    back: Socket,
    /// Both are the same socket.
    single: bool,
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
            single,
            ways,
            front,
            back,
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
        self.swap_ids = self.front.kind() == router && self.back.kind() == router;
        self
    }

    /// Its counts.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(super) fn front(&self) -> &Socket {
        &self.front
    }

    pub(super) fn back(&self) -> &Socket {
        &self.back
    }

    /// All its sockets.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        let capture = self.capture.as_ref().map(Capture::socket);
        [Some(&self.front), Some(&self.back), capture, self.control.as_ref()].into_iter().flatten()
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
            match self.order {
                Order::Terminated => return Ok(()),
                Order::Active if wish == Wish::Run => {
                    steer.enter(Phase::Running);
                    if self.round()? > 0 {
                        if checked.elapsed() > CHECK {
                            interrupt.check()?;
                            checked = Instant::now();
                        }
                        continue;
                    }
                }
                _ => steer.enter(Phase::Paused),
            }
            self.idle(steer, self.ways(), Deadline::never(), interrupt)?;
            checked = Instant::now();
        }
    }

    /// The ways that messages go.
    pub(super) fn ways(&self) -> &'static [Way] {
        self.ways
    }

    /// Moves what can be moved, up to a batch each way; returns how many messages that were.
    pub(super) fn round(&mut self) -> Result<usize> {
        self.round_of(self.ways())
    }

    /// [`Engine::round`] of some ways only.
    pub(super) fn round_of(&mut self, ways: &[Way]) -> Result<usize> {
        let events = self.look()?;
        self.stuck = false;
        let mut moved = 0;
        for way in ways {
            if self.missing(*way, events).is_none() {
                moved += self.pass(*way)?;
            }
        }
        Ok(moved)
    }

    /// What is missing on a way: something to take (from the socket of that index), or room for it (at the other one).
    fn missing(&self, way: Way, events: [Events; 2]) -> Option<(usize, Events)> {
        let (from, to) = match way {
            Way::Forth => (0, 1),
            Way::Back => (1, 0),
        };
        if events[from] & POLLIN == 0 {
            Some((from, POLLIN))
        } else if events[to] & POLLOUT == 0 && !self.turns() {
            Some((to, POLLOUT))
        } else {
            None
        }
    }

    /// Whether it is a REP that sends itself back what it received: it has room once it has received.
    fn turns(&self) -> bool {
        self.single && self.front.kind() == zmq_sys::ZMQ_REP as i32
    }

    fn look(&self) -> Result<[Events; 2]> {
        let front = self.front.events()?;
        let back = if self.single { front } else { self.back.events()? };
        Ok([front, back])
    }

    /// Moves up to a batch one way. The caller has seen that there is something, and room for it.
    fn pass(&mut self, way: Way) -> Result<usize> {
        let limit = self.limits[way as usize];
        let room = match &mut self.capture {
            Some(capture) => capture.room(limit)?,
            None => limit,
        };
        if room == 0 {
            return Ok(0);
        }
        let (from, to) = match way {
            Way::Forth => (&self.front, &self.back),
            Way::Back => (&self.back, &self.front),
        };
        self.batch.take(from, room)?;
        if self.swap_ids {
            self.batch.swap_ids();
        }
        let (batch, capture) = (&mut self.batch, &mut self.capture);
        let handed = self.meter.count(way, || {
            let handed = match capture {
                Some(capture) => batch.hand(to, Some(&mut |copy| capture.add(way, copy))),
                None => batch.hand(to, None),
            };
            (handed.messages, handed.bytes, handed)
        });
        let taken = self.batch.len();
        self.stuck |= taken > 0 && handed.messages == 0;
        self.limits[way as usize] = match handed.messages == taken {
            true => (limit * 2).min(BATCH),
            false => handed.messages.max(1),
        };
        if self.swap_ids {
            self.batch.swap_ids();
        }
        let returned = self.batch.give_back(from, handed.messages);
        let captured = self.capture.as_mut().map_or(Ok(()), Capture::pay);
        // The first error says why; a socket that is gone has no use for what it gave.
        handed.error.map_or(Ok(()), Err).and(returned).and(captured)?;
        Ok(handed.messages)
    }

    /// Waits until there may be something to move one of these ways, or something else is wished.
    pub(super) fn idle(
        &mut self,
        steer: &Steer,
        ways: &[Way],
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<()> {
        let active = self.order == Order::Active && steer.wish() != Wish::Pause;
        let Some(wants) = self.wants(if active { ways } else { &[] })? else {
            return Ok(());
        };
        let waker = steer.waker();
        let _listening = Listening::start(&wants, waker)?;
        let mut sources = vec![Source::readable(waker.fd())];
        for (socket, want) in &wants {
            // Again after joining the list: what came in between woke nobody.
            if socket.events()? & want != 0 {
                return Ok(());
            }
            sources.push(Source::readable(socket.fd()));
        }
        let deadline = if self.stuck { deadline.earlier(Deadline::after(RETRY)) } else { deadline };
        wait(&mut sources, deadline, interrupt)?;
        waker.drain();
        Ok(())
    }

    /// What each socket must have before a message can be moved; `None` if one can be moved now.
    fn wants(&self, ways: &[Way]) -> Result<Option<Vec<(Socket, Events)>>> {
        let events = self.look()?;
        let capture = self.capture.as_ref().map(Capture::socket);
        let full = match capture {
            Some(capture) => capture.events()? & POLLOUT == 0,
            None => false,
        };
        let mut wants = [NOTHING; 2];
        for way in ways {
            match self.missing(*way, events) {
                Some((socket, event)) => wants[socket] |= event,
                None if full || self.stuck => {}
                None => return Ok(None),
            }
        }
        let mut all = vec![(self.front.clone(), wants[0] | if self.single { wants[1] } else { NOTHING })];
        if !self.single {
            all.push((self.back.clone(), wants[1]));
        }
        all.extend(capture.map(|capture| (capture.clone(), if full && !ways.is_empty() { POLLOUT } else { NOTHING })));
        all.extend(self.control.iter().map(|control| (control.clone(), POLLIN)));
        Ok(Some(all))
    }
}

/// On the waiter lists of the engine's sockets for as long as it lives.
struct Listening<'a> {
    wants: &'a [(Socket, Events)],
    waker: &'a Arc<Waker>,
}

impl<'a> Listening<'a> {
    fn start(wants: &'a [(Socket, Events)], waker: &'a Arc<Waker>) -> Result<Self> {
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
