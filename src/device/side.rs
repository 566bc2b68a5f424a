//! One of a device's two sockets, and what its engine knows of it.
//!
//! To ask libzmq whether there is a message, or room for one, takes a system call or two, and to be on the socket's list
//! of waiters during one's own calls even more. So a side remembers: a socket that said that it is empty, under the same
//! lock under which the engine went on its list, is not asked again before its descriptor is readable, another thread's
//! call has woken the engine, or the engine itself has sent by it. That there is room is believed until a message comes back.

use std::sync::Arc;

use super::batch::{Batch, Handed};
use super::is_one_of;
use crate::error::Result;
use crate::message::Frames;
use crate::socket::{Events, Socket, POLLIN, POLLOUT};
use crate::wait::Waker;

/// An event that never comes: on a waiter list only to be told of the close.
pub(super) const NOTHING: Events = zmq_sys::ZMQ_POLLERR as Events;

/// Types that send whenever they have room and receive whenever there is something, whatever came before, and that have a
/// descriptor of their own. The others (REQ, REP, CLIENT...) are asked in each round.
const STEADY: [u32; 9] = [
    zmq_sys::ZMQ_PUSH,
    zmq_sys::ZMQ_PULL,
    zmq_sys::ZMQ_DEALER,
    zmq_sys::ZMQ_ROUTER,
    zmq_sys::ZMQ_PUB,
    zmq_sys::ZMQ_SUB,
    zmq_sys::ZMQ_XPUB,
    zmq_sys::ZMQ_XSUB,
    zmq_sys::ZMQ_PAIR,
];

/// A socket and what is known of it.
pub struct Side {
    socket: Socket,
    steady: bool,
    /// There may be messages to take.
    full: bool,
    /// There may be room.
    room: bool,
    /// That is a guess, since messages were sent after the last look.
    guessed: bool,
    /// The waker that is on its list of waiters, and for what.
    listed: Option<(Arc<Waker>, Events)>,
    /// Something may have come since it was asked last.
    stirred: bool,
}

impl Side {
    /// A side of which nothing is known.
    pub(super) fn new(socket: Socket) -> Self {
        let steady = is_one_of(socket.kind(), &STEADY);
        Side { socket, steady, full: true, room: false, guessed: false, listed: None, stirred: true }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Something may have come: its descriptor is readable, or somebody else has used it.
    pub(super) fn stir(&mut self) {
        self.stirred = true;
        self.full = true;
    }

    /// Whether there is something to take, as far as is known; if not, the engine can sleep.
    pub(super) fn may_give(&self) -> bool {
        self.full
    }

    /// Whether there is room, as far as is known.
    pub(super) fn may_take(&self) -> bool {
        self.room
    }

    /// Asks, if what is known may be out of date.
    pub(super) fn refresh(&mut self, waker: &Arc<Waker>) -> Result<()> {
        if !self.steady {
            self.look(waker, None)?;
        }
        Ok(())
    }

    /// Whether there is room: asks if there was none the last time.
    pub(super) fn has_room(&mut self, waker: &Arc<Waker>) -> Result<bool> {
        if !self.room {
            self.look(waker, None)?;
        }
        Ok(self.room)
    }

    /// Whether what is said of its room is older than the last message that it was given.
    pub(super) fn guesses_room(&self) -> bool {
        self.guessed
    }

    /// Takes up to `limit` messages into a batch.
    pub(super) fn take(&mut self, waker: &Arc<Waker>, batch: &mut Batch, limit: usize) -> Result<()> {
        self.listed = None;
        let steady = self.steady;
        let asleep = |empty: &bool| (*empty && steady).then_some(POLLIN);
        let (empty, listed) = self.socket.attend(waker, |state| batch.take(state, limit), asleep)?;
        self.full = !empty;
        self.stirred = !listed;
        if listed {
            self.listed = Some((waker.clone(), POLLIN));
        }
        Ok(())
    }

    /// Hands a batch on.
    pub(super) fn hand(
        &mut self,
        waker: &Arc<Waker>,
        batch: &mut Batch,
        handed: &mut Handed,
        kept: bool,
    ) -> Result<()> {
        self.listed = None;
        // Sending looks at what the I/O threads have to say: messages may have come.
        self.full = true;
        self.socket.attend(waker, |state| batch.hand(state, handed, kept), |()| None)?;
        self.room = handed.messages == batch.len();
        self.guessed = true;
        Ok(())
    }

    /// Gives frames back that were taken.
    pub(super) fn give_back(&mut self, frames: Frames) -> Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        self.stir();
        self.socket.give_back(frames)
    }

    /// Goes on its list of waiters, to be woken for `want`; whether there is some of that now.
    pub(super) fn listen(&mut self, waker: &Arc<Waker>, want: Events) -> Result<bool> {
        let known = matches!(&self.listed, Some((own, events)) if Arc::ptr_eq(own, waker) && *events == want);
        if known && !self.stirred {
            return Ok(false);
        }
        if want == NOTHING && !self.stirred {
            let open = |state: &mut crate::socket::State| state.raw().map(drop);
            let ((), listed) = self.socket.attend(waker, open, |()| Some(want))?;
            if listed {
                self.listed = Some((waker.clone(), want));
                return Ok(false);
            }
        }
        Ok(self.look(waker, Some(want))? & want != 0)
    }

    /// Asks for its events, and goes on its list of waiters if told to.
    fn look(&mut self, waker: &Arc<Waker>, want: Option<Events>) -> Result<Events> {
        self.listed = None;
        let (mut events, listed) = self.socket.attend(waker, |state| state.events(), |_| want)?;
        if let Some(want) = want {
            if !listed {
                // Again after joining the others on the list: what came in between woke nobody.
                self.socket.listen(waker, want)?;
                events = self.socket.events()?;
            }
            self.listed = Some((waker.clone(), want));
        }
        self.stirred = false;
        self.full = events & POLLIN != 0;
        self.room = events & POLLOUT != 0;
        self.guessed = false;
        Ok(events)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some((waker, _)) = self.listed.take() {
            self.socket.unlisten(&waker);
        }
    }
}
