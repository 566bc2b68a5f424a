//! The core's `ffi`, with the sockets of `libzmq.rs` in the place of libzmq's.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use lock_api::{MutexGuard, RawMutex};
use loom::cell::UnsafeCell;

use crate::error::{errno, Error, Result};
use crate::libzmq::End;
use crate::lock::{Lock, Pass};
use crate::system::fd::BorrowedFd;
use crate::world;
use crate::zmq_sys::{ZMQ_EVENTS, ZMQ_SNDMORE};

include!(concat!(env!("OUT_DIR"), "/lock_impl.rs"));

/// No forks.
pub fn fork_generation() -> u64 {
    0
}

/// A thread's number: its own among all of this process.
pub fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    loom::thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is ending has forgotten its own, and comes as a new one.
    NUMBER.try_with(|number| *number).unwrap_or_else(|_| NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn borrow_fd(fd: RawFd) -> BorrowedFd<'static> {
    BorrowedFd::of(fd)
}

pub fn strerror(errno: i32) -> String {
    format!("errno {errno}")
}

#[derive(Default)]
pub struct Message {
    bytes: Vec<u8>,
    more: bool,
}

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn from_slice(data: &[u8]) -> Result<Self> {
        Ok(Message { bytes: data.to_vec(), more: false })
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn more(&self) -> bool {
        self.more
    }

    pub fn share(&mut self) -> Result<Self> {
        Self::from_slice(&self.bytes)
    }

    pub fn group(&mut self) -> String {
        String::new()
    }
}

/// A socket of libzmq. It is not thread-safe: loom ends the model if two threads can be inside, or one comes in without
/// having seen what the other did there.
pub struct RawSocket {
    end: UnsafeCell<End>,
    mailbox: usize,
    fd: RawFd,
    bell: bool,
}

impl RawSocket {
    pub fn new(end: End) -> Self {
        let (fd, bell) = world::with(|world| (end.descriptor(world), end.has_bell(world)));
        RawSocket { mailbox: end.mailbox(), end: UnsafeCell::new(end), fd, bell }
    }

    /// One call of libzmq. It ends outside of the world, whose lock would show what another lock forgot to.
    fn call<T>(&self, call: impl FnOnce(&mut End, &mut world::World) -> T) -> T {
        // SAFETY: as far as loom finds.
        let done = self.end.with_mut(|end| world::with(|world| call(unsafe { &mut *end }, world)));
        self.end.with_mut(|_| ());
        done
    }

    pub fn send_bytes(&self, data: &[u8], flags: i32) -> Result<()> {
        self.send_message(&mut Message::from_slice(data)?, flags)
    }

    pub fn send_message(&self, message: &mut Message, flags: i32) -> Result<()> {
        assert_eq!(flags & ZMQ_SNDMORE as i32, 0, "messages of a model have one frame");
        self.call(|end, world| end.send(world, message))
    }

    pub fn recv(&self, message: &mut Message) -> Result<()> {
        *message = self.call(|end, world| end.recv(world))?;
        Ok(())
    }

    pub fn events(&self) -> Result<i32> {
        self.call(|end, world| end.events(world))
    }

    pub fn set(&self, _option: i32, _value: &[u8]) -> Result<()> {
        self.call(|_, _| Ok(()))
    }

    pub fn get(&self, option: i32, value: &mut [u8]) -> Result<usize> {
        if option != ZMQ_EVENTS as i32 {
            return Err(Error::zmq(errno::EINVAL));
        }
        let events = self.events()?.to_ne_bytes();
        value.copy_from_slice(&events);
        Ok(events.len())
    }

    pub fn address(&self) -> usize {
        self.fd as usize
    }

    pub fn fd(&self) -> Result<RawFd> {
        Ok(self.fd)
    }

    pub fn has_bell(&self) -> bool {
        self.bell
    }

    pub fn mailbox(&self) -> usize {
        self.mailbox
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        // Nobody may be inside, nor come.
        self.end.with_mut(|_| ());
        // The reaper closes the descriptor, whose number is the next one's.
        world::with(|world| world.close(self.fd));
    }
}
