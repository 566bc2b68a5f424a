//! Devices between real sockets, over inproc and tcp.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::context::Context;
use crate::error::errno;
use crate::message::{Message, Part};
use crate::socket::{Socket, POLLIN, POLLOUT};
use crate::wait::{Deadline, Never};

const PATIENCE: Duration = Duration::from_secs(10);

fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

fn kind(number: u32) -> i32 {
    number as i32
}

/// A context and what tests do with it.
struct Bench(Context);

impl Bench {
    fn new() -> Self {
        Bench(Context::new(1).unwrap())
    }

    fn bound(&self, number: u32, endpoint: &str) -> Socket {
        let socket = self.0.socket(kind(number)).unwrap();
        socket.bind(endpoint).unwrap();
        socket
    }

    fn connected(&self, number: u32, to: &Socket) -> Socket {
        let socket = self.0.socket(kind(number)).unwrap();
        socket.connect(&to.endpoints()[0].endpoint).unwrap();
        socket
    }
}

fn send(socket: &Socket, frames: &[&[u8]]) {
    let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
    socket.send(&mut parts, 0, soon(), &mut Never).unwrap();
}

fn recv(socket: &Socket) -> Vec<Vec<u8>> {
    let frames = socket.recv_multipart(soon(), &mut Never).unwrap();
    frames.iter().map(|frame| frame.as_slice().to_vec()).collect()
}

fn start(front: &Socket, back: &Socket) -> Device {
    Device::start(Engine::new(front.clone(), back.clone()).unwrap()).unwrap()
}

fn stop(device: &Device) {
    device.ask_stop(Farewell::default());
    assert!(device.join(soon(), &mut Never).unwrap());
}

fn wait_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never became so");
        std::thread::yield_now();
    }
}

#[test]
fn requests_and_replies_pass_whole_both_ways() {
    for (front, back) in [("inproc://front", "inproc://back"), ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")] {
        let bench = Bench::new();
        let (front, back) = (bench.bound(zmq_sys::ZMQ_ROUTER, front), bench.bound(zmq_sys::ZMQ_DEALER, back));
        let device = start(&front, &back);
        let clients = [(); 2].map(|()| bench.connected(zmq_sys::ZMQ_REQ, &front));
        let servers = [(); 2].map(|()| bench.connected(zmq_sys::ZMQ_REP, &back));
        for server in &servers {
            // Deals requests to both only once both are there.
            server.poll(POLLIN, Deadline::now(), &mut Never).unwrap();
        }
        for round in 0..50u8 {
            for (name, client) in clients.iter().enumerate() {
                send(client, &[&[round], b"", &[name as u8]]);
            }
            for _ in &clients {
                let ready = wait_any(&servers);
                let mut request = recv(ready);
                request.push(b"reply".to_vec());
                send(ready, &request.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
            for (name, client) in clients.iter().enumerate() {
                assert_eq!(recv(client), [vec![round], vec![], vec![name as u8], b"reply".to_vec()]);
            }
        }
        let moved = device.moved();
        assert_eq!((moved.frontend_messages, moved.backend_messages), (100, 100));
        assert!(moved.backend_bytes == moved.frontend_bytes + 500, "{moved:?}");
        let begun = Instant::now();
        stop(&device);
        assert!(begun.elapsed() < Duration::from_millis(200), "nothing was owed, so nothing was to be waited for");
        assert!(front.closed() && back.closed());
    }
}

fn wait_any(sockets: &[Socket]) -> &Socket {
    let start = Instant::now();
    loop {
        for socket in sockets {
            if socket.poll(POLLIN, Deadline::after(Duration::from_millis(5)), &mut Never).unwrap() != 0 {
                return socket;
            }
        }
        assert!(start.elapsed() < PATIENCE);
    }
}

#[test]
fn subscriptions_travel_upstream() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_XSUB, "tcp://127.0.0.1:*"), bench.bound(zmq_sys::ZMQ_XPUB, "tcp://127.0.0.1:*"));
    let device = start(&front, &back);
    let publisher = bench.connected(zmq_sys::ZMQ_PUB, &front);
    let subscriber = bench.connected(zmq_sys::ZMQ_SUB, &back);
    subscriber.set_bytes(zmq_sys::ZMQ_SUBSCRIBE as i32, b"b").unwrap();
    publisher.wait_for_subscribers(1, Some(b"b"), soon(), &mut Never).unwrap();
    send(&publisher, &[b"a", b"unwanted"]);
    send(&publisher, &[b"b", b"wanted"]);
    assert_eq!(recv(&subscriber), [b"b".to_vec(), b"wanted".to_vec()]);
    let moved = device.moved();
    assert_eq!((moved.frontend_messages, moved.backend_messages), (1, 1), "filtered at the publisher");
    stop(&device);
}

#[test]
fn nothing_is_taken_while_nobody_takes_it_on() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "inproc://front"), bench.bound(zmq_sys::ZMQ_PUSH, "inproc://back"));
    let device = start(&front, &back);
    let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
    producer.set_i32(zmq_sys::ZMQ_SNDTIMEO as i32, 100).unwrap();
    let mut accepted = 0;
    while producer.try_send_bytes(b"job", 0).is_ok() {
        accepted += 1;
    }
    assert_eq!(device.moved(), Moved::default());
    let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
    for _ in 0..accepted {
        recv(&worker);
    }
    assert_eq!(device.moved().frontend_messages, accepted);
    stop(&device);
}

#[test]
fn a_pause_stops_the_flow_and_a_resume_lets_it_go_on() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "tcp://127.0.0.1:*"), bench.bound(zmq_sys::ZMQ_PUSH, "tcp://127.0.0.1:*"));
    let device = start(&front, &back);
    let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
    let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
    send(&producer, &[b"before"]);
    assert_eq!(recv(&worker), [b"before"]);
    for _ in 0..100 {
        device.pause(&mut Never).unwrap();
        assert_eq!(device.phase(), Phase::Paused);
        let moved = device.moved();
        send(&producer, &[b"while"]);
        // It has arrived, and is left where it is.
        wait_until(|| front.events().unwrap() & POLLIN != 0);
        assert_eq!(device.moved(), moved);
        assert_eq!(worker.poll(POLLIN, Deadline::now(), &mut Never).unwrap(), 0);
        device.resume(&mut Never).unwrap();
        assert_eq!(device.phase(), Phase::Running);
        assert_eq!(recv(&worker), [b"while"]);
    }
    device.pause(&mut Never).unwrap();
    send(&producer, &[b"last"]);
    wait_until(|| front.events().unwrap() & POLLIN != 0);
    stop(&device);
    assert_eq!(recv(&worker), [b"last"], "a device stopped in a pause passes on what it had");
}

#[test]
fn a_stop_loses_nothing_that_was_taken_in() {
    for transport in ["inproc", "tcp"] {
        for attempt in 0..8u64 {
            let bench = Bench::new();
            let endpoint = |side: &str| match transport {
                "tcp" => "tcp://127.0.0.1:*".to_owned(),
                _ => format!("inproc://{side}"),
            };
            let (front, back) =
                (bench.bound(zmq_sys::ZMQ_PULL, &endpoint("front")), bench.bound(zmq_sys::ZMQ_PUSH, &endpoint("back")));
            let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
            let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
            let device = start(&front, &back);
            // How many messages the worker has to wait for, once that is known.
            let taken_in = AtomicU64::new(u64::MAX);
            let known = || taken_in.load(Ordering::Acquire);
            let soon = || Deadline::after(Duration::from_millis(20));
            let (moved, numbers) = std::thread::scope(|scope| {
                let working = scope.spawn(|| {
                    let mut numbers = Vec::new();
                    let give_up = Deadline::after(PATIENCE);
                    while (numbers.len() as u64) < known() && !give_up.is_over() {
                        if let Ok(frames) = worker.recv_multipart(soon(), &mut Never) {
                            assert_eq!(frames.len(), 2);
                            numbers.push(u64::from_ne_bytes(frames[0].as_slice().try_into().unwrap()));
                        }
                    }
                    numbers
                });
                scope.spawn(|| {
                    let mut number = 0u64;
                    while number < 10_000 && known() == u64::MAX {
                        let mut parts = [Part::Bytes(&number.to_ne_bytes()), Part::Bytes(b"payload")];
                        number += u64::from(producer.send(&mut parts, 0, soon(), &mut Never).is_ok());
                    }
                });
                wait_until(|| device.moved().frontend_messages > attempt * 1000);
                stop(&device);
                let moved = device.moved().frontend_messages;
                taken_in.store(moved, Ordering::Release);
                (moved, working.join().unwrap())
            });
            assert_eq!(numbers, (0..moved).collect::<Vec<_>>(), "over {transport}");
        }
    }
}

#[test]
fn a_stop_waits_for_the_replies_that_are_due() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_ROUTER, "tcp://127.0.0.1:*"), bench.bound(zmq_sys::ZMQ_DEALER, "tcp://127.0.0.1:*"));
    let device = start(&front, &back);
    let client = bench.connected(zmq_sys::ZMQ_REQ, &front);
    let server = bench.connected(zmq_sys::ZMQ_REP, &back);
    send(&client, &[b"question"]);
    let question = recv(&server);
    device.ask_stop(Farewell::within(Some(PATIENCE)));
    let late = bench.0.socket(kind(zmq_sys::ZMQ_REQ)).unwrap();
    wait_until(|| device.phase() == Phase::Stopping);
    drop(late);
    send(&server, &[&question[0], b"answer"]);
    assert!(device.join(soon(), &mut Never).unwrap());
    assert_eq!(recv(&client), [b"question".to_vec(), b"answer".to_vec()]);
}

#[test]
fn a_device_without_a_handle_ends() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "tcp://127.0.0.1:*"), bench.bound(zmq_sys::ZMQ_PUSH, "tcp://127.0.0.1:*"));
    let begun = Instant::now();
    drop(start(&front, &back));
    assert!(begun.elapsed() < Duration::from_millis(100));
    wait_until(|| front.closed() && back.closed());
}

#[test]
fn a_context_that_ends_ends_its_devices_without_error() {
    let bench = Bench::new();
    let device = start(
        &bench.bound(zmq_sys::ZMQ_ROUTER, "tcp://127.0.0.1:*"),
        &bench.bound(zmq_sys::ZMQ_DEALER, "tcp://127.0.0.1:*"),
    );
    let paused = start(&bench.bound(zmq_sys::ZMQ_PULL, "inproc://x"), &bench.bound(zmq_sys::ZMQ_PUSH, "inproc://y"));
    paused.pause(&mut Never).unwrap();
    bench.0.term(soon(), &mut Never).unwrap();
    assert!(device.join(soon(), &mut Never).unwrap());
    assert!(paused.join(soon(), &mut Never).unwrap());
}

#[test]
fn the_same_socket_may_be_both_sides() {
    let bench = Bench::new();
    let echo = bench.bound(zmq_sys::ZMQ_ROUTER, "tcp://127.0.0.1:*");
    let device = start(&echo, &echo);
    let client = bench.connected(zmq_sys::ZMQ_DEALER, &echo);
    for round in 0..500u16 {
        send(&client, &[&round.to_ne_bytes(), b"echo"]);
    }
    for round in 0..500u16 {
        assert_eq!(recv(&client), [round.to_ne_bytes().to_vec(), b"echo".to_vec()]);
    }
    assert_eq!(device.moved().frontend_messages, 500);
    stop(&device);

    let echo = bench.bound(zmq_sys::ZMQ_REP, "tcp://127.0.0.1:*");
    let device = start(&echo, &echo);
    let client = bench.connected(zmq_sys::ZMQ_REQ, &echo);
    for _ in 0..20 {
        send(&client, &[b"echo"]);
        assert_eq!(recv(&client), [b"echo"]);
    }
    stop(&device);
}

#[test]
fn a_capture_gets_a_copy_of_each_message_and_holds_up_what_it_cannot_take() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "inproc://front"), bench.bound(zmq_sys::ZMQ_PUSH, "inproc://back"));
    let copies = bench.bound(zmq_sys::ZMQ_PUSH, "inproc://copies");
    let prefixes = Prefixes { forth: b"in".to_vec(), back: b"out".to_vec() };
    let capture = Capture::new(copies.clone(), Some(prefixes)).unwrap();
    let device = Device::start(Engine::new(front.clone(), back.clone()).unwrap().capturing(capture)).unwrap();
    let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
    let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
    send(&producer, &[b"a", b"1"]);
    wait_until(|| front.events().unwrap() & POLLIN != 0);
    assert_eq!(worker.poll(POLLIN, Deadline::now(), &mut Never).unwrap(), 0, "nobody can take the copy");
    let reader = bench.connected(zmq_sys::ZMQ_PULL, &copies);
    assert_eq!(recv(&worker), [b"a", b"1"]);
    assert_eq!(recv(&reader), [&b"in"[..], b"a", b"1"]);
    for number in 0..1500u16 {
        send(&producer, &[&number.to_ne_bytes()]);
        assert_eq!(recv(&reader), [&b"in"[..], &number.to_ne_bytes()]);
        assert_eq!(recv(&worker), [number.to_ne_bytes()]);
    }
    stop(&device);
}

#[test]
fn two_routers_are_addressed_from_one_to_the_other() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_ROUTER, "inproc://front"), bench.bound(zmq_sys::ZMQ_ROUTER, "inproc://back"));
    let device = Device::start(Engine::new(front.clone(), back.clone()).unwrap().swapping_ids()).unwrap();
    let named = |name: &[u8], to: &Socket| {
        let socket = bench.0.socket(kind(zmq_sys::ZMQ_DEALER)).unwrap();
        socket.set_bytes(zmq_sys::ZMQ_ROUTING_ID as i32, name).unwrap();
        socket.connect(&to.endpoints()[0].endpoint).unwrap();
        socket
    };
    let (anna, ben) = (named(b"anna", &front), named(b"ben", &back));
    // A ROUTER knows a peer by its first message, or from the moment it looks.
    wait_until(|| back.events().unwrap() & POLLOUT != 0);
    send(&anna, &[b"ben", b"hello"]);
    assert_eq!(recv(&ben), [&b"anna"[..], b"hello"]);
    send(&ben, &[b"anna", b"hello yourself"]);
    assert_eq!(recv(&anna), [&b"ben"[..], b"hello yourself"]);
    stop(&device);
}

#[test]
fn a_control_socket_pauses_resumes_asks_and_terminates() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "inproc://front"), bench.bound(zmq_sys::ZMQ_PUSH, "inproc://back"));
    let control = bench.bound(zmq_sys::ZMQ_REP, "inproc://control");
    let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
    let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
    let boss = bench.connected(zmq_sys::ZMQ_REQ, &control);
    let mut engine = Engine::new(front.clone(), back.clone()).unwrap().controlled(control).unwrap();
    let running = std::thread::spawn(move || engine.run(&Steer::new().unwrap(), &mut Never));
    let ask = |word: &[u8]| {
        send(&boss, &[word]);
        recv(&boss)
    };
    send(&producer, &[b"12345", b"678"]);
    recv(&worker);
    assert_eq!(ask(b"PAUSE"), [b""]);
    send(&producer, &[b"later"]);
    let numbers: Vec<u64> =
        ask(b"STATISTICS").iter().map(|frame| u64::from_ne_bytes(frame[..].try_into().unwrap())).collect();
    assert_eq!(numbers, [1, 8, 0, 0, 0, 0, 1, 8]);
    assert_eq!(ask(b"no such word"), [b""]);
    assert_eq!(worker.poll(POLLIN, Deadline::now(), &mut Never).unwrap(), 0);
    assert_eq!(ask(b"RESUME"), [b""]);
    assert_eq!(recv(&worker), [b"later"]);
    assert_eq!(ask(b"TERMINATE"), [b""]);
    running.join().unwrap().unwrap();
    assert!(!front.closed(), "a proxy in the foreground leaves its sockets to their owner");
}

#[test]
fn a_close_from_elsewhere_ends_it() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "inproc://front"), bench.bound(zmq_sys::ZMQ_PUSH, "inproc://back"));
    let mut engine = Engine::new(front.clone(), back.clone()).unwrap();
    let running = std::thread::spawn(move || engine.run(&Steer::new().unwrap(), &mut Never));
    front.close(None, &mut Never).unwrap();
    assert_eq!(running.join().unwrap().unwrap_err().errno(), errno::ENOTSOCK);
}

#[test]
fn two_engines_between_the_same_sockets_share_the_work_and_sleep() {
    let bench = Bench::new();
    let (front, back) =
        (bench.bound(zmq_sys::ZMQ_PULL, "tcp://127.0.0.1:*"), bench.bound(zmq_sys::ZMQ_PUSH, "tcp://127.0.0.1:*"));
    let devices = [start(&front, &back), start(&front, &back)];
    let producer = bench.connected(zmq_sys::ZMQ_PUSH, &front);
    let worker = bench.connected(zmq_sys::ZMQ_PULL, &back);
    for number in 0..3000u32 {
        send(&producer, &[&number.to_ne_bytes()]);
        recv(&worker);
    }
    let total: u64 = devices.iter().map(|device| device.moved().frontend_messages).sum();
    assert_eq!(total, 3000);
}

#[test]
fn sockets_between_which_nothing_can_pass_are_refused() {
    let bench = Bench::new();
    let open = |number| bench.0.socket(kind(number)).unwrap();
    for (front, back) in [
        (zmq_sys::ZMQ_PUSH, zmq_sys::ZMQ_PUSH),
        (zmq_sys::ZMQ_PULL, zmq_sys::ZMQ_SUB),
        (zmq_sys::ZMQ_PUB, zmq_sys::ZMQ_PUSH),
    ] {
        let refused = Engine::new(open(front), open(back)).err().unwrap();
        assert_eq!(refused.errno(), errno::EINVAL);
    }
    assert!(Engine::new(open(zmq_sys::ZMQ_PUSH), open(zmq_sys::ZMQ_PULL)).is_ok(), "it works the other way round");
    assert!(Capture::new(open(zmq_sys::ZMQ_SUB), None).is_err());
}

/// Memory that somebody else waits for.
struct Lent(std::sync::Arc<[u8; 100]>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

#[test]
fn what_was_passed_on_is_let_go_of() {
    for captured in [false, true] {
        let bench = Bench::new();
        let (front, back) =
            (bench.bound(zmq_sys::ZMQ_PULL, "inproc://front"), bench.bound(zmq_sys::ZMQ_PUSH, "inproc://back"));
        let (producer, worker) =
            (bench.connected(zmq_sys::ZMQ_PUSH, &front), bench.connected(zmq_sys::ZMQ_PULL, &back));
        let mut engine = Engine::new(front, back).unwrap();
        if captured {
            let capture = bench.bound(zmq_sys::ZMQ_PUB, "inproc://capture");
            engine = engine.capturing(Capture::new(capture, None).unwrap());
        }
        let device = Device::start(engine).unwrap();
        for count in 1..=4 {
            let lent = std::sync::Arc::new([7; 100]);
            let lend = |_| Message::from_owner(Lent(lent.clone())).unwrap();
            let mut frames: Vec<Message> = (0..count).map(lend).collect();
            let mut parts: Vec<Part<'_>> = frames.iter_mut().map(Part::Given).collect();
            producer.send(&mut parts, 0, soon(), &mut Never).unwrap();
            assert_eq!(recv(&worker).len(), count);
            wait_until(|| std::sync::Arc::strong_count(&lent) == 1);
        }
        stop(&device);
    }
}

/// Fails a wait that takes too long.
struct Impatient(Instant);

impl crate::wait::Interrupt for Impatient {
    fn check(&mut self) -> crate::error::Result<()> {
        match self.0.elapsed() < PATIENCE {
            true => Ok(()),
            false => Err(crate::error::Error::Interrupted),
        }
    }

    fn slice(&self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }
}

#[test]
fn nobody_waits_for_a_pause_that_another_thread_has_ended() {
    // Its engine is busy, and sees none of the wishes.
    let steer = Steer::new().unwrap();
    for now in [true, false] {
        if !now {
            steer.enter(Phase::Paused);
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| steer.pause(now, &mut Impatient(Instant::now())));
            while !waiting.is_finished() {
                steer.ask_pause(!now);
            }
            waiting.join().unwrap().unwrap();
        });
    }
}
