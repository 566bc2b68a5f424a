//! A close, and a context that ends: nobody is left waiting, and nothing is freed under anybody.

use loom::thread;

use super::{is_closed, recv, send, Model};
use crate::context::{pair, shut_down};
use crate::error::errno;
use crate::libzmq::Looks;
use crate::socket::Socket;
use crate::wait::{Deadline, Never, Waker};
use crate::zmq_sys::{ZMQ_DEALER, ZMQ_POLLERR};

pub const ALL: &[Model] = &[
    Model { name: "a close while two receive", run: a_close },
    Model { name: "a close while one sends and one receives", run: a_close_both_ways },
    Model { name: "a close, and a message at the same time", run: a_close_and_a_message },
    Model { name: "two closes", run: two_closes },
    Model { name: "a context that ends while two receive", run: an_end },
    Model { name: "a context that ends while one sends and one receives", run: an_end_both_ways },
    Model { name: "a context that ends while one waits for nothing", run: an_end_for_nothing },
];

fn receiver(socket: &Socket) -> thread::JoinHandle<crate::error::Result<u8>> {
    let socket = socket.clone();
    thread::spawn(move || recv(&socket))
}

fn close(socket: &Socket) {
    socket.close(None, &mut Never).unwrap();
    // Takes the number of the descriptor, for somebody else, who has news all the time.
    let stranger = Waker::new().unwrap();
    stranger.wake();
    assert!(socket.closed());
}

fn a_close() {
    let (socket, _network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let receivers = [receiver(&socket), receiver(&socket)];
    close(&socket);
    for receiver in receivers {
        assert!(is_closed(&receiver.join().unwrap().unwrap_err()));
    }
}

fn a_close_both_ways() {
    let (socket, _network) = pair(ZMQ_DEALER, 1, Looks::Never);
    send(&socket, 1).unwrap();
    let other = socket.clone();
    let sender = thread::spawn(move || send(&other, 2));
    let receiver = receiver(&socket);
    close(&socket);
    assert!(is_closed(&receiver.join().unwrap().unwrap_err()));
    assert!(is_closed(&sender.join().unwrap().unwrap_err()));
}

fn a_close_and_a_message() {
    let (socket, network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let receivers = [receiver(&socket), receiver(&socket)];
    let sender = thread::spawn(move || {
        network.send(1);
        network
    });
    close(&socket);
    let got = receivers.map(|receiver| receiver.join().unwrap());
    assert!(got.iter().filter(|got| got.is_ok()).count() <= 1);
    assert!(got.iter().all(|got| got.as_ref().map_or_else(is_closed, |byte| *byte == 1)));
    drop(sender.join().unwrap());
}

fn two_closes() {
    let (socket, _network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let receiver = receiver(&socket);
    let other = socket.clone();
    let closer = thread::spawn(move || other.close(None, &mut Never).unwrap());
    socket.close(None, &mut Never).unwrap();
    closer.join().unwrap();
    assert!(is_closed(&receiver.join().unwrap().unwrap_err()));
}

fn has_ended(error: &crate::error::Error) -> bool {
    error.errno() == errno::ETERM
}

fn mailbox_of(socket: &Socket) -> usize {
    socket.once(crate::socket::ANY, |state| Ok(state.raw()?.mailbox())).unwrap()
}

fn an_end() {
    let (socket, _network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let mailbox = mailbox_of(&socket);
    let receivers = [receiver(&socket), receiver(&socket)];
    shut_down(mailbox);
    for receiver in receivers {
        assert!(has_ended(&receiver.join().unwrap().unwrap_err()));
    }
}

fn an_end_both_ways() {
    let (socket, _network) = pair(ZMQ_DEALER, 1, Looks::Never);
    send(&socket, 1).unwrap();
    let mailbox = mailbox_of(&socket);
    let other = socket.clone();
    let sender = thread::spawn(move || send(&other, 2));
    let receiver = receiver(&socket);
    shut_down(mailbox);
    assert!(has_ended(&receiver.join().unwrap().unwrap_err()));
    assert!(has_ended(&sender.join().unwrap().unwrap_err()));
}

fn an_end_for_nothing() {
    let (socket, _network) = pair(ZMQ_DEALER, 2, Looks::Never);
    let mailbox = mailbox_of(&socket);
    let other = socket.clone();
    let waiter = thread::spawn(move || other.poll(ZMQ_POLLERR as i32, Deadline::never(), &mut Never));
    let receiver = receiver(&socket);
    shut_down(mailbox);
    assert!(has_ended(&receiver.join().unwrap().unwrap_err()));
    assert!(has_ended(&waiter.join().unwrap().unwrap_err()));
}
