//! Several threads that receive from one socket, or look at it: a message that is there wakes somebody.

use loom::thread;

use super::{recv, recv_with, send, try_recv, Model};
use crate::context::pair;
use crate::error::{Error, Result};
use crate::ffi::this_thread;
use crate::libzmq::Looks;
use crate::socket::POLLIN;
use crate::wait::{Interrupt, Never};
use crate::world;
use crate::zmq_sys::{ZMQ_CLIENT, ZMQ_DEALER};
use std::time::Duration;

pub const ALL: &[Model] = &[
    Model { name: "two receive", run: || two_receive(ZMQ_DEALER) },
    Model { name: "two take what comes where the descriptor rings on", run: || two_receive(ZMQ_CLIENT) },
    Model { name: "one receives, one only tries", run: one_tries },
    Model { name: "one receives, one asks for events", run: one_glances },
    Model { name: "one receives, one looks at what it counts", run: one_counts },
    Model { name: "one receives, one sends", run: one_sends },
    Model { name: "one receives, one waits for a poll", run: one_polls },
    Model { name: "one of two receivers is interrupted", run: one_is_interrupted },
    Model { name: "one receives what another gives back", run: one_gives_back },
];

fn two_receive(kind: u32) {
    let (socket, network) = pair(kind, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let first = recv(&socket).unwrap();
    assert_eq!(first + receiver.join().unwrap(), 3);
    drop(sender.join().unwrap());
}

fn one_tries() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    let taken = try_recv(&socket);
    let network = sender.join().unwrap();
    if taken.is_some() {
        network.send(2);
    }
    assert_eq!(receiver.join().unwrap(), if taken.is_some() { 2 } else { 1 });
}

fn one_glances() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    socket.events().unwrap();
    socket.events().unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
    drop(sender.join().unwrap());
}

fn one_counts() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    // Without a trace on the lock.
    assert!(socket.glint(0, |state| state.stats.messages_received) <= 1);
    assert_eq!(receiver.join().unwrap(), 1);
    assert_eq!(socket.stats().messages_received, 1);
    drop(sender.join().unwrap());
}

fn one_sends() {
    // A send that looks at commands uses up the edge of what came to be received.
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Always);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    send(&socket, 7).unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
    assert_eq!(sender.join().unwrap().try_recv().unwrap(), 7);
}

fn one_polls() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    // There are two, and one is taken.
    assert_eq!(socket.poll(POLLIN, crate::wait::Deadline::never(), &mut Never).unwrap(), POLLIN);
    let first = receiver.join().unwrap();
    drop(sender.join().unwrap());
    assert_eq!(first + try_recv(&socket).unwrap(), 3);
}

/// The handler of the first signal raises.
struct Raises(bool);

impl Interrupt for Raises {
    fn check(&mut self) -> Result<()> {
        let me = this_thread();
        let came = world::with(|world| world.handle(me));
        self.0 |= came;
        if self.0 {
            return Err(Error::Interrupted);
        }
        Ok(())
    }

    fn slice(&self) -> Option<Duration> {
        None
    }
}

fn one_is_interrupted() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let me = this_thread();
    let sender = thread::spawn(move || {
        network.send(1);
        world::with(|world| world.signal(me));
        network
    });
    let got = recv_with(&socket, &mut Raises(false));
    let network = sender.join().unwrap();
    if got.is_ok() {
        network.send(2);
    } else {
        assert!(matches!(got, Err(Error::Interrupted)));
    }
    assert_eq!(receiver.join().unwrap(), if got.is_ok() { 2 } else { 1 });
}

fn one_gives_back() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    network.send(1);
    let taken = socket.try_recv_multipart().unwrap();
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    socket.give_back(taken).unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
}
