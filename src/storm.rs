//! Tests of what the core promises for threads, without Python's lock to keep them in turn: no message is torn or lost,
//! nobody waits for ever, and a close is noticed wherever somebody waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::context::Context;
use crate::device::{Engine, Steer};
use crate::error::{Error, Result};
use crate::message::{Frames, Part};
use crate::socket::{Socket, POLLIN};
use crate::wait::{Deadline, Never};

const PUSH: i32 = zmq_sys::ZMQ_PUSH as i32;
const PULL: i32 = zmq_sys::ZMQ_PULL as i32;
const PAIR: i32 = zmq_sys::ZMQ_PAIR as i32;
const PUB: i32 = zmq_sys::ZMQ_PUB as i32;
const DEALER: i32 = zmq_sys::ZMQ_DEALER as i32;
const LINGER: i32 = zmq_sys::ZMQ_LINGER as i32;

const SENDERS: u64 = 4;

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// A socket whose queues hold `hwm` messages.
fn open(context: &Context, kind: i32, hwm: i32) -> Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_i32(zmq_sys::ZMQ_SNDHWM as i32, hwm).unwrap();
    socket.set_i32(zmq_sys::ZMQ_RCVHWM as i32, hwm).unwrap();
    socket.set_i32(LINGER, 0).unwrap();
    socket
}

fn connected(context: &Context, kinds: [i32; 2], endpoint: &str) -> [Socket; 2] {
    let sockets = kinds.map(|kind| open(context, kind, 5));
    let at = sockets[0].bind(endpoint).unwrap();
    sockets[1].connect(&at).unwrap();
    sockets
}

/// A message of which every frame tells whose it is, which one, and how many there are.
fn frames_of(sender: u64, number: u64) -> Vec<Vec<u8>> {
    let count = 1 + number % 5;
    (0..count)
        .map(|index| format!("{sender} {number} {index}/{count} {:>1$}", "", number as usize % 70).into())
        .collect()
}

fn send(socket: &Socket, sender: u64, number: u64, deadline: Deadline) -> Result<()> {
    let frames = frames_of(sender, number);
    let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
    socket.send(&mut parts, 0, deadline, &mut Never)
}

/// Whose message it is, and which; it must be whole.
fn whole(frames: &Frames) -> (u64, u64) {
    let first = String::from_utf8(frames[0].as_slice().to_vec()).unwrap();
    let mut words = first.split(' ').map(|word| word.parse::<u64>());
    let (sender, number) = (words.next().unwrap().unwrap(), words.next().unwrap().unwrap());
    let got: Vec<&[u8]> = frames.iter().map(|frame| frame.as_slice()).collect();
    assert_eq!(got, frames_of(sender, number));
    (sender, number)
}

#[test]
fn many_send_and_many_receive() {
    let tcp = "tcp://127.0.0.1:*";
    for (kinds, endpoint) in [([PUSH, PULL], tcp), ([PAIR, PAIR], "inproc://storm"), ([DEALER, DEALER], tcp)] {
        let context = Context::new(1).unwrap();
        let [a, b] = connected(&context, kinds, endpoint);
        let each = 5_000;
        let taken = AtomicU64::new(0);
        let got: Vec<(u64, u64)> = thread::scope(|scope| {
            for sender in 0..SENDERS {
                let a = &a;
                scope.spawn(move || (0..each).for_each(|number| send(a, sender, number, soon()).unwrap()));
            }
            let receive = || {
                let mut got = Vec::new();
                while taken.fetch_add(1, Ordering::Relaxed) < SENDERS * each {
                    got.push(whole(&b.recv_multipart(soon(), &mut Never).unwrap()));
                }
                got
            };
            let receivers: Vec<_> = (0..3).map(|_| scope.spawn(receive)).collect();
            receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect()
        });
        let mut sorted = got;
        sorted.sort_unstable();
        let expected: Vec<_> = (0..SENDERS).flat_map(|sender| (0..each).map(move |number| (sender, number))).collect();
        assert!(sorted == expected, "{} of {} messages", sorted.len(), expected.len());
        assert_eq!(a.stats().messages_sent, SENDERS * each);
        assert_eq!(a.stats().bytes_sent, b.stats().bytes_received);
    }
}

#[test]
fn a_close_ends_every_call_of_every_thread() {
    for round in 0..20 {
        let context = Context::new(1).unwrap();
        let [a, b] = connected(&context, [DEALER, DEALER], "tcp://127.0.0.1:*");
        let enough = AtomicBool::new(false);
        let send_on = |sender: u64| {
            let mut number = 0;
            loop {
                match send(&a, sender, number, soon()) {
                    Ok(()) => number += 1,
                    Err(error) => return error,
                }
            }
        };
        let receive_on = || {
            let mut count = 0;
            loop {
                match a.recv_multipart(soon(), &mut Never) {
                    Ok(frames) => drop(whole(&frames)),
                    Err(error) => return error,
                }
                count += 1;
                enough.fetch_or(count > 20 * round, Ordering::Relaxed);
            }
        };
        // The other side sends everything back.
        let mirror = || {
            while let Ok(frames) = b.recv_multipart(Deadline::never(), &mut Never) {
                let (sender, number) = whole(&frames);
                if send(&b, sender, number, Deadline::never()).is_err() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            let mirror = scope.spawn(mirror);
            let mut threads: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send_on(sender))).collect();
            threads.extend((0..2).map(|_| scope.spawn(receive_on)));
            while !enough.load(Ordering::Relaxed) && !threads.iter().any(|thread| thread.is_finished()) {
                thread::yield_now();
            }
            a.close(Some(0), &mut Never).unwrap();
            for thread in threads {
                let error = thread.join().unwrap();
                assert!(matches!(error, Error::Closed(_)), "{error}");
            }
            b.close(Some(0), &mut Never).unwrap();
            mirror.join().unwrap();
        });
    }
}

#[test]
fn a_close_ends_every_kind_of_wait() {
    type Wait = fn(&Socket) -> Result<()>;
    let waits: [(i32, Wait); 6] = [
        (PULL, |socket| socket.recv(soon(), &mut Never).map(drop)),
        (PULL, |socket| socket.recv_multipart(soon(), &mut Never).map(drop)),
        (PULL, |socket| socket.poll(POLLIN, soon(), &mut Never).map(drop)),
        (PUSH, |socket| socket.send(&mut [Part::Bytes(b"x")], 0, soon(), &mut Never)),
        (PULL, |socket| socket.wait_for_peers(1, soon(), &mut Never).map(drop)),
        (PUB, |socket| socket.wait_for_subscribers(1, None, soon(), &mut Never).map(drop)),
    ];
    for endpoint in ["tcp://127.0.0.1:*", "inproc://waits"] {
        for (kind, wait) in waits {
            let context = Context::new(1).unwrap();
            let socket = open(&context, kind, 5);
            socket.bind(endpoint).unwrap();
            thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(&socket))).collect();
                // Before, while or after they begin to wait: it ends alike.
                socket.close(Some(0), &mut Never).unwrap();
                for thread in threads {
                    let error = thread.join().unwrap().unwrap_err();
                    assert!(matches!(error, Error::Closed(_)), "{error}");
                }
            });
        }
    }
}

#[test]
fn a_peer_that_vanishes_tears_no_message() {
    let context = Context::new(1).unwrap();
    let push = open(&context, PUSH, 2);
    let endpoint = push.bind("inproc://vanishing").unwrap();
    let over = AtomicBool::new(false);
    let sent: u64 = thread::scope(|scope| {
        let send_on = |sender: u64| {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                match send(&push, sender, number, Deadline::after(Duration::from_millis(10))) {
                    Ok(()) => number += 1,
                    Err(error) => assert!(error.is_again(), "{error}"),
                }
            }
            number
        };
        let senders: Vec<_> = (0..2).map(|sender| scope.spawn(move || send_on(sender))).collect();
        let mut last = [None; 2];
        for round in 0..500 {
            let pull = open(&context, PULL, 2);
            pull.connect(&endpoint).unwrap();
            for _ in 0..=round % 4 {
                let (sender, number) = whole(&pull.recv_multipart(soon(), &mut Never).unwrap());
                // What a peer had in its queue goes with it; what comes is in order and comes once.
                let seen = last[sender as usize].replace(number);
                assert!(seen < Some(number), "{number} after {seen:?}");
            }
            pull.close(Some(0), &mut Never).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!(push.stats().messages_sent, sent);
}

#[test]
fn waits_of_several_threads_on_one_socket_each_get_their_turn() {
    let context = Context::new(1).unwrap();
    let [pull, push] = connected(&context, [PULL, PUSH], "tcp://127.0.0.1:*");
    for _ in 0..300 {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| pull.recv(soon(), &mut Never).map(drop))).collect();
            (0..4).for_each(|number| send_one(&push, number));
            threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
        });
    }
}

fn send_one(socket: &Socket, number: u64) {
    socket.send(&mut [Part::Bytes(&number.to_ne_bytes())], 0, soon(), &mut Never).unwrap();
}

/// Takes messages until none is `left` for anybody, and then ends the others' waits.
fn taker<'a>(socket: &'a Socket, all: [&'a Socket; 2], left: &'a AtomicU64) -> impl FnMut() -> Vec<(u64, u64)> + 'a {
    move || {
        let mut got = Vec::new();
        loop {
            let taken = socket.recv_multipart(soon(), &mut Never);
            let over = match &taken {
                Ok(frames) => {
                    got.push(whole(frames));
                    left.fetch_sub(1, Ordering::Relaxed) == 1
                }
                Err(error) => error.is_again(),
            };
            if over {
                all.iter().for_each(|socket| socket.close(Some(0), &mut Never).unwrap());
            }
            match taken {
                Ok(_) if !over => {}
                Err(error) => {
                    assert!(matches!(error, Error::Closed(_)), "{error}");
                    return got;
                }
                Ok(_) => return got,
            }
        }
    }
}

#[test]
fn threads_may_use_the_sockets_of_a_device() {
    let ipc = |name| format!("ipc:///tmp/brokerless-storm-{}-{name}", std::process::id());
    let tcp = || "tcp://127.0.0.1:*".to_owned();
    for endpoints in [["inproc://a".to_owned(), "inproc://b".into()], [tcp(), tcp()], [ipc("a"), ipc("b")]] {
        let context = Context::new(1).unwrap();
        let [front, producer] = connected(&context, [PULL, PUSH], &endpoints[0]);
        let [back, worker] = connected(&context, [PUSH, PULL], &endpoints[1]);
        let each = 3_000;
        let left = AtomicU64::new(3 * each);
        let steer = Steer::new().unwrap();
        let mut engine = Engine::new(front.clone(), back.clone()).unwrap();
        let mut got: Vec<(u64, u64)> = thread::scope(|scope| {
            let running = scope.spawn(|| engine.run(&steer, &mut Never));
            for sender in 0..3 {
                // One of them passes the device by.
                let socket = if sender == 2 { &back } else { &producer };
                scope.spawn(move || (0..each).for_each(|number| send(socket, sender, number, soon()).unwrap()));
            }
            let takers = [&front, &worker, &worker].map(|socket| scope.spawn(taker(socket, [&front, &worker], &left)));
            while !running.is_finished() {
                for pause in [true, false] {
                    steer.ask_pause(pause);
                    thread::yield_now();
                }
                thread::sleep(Duration::from_millis(1));
            }
            assert!(matches!(running.join().unwrap(), Err(Error::Closed(_))));
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        got.sort_unstable();
        let expected: Vec<_> = (0..3).flat_map(|sender| (0..each).map(move |number| (sender, number))).collect();
        assert!(got == expected, "{} of {} messages", got.len(), expected.len());
        let moved = engine.meter().read().frontend_messages;
        assert_eq!(front.stats().messages_received - moved + worker.stats().messages_received, 3 * each);
    }
}
