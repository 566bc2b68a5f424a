//! Threads that wait for room in one socket: room that comes wakes somebody.

use loom::thread;

use super::{recv, send, Model};
use crate::context::{pair, Network};
use crate::libzmq::Looks;
use crate::zmq_sys::ZMQ_DEALER;

pub const ALL: &[Model] = &[
    Model { name: "two send, into room for one", run: || two_send(Looks::Never) },
    Model { name: "two send, and each looks at commands", run: || two_send(Looks::Always) },
    Model { name: "one waits to send, one to receive", run: || both_ways(Looks::Never) },
    Model { name: "one waits to send, one to receive, each looks at commands", run: || both_ways(Looks::Always) },
    Model { name: "one waits for room that does not come, one receives", run: one_is_stuck },
];

/// Takes a message: the network does nothing else meanwhile.
fn take(network: &Network) -> u8 {
    loop {
        match network.try_recv() {
            Ok(byte) => return byte,
            Err(error) => assert!(error.is_again()),
        }
        network.wait();
    }
}

fn two_send(looks: Looks) {
    let (socket, network) = pair(ZMQ_DEALER, 1, looks);
    send(&socket, 1).unwrap();
    let other = socket.clone();
    let sender = thread::spawn(move || send(&other, 2).unwrap());
    let network = thread::spawn(move || {
        let sum = take(&network) + take(&network);
        (network, sum)
    });
    send(&socket, 3).unwrap();
    sender.join().unwrap();
    let (network, sum) = network.join().unwrap();
    assert_eq!(sum + take(&network), 6);
    assert_eq!(socket.stats().messages_sent, 3);
}

fn both_ways(looks: Looks) {
    let (socket, network) = pair(ZMQ_DEALER, 1, looks);
    send(&socket, 1).unwrap();
    let other = socket.clone();
    let sender = thread::spawn(move || send(&other, 2).unwrap());
    let network = thread::spawn(move || {
        assert_eq!(take(&network), 1);
        network.send(9);
        network
    });
    assert_eq!(recv(&socket).unwrap(), 9);
    sender.join().unwrap();
    assert_eq!(take(&network.join().unwrap()), 2);
}

fn one_is_stuck() {
    let (socket, network) = pair(ZMQ_DEALER, 1, Looks::Never);
    send(&socket, 1).unwrap();
    let other = socket.clone();
    let sender = thread::spawn(move || send(&other, 2).unwrap());
    let network = thread::spawn(move || {
        network.send(9);
        network
    });
    // While nobody takes what the other waits to send.
    assert_eq!(recv(&socket).unwrap(), 9);
    let network = network.join().unwrap();
    assert_eq!(take(&network), 1);
    sender.join().unwrap();
}
