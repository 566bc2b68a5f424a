//! Who waits for more than one call does: polls of many sockets, event loops, devices.

use loom::thread;

use super::{recv, try_recv, Model};
use crate::context::pair;
use crate::libzmq::Looks;
use crate::listener::{Listener, Try};
use crate::poller::{look, poll, Item, Target};
use crate::socket::{Events, Socket, POLLIN};
use crate::wait::{wait, Deadline, Never, Source, Waker};
use crate::zmq_sys::ZMQ_DEALER;

pub const ALL: &[Model] = &[
    Model { name: "a poll of two sockets, and one who receives", run: a_poll },
    Model { name: "a poll that remembers, and one who tries", run: a_look },
    Model { name: "an event loop, and one who receives", run: an_event_loop },
    Model { name: "two event loops", run: two_event_loops },
    Model { name: "a device, and one who receives", run: a_device },
];

fn a_poll() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let (quiet, _silent) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let items = [&quiet, &socket].map(|socket| Item { target: Target::Socket(socket), want: POLLIN });
    let ready = poll(&items, Deadline::never(), &mut Never).unwrap();
    assert_eq!(ready, [0, POLLIN]);
    receiver.join().unwrap();
    drop(sender.join().unwrap());
}

fn a_look() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let items = [Item { target: Target::Socket(&socket), want: POLLIN }];
    assert_eq!(look(&items).unwrap(), [0]);
    let other = socket.clone();
    let trier = thread::spawn(move || try_recv(&other));
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    // At any time: what it remembers must not outlast what the other has done.
    look(&items).unwrap();
    let network = sender.join().unwrap();
    let taken = trier.join().unwrap();
    assert_eq!(look(&items).unwrap(), [if taken.is_some() { 0 } else { POLLIN }]);
    drop(network);
}

/// What asyncio does for an awaited recv.
fn await_one(socket: &Socket) -> u8 {
    let listener = Listener::new(socket);
    let fd = listener.fd().unwrap();
    let mut how = Try::First;
    loop {
        match listener.try_recv(how) {
            Ok(message) => return message.as_slice()[0],
            Err(error) => assert!(error.is_again(), "{error}"),
        }
        wait(&mut [Source::readable(fd)], Deadline::never(), &mut Never).unwrap();
        listener.drain();
        how = Try::Woken;
    }
}

fn an_event_loop() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let first = await_one(&socket);
    assert_eq!(first + receiver.join().unwrap(), 3);
    drop(sender.join().unwrap());
}

fn two_event_loops() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let second = thread::spawn(move || await_one(&other));
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let first = await_one(&socket);
    assert_eq!(first + second.join().unwrap(), 3);
    drop(sender.join().unwrap());
}

/// As `device/side.rs` takes and listens: attends, and after joining others on the list looks again.
fn attend(socket: &Socket) -> u8 {
    let waker = Waker::of_this_thread().unwrap();
    let mut sources = [Source::readable(waker.fd()), Source::readable(socket.fd())];
    loop {
        let take = |state: &mut crate::socket::State| match state.recv_frame() {
            Ok(message) => Ok(Some(message.as_slice()[0])),
            Err(error) if error.is_again() => Ok(None),
            Err(error) => Err(error),
        };
        let (taken, listed) = socket.attend(&waker, take, |taken| taken.is_none().then_some(POLLIN)).unwrap();
        if let Some(byte) = taken {
            return byte;
        }
        if !listed && listen(socket, &waker) & POLLIN != 0 {
            continue;
        }
        wait(&mut sources, Deadline::never(), &mut Never).unwrap();
        if !sources[0].seen.is_empty() {
            waker.drain();
        }
    }
}

fn listen(socket: &Socket, waker: &std::sync::Arc<Waker>) -> Events {
    let (events, listed) = socket.attend(waker, |state| state.events(), |_| Some(POLLIN)).unwrap();
    if listed {
        return events;
    }
    socket.listen(waker, POLLIN).unwrap();
    socket.events().unwrap()
}

fn a_device() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let other = socket.clone();
    let receiver = thread::spawn(move || recv(&other).unwrap());
    let sender = thread::spawn(move || {
        network.send(1);
        network.send(2);
        network
    });
    let first = attend(&socket);
    assert_eq!(first + receiver.join().unwrap(), 3);
    drop(sender.join().unwrap());
}
