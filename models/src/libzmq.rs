//! libzmq's sockets, as far as their users can tell when there is something to do: two of them, connected.
//!
//! After libzmq 4.3.5's mailbox.cpp, ypipe.hpp, pipe.cpp and socket_base.cpp. What matters here:
//!
//! - A socket's descriptor is that of its mailbox. It becomes readable with the first command that comes while the mailbox
//!   is asleep, and stays so until the socket looks at its commands, which it does in the middle of other calls: that is the
//!   edge that any call may use up.
//! - A message sends a command only if the reader's queue is asleep, that is, if the reader has found it empty. So there is
//!   no edge for a message that comes behind another.
//! - A reader tells the writer of room (a command, too) when it has taken half of what the queue holds.
//! - A send looks at commands only now and then; here never (`Looks::Never`) or always, and the models try both.
//! - A context that ends sends a command, once. After it every call fails with ETERM, and nothing rings again.

use std::collections::VecDeque;
use std::os::fd::RawFd;

use crate::error::{errno, Error, Result};
use crate::ffi::Message;
use crate::world::{Descriptor, World};
use crate::zmq_sys::{ZMQ_POLLIN, ZMQ_POLLOUT};

enum Command {
    /// There is something in the queue that was empty.
    Readable,
    /// The reader has taken so many.
    Room(u64),
    /// The context ends.
    Stop,
}

/// Commands to one socket, and its descriptor.
pub struct Mailbox {
    commands: VecDeque<Command>,
    /// The socket has found no more commands: the next one rings.
    asleep: bool,
    pub descriptor: RawFd,
    /// The socket never takes back what rang (the thread-safe types).
    bell: bool,
}

/// Messages one way.
pub struct Pipe {
    queue: VecDeque<Message>,
    /// The reader has found it empty, and looks again only when told.
    asleep: bool,
    holds: u64,
    written: u64,
    read: u64,
    /// What the writer was told of `read`.
    known_read: u64,
}

/// Whether a send looks at commands first.
#[derive(Clone, Copy, PartialEq)]
pub enum Looks {
    Never,
    Always,
}

/// One end: of which mailbox and pipes.
pub struct End {
    mailbox: usize,
    incoming: usize,
    outgoing: usize,
    ended: bool,
    looks: Looks,
}

impl Mailbox {
    fn new(world: &mut World, bell: bool) -> Self {
        let descriptor = world.open(Descriptor::Counter(0));
        Mailbox { commands: VecDeque::new(), asleep: true, descriptor, bell }
    }
}

impl Pipe {
    fn new(holds: u64) -> Self {
        Pipe { queue: VecDeque::new(), asleep: false, holds, written: 0, read: 0, known_read: 0 }
    }
}

/// Two connected ends, with queues for so many messages each way; the first may have a bell.
pub fn connected(world: &mut World, holds: u64, bell: bool, looks: Looks) -> (End, End) {
    let (mailbox, pipe) = (world.mailboxes.len(), world.pipes.len());
    let mailboxes = [Mailbox::new(world, bell), Mailbox::new(world, false)];
    world.mailboxes.extend(mailboxes);
    world.pipes.extend([Pipe::new(holds), Pipe::new(holds)]);
    let end = |which: usize| End {
        mailbox: mailbox + which,
        incoming: pipe + which,
        outgoing: pipe + 1 - which,
        ended: false,
        looks,
    };
    (end(0), end(1))
}

fn command(world: &mut World, mailbox: usize, command: Command) {
    let to = &mut world.mailboxes[mailbox];
    to.commands.push_back(command);
    if std::mem::take(&mut to.asleep) {
        let descriptor = to.descriptor;
        world.add(descriptor, 1);
    }
}

impl End {
    fn peers_mailbox(&self) -> usize {
        // They were made in pairs.
        self.mailbox ^ 1
    }

    fn process_commands(&mut self, world: &mut World) -> Result<()> {
        let own = &mut world.mailboxes[self.mailbox];
        own.asleep = true;
        let (descriptor, bell) = (own.descriptor, own.bell);
        for command in std::mem::take(&mut own.commands) {
            match command {
                Command::Readable => world.pipes[self.incoming].asleep = false,
                Command::Room(read) => world.pipes[self.outgoing].known_read = read,
                Command::Stop => self.ended = true,
            }
        }
        if !bell {
            world.take(descriptor);
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        match self.ended {
            true => Err(Error::zmq(errno::ETERM)),
            false => Ok(()),
        }
    }

    fn has_in(&self, world: &mut World) -> bool {
        let pipe = &mut world.pipes[self.incoming];
        if pipe.asleep {
            return false;
        }
        pipe.asleep = pipe.queue.is_empty();
        !pipe.asleep
    }

    fn has_out(&self, world: &World) -> bool {
        let pipe = &world.pipes[self.outgoing];
        pipe.written - pipe.known_read < pipe.holds
    }

    fn take(&self, world: &mut World) -> Option<Message> {
        if !self.has_in(world) {
            return None;
        }
        let pipe = &mut world.pipes[self.incoming];
        let message = pipe.queue.pop_front();
        pipe.read += 1;
        let read = pipe.read;
        if read % pipe.holds.div_ceil(2) == 0 {
            command(world, self.peers_mailbox(), Command::Room(read));
        }
        message
    }

    pub fn recv(&mut self, world: &mut World) -> Result<Message> {
        self.check()?;
        if let Some(message) = self.take(world) {
            return Ok(message);
        }
        self.process_commands(world)?;
        self.take(world).ok_or_else(Error::again)
    }

    pub fn send(&mut self, world: &mut World, message: &mut Message) -> Result<()> {
        self.check()?;
        if self.looks == Looks::Always {
            self.process_commands(world)?;
        }
        if !self.has_out(world) {
            return Err(Error::again());
        }
        let pipe = &mut world.pipes[self.outgoing];
        pipe.queue.push_back(std::mem::take(message));
        pipe.written += 1;
        // Whether it was asleep is the writer's to know, and the command's to change.
        if pipe.asleep && pipe.queue.len() == 1 {
            command(world, self.peers_mailbox(), Command::Readable);
        }
        Ok(())
    }

    pub fn events(&mut self, world: &mut World) -> Result<i32> {
        self.process_commands(world)?;
        let mut events = 0;
        if self.has_out(world) {
            events |= ZMQ_POLLOUT as i32;
        }
        if self.has_in(world) {
            events |= ZMQ_POLLIN as i32;
        }
        Ok(events)
    }

    /// The context ends: told by another thread.
    pub fn stop(mailbox: usize, world: &mut World) {
        command(world, mailbox, Command::Stop);
    }

    pub fn mailbox(&self) -> usize {
        self.mailbox
    }

    pub fn descriptor(&self, world: &World) -> RawFd {
        world.mailboxes[self.mailbox].descriptor
    }

    pub fn has_bell(&self, world: &World) -> bool {
        world.mailboxes[self.mailbox].bell
    }
}
