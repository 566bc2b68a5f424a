//! The models: a few threads each, and what must be true in the end.

use loom::thread;

use crate::context::pair;
use crate::libzmq::Looks;
use crate::wait::{Deadline, Never};
use crate::zmq_sys::*;

pub struct Model {
    pub name: &'static str,
    pub run: fn(),
}

pub const ALL: &[Model] = &[Model { name: "two that receive, two messages", run: two_receive }];

fn two_receive() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let second = thread::spawn(move || other.recv(Deadline::never(), &mut Never).unwrap().as_slice()[0]);
    let third = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let first = socket.recv(Deadline::never(), &mut Never).unwrap().as_slice()[0];
    assert_eq!(first + second.join().unwrap(), 3);
    drop(third.join().unwrap());
}
