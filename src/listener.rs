//! A socket in somebody else's event loop: one descriptor that says when to look at the socket again.
//!
//! The socket's own descriptor does not do: it is edge-triggered, the calls of other threads use up its edge, and a loop
//! takes one callback for it only. So a listener joins the socket's list of waiters, as a thread that waits does, and its
//! own descriptor (an epoll over both) is readable when either of them is. Each listener has a descriptor of its own, and
//! has it only once somebody asks.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::event::{epoll, poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::batch::Outbox;
use crate::error::{Error, Result};
use crate::ffi::borrow_fd;
use crate::message::{Frames, Message, Part};
use crate::socket::{Events, Socket, State, POLLIN, POLLOUT};
use crate::transfer::{copies, with_copies};
use crate::wait::Waker;

/// Tries what an event loop wants to do with a socket, and tells it when to try again.
pub struct Listener {
    socket: Socket,
    ear: Mutex<Option<Ear>>,
    /// The events that it listens for. Changes only while the ear is locked.
    listens: AtomicI32,
}

/// Which try this is of a call, and what becomes of listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The only one, like any thread's: it may use up the edge of the descriptor, and then wakes who waits.
    Only,
    /// The first. From a failure on, the descriptor tells of the event: of what comes later, as nothing came before.
    First,
    /// One of those that follow when the descriptor has told: they must not wake their own loop for ever. The descriptor
    /// tells of the event after a failure, and not after a success.
    Woken,
    /// Such a one, too, of somebody who goes on listening for what listen() said.
    Listening,
}

/// What exists once the loop had to wait.
struct Ear {
    waker: Arc<Waker>,
    epoll: OwnedFd,
}

impl Ear {
    fn new(socket: &Socket) -> Result<Self> {
        let failed = |error: rustix::io::Errno| Error::zmq(error.raw_os_error());
        let waker = Waker::new()?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        for fd in [socket.fd(), waker.fd()] {
            let data = epoll::EventData::new_u64(0);
            epoll::add(&epoll, borrow_fd(fd), data, epoll::EventFlags::IN).map_err(failed)?;
        }
        Ok(Ear { waker, epoll })
    }
}

impl Listener {
    /// For this socket. It costs nothing until it has to listen.
    pub fn new(socket: &Socket) -> Self {
        Listener { socket: socket.clone(), ear: Mutex::new(None), listens: AtomicI32::new(0) }
    }

    /// Its socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The descriptor to watch for input; the same until [`Listener::close`].
    pub fn fd(&self) -> Result<RawFd> {
        self.with_ear(|ear| Ok(ear.epoll.as_fd().as_raw_fd()))
    }

    /// The events that the descriptor tells of.
    #[inline]
    pub fn listens(&self) -> Events {
        self.listens.load(Ordering::Relaxed)
    }

    /// From now on the descriptor tells of these events; 0 is none. What happened before has to be looked at after.
    pub fn listen(&self, want: Events) -> Result<()> {
        self.with_ear(|ear| {
            match self.socket.lock() {
                Ok(mut state) => {
                    state.renew();
                    self.set(&mut state, ear, want);
                    Ok(())
                }
                // Nobody there has it on a list.
                Err(_) if want == 0 => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// Forgets the wake-ups so far; to be called before a look at the socket, so that none after it is forgotten.
    pub fn drain(&self) {
        if let Some(ear) = &*self.ear.lock() {
            ear.waker.drain();
        }
    }

    /// Stops listening, and gives the descriptors back.
    pub fn close(&self) {
        if let Some(ear) = self.ear.lock().take() {
            self.socket.unlisten(&ear.waker);
            self.listens.store(0, Ordering::Relaxed);
        }
    }

    /// Takes a frame if one is there; EAGAIN if not.
    #[inline]
    pub fn try_recv(&self, how: Try) -> Result<Message> {
        self.attempt(how, POLLIN, State::recv_frame)
    }

    /// Takes a whole message if one is there; EAGAIN if not.
    pub fn try_recv_multipart(&self, how: Try) -> Result<Frames> {
        self.attempt(how, POLLIN, State::recv_frames)
    }

    /// Sends a frame of bytes if it can go now; EAGAIN if not.
    #[inline]
    pub fn try_send_bytes(&self, data: &[u8], flags: i32, how: Try) -> Result<()> {
        self.attempt(how, POLLOUT, |state| state.send_bytes(data, flags))
    }

    /// Sends a message if it can go now; EAGAIN if not, and then none of it went.
    pub fn try_send(&self, parts: &mut [Part<'_>], flags: i32, how: Try) -> Result<()> {
        self.attempt(how, POLLOUT, |state| state.send_parts(parts, flags))
    }

    /// [`Listener::try_send`] of what takes long to copy: it is copied before the socket is locked.
    pub fn try_send_large(&self, parts: &mut [Part<'_>], flags: i32, how: Try) -> Result<()> {
        let mut copies = copies(parts)?;
        self.try_send(&mut with_copies(parts, &mut copies), flags, how)
    }

    /// Sends what can go now of many messages, and whether that is all; EAGAIN if it is nothing.
    pub fn try_send_many(&self, outbox: &mut Outbox<'_>, how: Try) -> Result<bool> {
        outbox.with_copies(|outbox| self.attempt(how, POLLOUT, |state| state.send_outbox(outbox)))
    }

    fn attempt<T>(&self, how: Try, event: Events, mut work: impl FnMut(&mut State) -> Result<T>) -> Result<T> {
        let ear = self.ear.lock();
        let (Some(ear), true) = (ear.as_ref(), how != Try::Only) else {
            drop(ear);
            return self.socket.once(event, work);
        };
        let mut state = self.socket.lock()?;
        let others = self.listens() & !event;
        if how != Try::Listening {
            // What can be done is spared the looks that waiters need.
            self.set(&mut state, ear, others);
        }
        let edge = how == Try::First || !state.has_waiters() || is_readable(self.socket.fd());
        let done = state.attempt(event, edge, &mut work);
        if how == Try::Listening {
            return done;
        }
        if done.as_ref().is_err_and(Error::is_again) {
            if how == Try::First {
                state.renew();
            }
            self.set(&mut state, ear, others | event);
        } else {
            state.hush();
        }
        done
    }

    fn set(&self, state: &mut State, ear: &Ear, want: Events) {
        if want != self.listens() {
            state.change(&ear.waker, (want != 0).then_some(want));
            self.listens.store(want, Ordering::Relaxed);
        }
    }

    fn with_ear<T>(&self, work: impl FnOnce(&mut Ear) -> Result<T>) -> Result<T> {
        let mut ear = self.ear.lock();
        match &mut *ear {
            Some(ear) => work(ear),
            none => work(none.insert(Ear::new(&self.socket)?)),
        }
    }
}

/// Whether a descriptor has input now.
pub(crate) fn is_readable(fd: RawFd) -> bool {
    let mut items = [PollFd::from_borrowed_fd(borrow_fd(fd), PollFlags::IN)];
    loop {
        match poll(&mut items, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            // A signal does not mean that there is nothing.
            Err(Errno::INTR) => {}
            done => return done.is_ok_and(|count| count > 0),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::wait::{wait, Deadline, Never, Source};
    use std::time::Duration;

    fn pair() -> (Context, Socket, Socket) {
        let context = Context::new(1).unwrap();
        let (a, b) = (context.socket(0).unwrap(), context.socket(0).unwrap());
        a.bind("inproc://pair").unwrap();
        b.connect("inproc://pair").unwrap();
        (context, a, b)
    }

    fn told(listener: &Listener, within: Duration) -> bool {
        wait(&mut [Source::readable(listener.fd().unwrap())], Deadline::after(within), &mut Never).unwrap()
    }

    #[test]
    fn it_tells_of_a_message_whoever_used_up_the_edge() {
        let (_context, a, b) = pair();
        let listener = Listener::new(&b);
        assert!(listener.try_recv(Try::Listening).unwrap_err().is_again());
        listener.listen(POLLIN).unwrap();
        assert!(!told(&listener, Duration::from_millis(5)));
        a.try_send_bytes(b"x", 0).unwrap();
        // As another thread's call might.
        b.events().unwrap();
        assert!(told(&listener, Duration::from_secs(5)));
        listener.drain();
        assert_eq!(listener.try_recv(Try::Listening).unwrap().as_slice(), b"x");
        listener.drain();
        assert!(!told(&listener, Duration::from_millis(5)));
    }

    #[test]
    fn a_message_given_back_is_the_next_one_and_wakes_who_listens() {
        let (_context, a, b) = pair();
        let listener = Listener::new(&b);
        for number in [b"1", b"2"] {
            a.try_send_bytes(number, 0).unwrap();
        }
        let first = b.try_recv_multipart().unwrap();
        let second = b.try_recv_multipart().unwrap();
        listener.listen(POLLIN).unwrap();
        b.give_back(second).unwrap();
        b.give_back(first).unwrap();
        assert!(told(&listener, Duration::from_secs(5)));
        assert_eq!(b.events().unwrap() & POLLIN, POLLIN);
        assert_eq!(b.stats().messages_received, 0);
        assert_eq!(b.try_recv().unwrap().as_slice(), b"1");
        assert_eq!(b.try_recv().unwrap().as_slice(), b"2");
        assert!(b.try_recv().unwrap_err().is_again());
        assert_eq!((b.stats().messages_received, b.stats().bytes_received), (2, 2));
    }

    #[test]
    fn a_try_that_fails_begins_to_listen_and_one_that_does_not_ends_it() {
        let (_context, a, b) = pair();
        let listener = Listener::new(&b);
        // Without a descriptor there is nobody to tell.
        assert!(listener.try_recv(Try::First).unwrap_err().is_again());
        assert_eq!(listener.listens(), 0);
        listener.fd().unwrap();
        assert!(listener.try_recv(Try::Only).unwrap_err().is_again());
        assert_eq!(listener.listens(), 0);
        for first in [Try::First, Try::Woken] {
            assert!(listener.try_recv(first).unwrap_err().is_again());
            assert_eq!(listener.listens(), POLLIN);
            a.try_send_bytes(b"x", 0).unwrap();
            b.events().unwrap();
            assert!(told(&listener, Duration::from_secs(5)));
            listener.drain();
            assert_eq!(listener.try_recv(Try::Woken).unwrap().as_slice(), b"x");
            assert_eq!(listener.listens(), 0);
        }
        // The other event goes on being told.
        listener.listen(POLLIN | POLLOUT).unwrap();
        a.try_send_bytes(b"x", 0).unwrap();
        assert_eq!(listener.try_recv(Try::Woken).unwrap().as_slice(), b"x");
        assert_eq!(listener.listens(), POLLOUT);
        assert!(listener.try_recv(Try::Woken).unwrap_err().is_again());
        assert_eq!(listener.listens(), POLLIN | POLLOUT);
    }

    #[test]
    fn two_that_cannot_go_on_do_not_wake_each_other_for_ever() {
        let context = Context::new(1).unwrap();
        // Ready to send whatever its peers say, and with nobody to send to it says EAGAIN only with a peer that is full.
        let router = context.socket(zmq_sys::ZMQ_ROUTER as i32).unwrap();
        let listeners = [Listener::new(&router), Listener::new(&router)];
        for listener in &listeners {
            listener.listen(POLLIN).unwrap();
        }
        for listener in listeners.iter().cycle().take(10) {
            listener.drain();
            assert!(listener.try_recv(Try::Woken).unwrap_err().is_again());
        }
        for listener in &listeners {
            listener.drain();
            assert!(listener.try_recv(Try::Woken).unwrap_err().is_again());
        }
        assert!(!told(&listeners[0], Duration::from_millis(5)));
        assert!(!told(&listeners[1], Duration::from_millis(5)));
    }
}
