//! What all threads of a model share: the table of descriptors, and the queues and mailboxes between libzmq's sockets.
//!
//! One lock, so that each call of the system or of libzmq is one step. A thread that has to wait waits for any change; if
//! none can come any more, loom says "deadlock": that is a lost wake-up.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::rc::Rc;

use loom::sync::{Condvar, Mutex};
use rustix::io::{Errno, Result};

use crate::libzmq::{Mailbox, Pipe};

thread_local! {
    // All of loom's threads are this one to the system. (Loom's own statics end before what its threads have for themselves.)
    static WORLD: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// Begins anew, for the next order.
pub fn begin() {
    let fresh = Shared { world: Mutex::new(World::default()), changed: Condvar::new() };
    WORLD.with(|world| *world.borrow_mut() = Some(Rc::new(fresh)));
}

fn current() -> Rc<Shared> {
    WORLD.with(|world| world.borrow().clone()).expect("a world begins before its threads")
}

struct Shared {
    world: Mutex<World>,
    changed: Condvar,
}

/// One execution's.
#[derive(Default)]
pub struct World {
    descriptors: Vec<Option<Descriptor>>,
    pub mailboxes: Vec<Mailbox>,
    pub pipes: Vec<Pipe>,
    /// Threads that a signal has come to, and that have not handled it: it ends their polls.
    signalled: Vec<usize>,
    /// Something became readable.
    news: bool,
}

/// What a number may be.
pub enum Descriptor {
    /// An eventfd: readable while it is not 0.
    Counter(u64),
    /// An epoll: readable while one of these is.
    Group(Vec<RawFd>),
}

/// Does something in the world: one step.
pub fn with<T>(step: impl FnOnce(&mut World) -> T) -> T {
    let shared = current();
    let mut world = shared.world.lock().unwrap();
    let done = step(&mut world);
    if std::mem::take(&mut world.news) {
        shared.changed.notify_all();
    }
    done
}

/// Looks until there is something to see, or once. A signal ends it.
pub fn wait(once: bool, mut look: impl FnMut(&World) -> usize) -> Result<usize> {
    let (shared, me) = (current(), crate::ffi::this_thread());
    let mut world = shared.world.lock().unwrap();
    loop {
        let seen = look(&world);
        if seen > 0 || once {
            return Ok(seen);
        }
        if world.signalled.contains(&me) {
            return Err(Errno::INTR);
        }
        world = shared.changed.wait(world).unwrap();
    }
}

impl World {
    fn at(&mut self, fd: RawFd) -> Option<&mut Descriptor> {
        self.descriptors.get_mut(usize::try_from(fd).ok()?)?.as_mut()
    }

    /// The lowest number that is free, as the system gives it.
    pub fn open(&mut self, descriptor: Descriptor) -> RawFd {
        let place = match self.descriptors.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.descriptors.push(None);
                self.descriptors.len() - 1
            }
        };
        self.descriptors[place] = Some(descriptor);
        place as RawFd
    }

    pub fn close(&mut self, fd: RawFd) {
        assert!(self.at(fd).is_some(), "a descriptor is closed twice");
        // As on Linux: who sleeps in a poll of it sleeps on.
        self.descriptors[fd as usize] = None;
    }

    pub fn readable(&self, fd: RawFd) -> Option<bool> {
        match self.descriptors.get(usize::try_from(fd).ok()?)?.as_ref()? {
            Descriptor::Counter(count) => Some(*count > 0),
            Descriptor::Group(members) => Some(members.iter().any(|member| self.readable(*member) == Some(true))),
        }
    }

    pub fn add(&mut self, fd: RawFd, more: u64) {
        if let Some(Descriptor::Counter(count)) = self.at(fd) {
            *count += more;
            self.news = true;
        }
    }

    pub fn take(&mut self, fd: RawFd) -> Option<u64> {
        match self.at(fd)? {
            Descriptor::Counter(count) => Some(std::mem::take(count)),
            Descriptor::Group(_) => None,
        }
    }

    pub fn join(&mut self, group: RawFd, member: RawFd) {
        if let Some(Descriptor::Group(members)) = self.at(group) {
            members.push(member);
        }
    }

    /// A signal comes to a thread.
    pub fn signal(&mut self, thread: usize) {
        self.signalled.push(thread);
        self.news = true;
    }

    /// Whether one came to this thread, which handles it now.
    pub fn handle(&mut self, thread: usize) -> bool {
        let before = self.signalled.len();
        self.signalled.retain(|signalled| *signalled != thread);
        self.signalled.len() < before
    }
}
