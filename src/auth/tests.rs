//! The handler with a socket that asks as libzmq does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::handler::{Handler, Level, News};
use super::policy::{Passwords, Policy, Rules};
use super::ENDPOINT;
use crate::context::Context;
use crate::message::{Message, Part};
use crate::socket::Socket;
use crate::wait::{wait, Deadline, Never, Source};

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

struct Scene {
    context: Context,
    server: Socket,
    handler: Handler,
    policy: Arc<Policy>,
}

impl Scene {
    fn new(rules: Rules) -> Self {
        let context = Context::new(1).unwrap();
        let server = context.socket(zmq_sys::ZMQ_REP as i32).unwrap();
        server.bind(ENDPOINT).unwrap();
        let policy = Arc::new(Policy::default());
        policy.load(policy.changes(), rules);
        let handler = Handler::start(server.clone(), policy.clone()).unwrap();
        Scene { context, server, handler, policy }
    }

    fn client(&self) -> Socket {
        let client = self.context.socket(zmq_sys::ZMQ_REQ as i32).unwrap();
        client.connect(ENDPOINT).unwrap();
        client
    }

    fn news(&self) -> News {
        assert!(wait(&mut [Source::readable(self.handler.fd())], soon(), &mut Never).unwrap());
        self.handler.take()
    }
}

fn send(socket: &Socket, frames: &[&[u8]]) {
    let mut parts: Vec<Part<'_>> = frames.iter().map(|frame| Part::Bytes(frame)).collect();
    socket.send(&mut parts, 0, soon(), &mut Never).unwrap();
}

fn receive(socket: &Socket) -> Vec<Vec<u8>> {
    let frames = socket.recv_multipart(soon(), &mut Never).unwrap();
    frames.iter().map(|frame: &Message| frame.as_slice().to_vec()).collect()
}

fn ask(socket: &Socket, frames: &[&[u8]]) -> (String, String, Vec<u8>) {
    send(socket, frames);
    let reply = receive(socket);
    assert_eq!((reply.len(), &reply[0][..]), (6, &b"1.0"[..]));
    assert_eq!(reply[1], frames.get(1).copied().unwrap_or_default());
    let text = |index: usize| String::from_utf8(reply[index].clone()).unwrap();
    (text(2), text(3), reply[4].clone())
}

const NULL: [&[u8]; 6] = [b"1.0", b"\x001", b"global", b"127.0.0.1", b"", b"NULL"];

#[test]
fn every_request_gets_its_reply_whatever_it_looks_like() {
    let scene = Scene::new(Rules::default());
    let client = scene.client();
    for count in 1..6 {
        assert_eq!(ask(&client, &NULL[..count]).1, "Not enough frames");
    }
    for odd in [&b""[..], b"\xff\xfe", b"1.0\0", &[0xC3; 300]] {
        for place in [0, 2, 3, 4, 5] {
            let mut frames = NULL;
            frames[place] = odd;
            let (code, text, _) = ask(&client, &frames);
            let expected = match place {
                0 => ("400", "Invalid version"),
                5 => ("400", "NO ACCESS"),
                _ => ("200", "OK"),
            };
            assert_eq!((&code[..], &text[..]), expected);
        }
    }
    let many: Vec<&[u8]> = NULL.iter().copied().chain([&b"x"[..]; 50]).collect();
    assert_eq!(ask(&client, &many).1, "Invalid credentials");
    assert_eq!(ask(&client, &NULL), ("200".into(), "OK".into(), b"anonymous".to_vec()));
}

#[test]
fn passwords_of_bytes_that_are_no_text() {
    let table = Passwords::from([(b"\xff".to_vec(), Some(b"\xfe\0".to_vec()))]);
    let passwords = HashMap::from([(b"*".to_vec(), Some(table))]);
    let scene = Scene::new(Rules { passwords, ..Rules::default() });
    let client = scene.client();
    let plain = |password| {
        let frames: [&[u8]; 8] = [b"1.0", b"1", b"", b"127.0.0.1", b"", b"PLAIN", b"\xff", password];
        ask(&client, &frames)
    };
    assert_eq!(plain(b"\xfe\0"), ("200".into(), "OK".into(), b"\xff".to_vec()));
    assert_eq!(plain(b"\xfe").1, "Invalid password");
}

#[test]
fn what_only_the_program_knows_waits_for_its_reply() {
    let scene = Scene::new(Rules { asked: HashSet::from([b"*".to_vec()]), ..Rules::default() });
    let (first, second) = (scene.client(), scene.client());
    let curve: [&[u8]; 7] = [b"1.0", b"1", b"", b"127.0.0.1", b"", b"CURVE", &[7; 32]];
    send(&first, &curve);
    let asked = scene.news().asked;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].iter().map(Message::as_slice).collect::<Vec<_>>(), curve);
    // The socket owes a reply: the next request is taken when it is there, and not before.
    send(&second, &NULL);
    assert_eq!(second.poll(1, Deadline::after(Duration::from_millis(20)), &mut Never).unwrap(), 0);
    send(&scene.server, &[b"1.0", b"1", b"200", b"OK", b"me", b""]);
    assert_eq!(receive(&first)[4], b"me");
    assert_eq!(receive(&second)[2], b"200");
}

#[test]
fn a_change_is_seen_by_the_very_next_request() {
    let scene = Scene::new(Rules::default());
    let client = scene.client();
    assert_eq!(ask(&client, &NULL).0, "200");
    scene.policy.change();
    send(&client, &NULL);
    loop {
        let news = scene.news();
        if !news.asked.is_empty() {
            break;
        }
    }
    send(&scene.server, &[b"1.0", b"1", b"500", b"", b"", b""]);
    assert_eq!(receive(&client)[2], b"500");
    scene.policy.load(scene.policy.changes(), Rules::default());
    assert_eq!(ask(&client, &NULL).0, "200");
}

#[test]
fn one_decision_in_a_while_is_told_or_every_one() {
    let scene = Scene::new(Rules::default());
    let client = scene.client();
    // Told after its reply, so: by the time of the next reply.
    for _ in 0..100 {
        ask(&client, &NULL);
    }
    let lines = scene.news().lines;
    assert!((1..50).contains(&lines.len()));
    assert_eq!(lines[0].level, Level::Debug);
    assert!(lines[0].text.starts_with("ALLOWED NULL from \"127.0.0.1\" in domain \"global\""), "{}", lines[0].text);
    scene.handler.set_verbose(true);
    for _ in 0..4 {
        ask(&client, &NULL);
    }
    assert!(scene.news().lines.len() >= 3);
    ask(&client, &NULL[..2]);
    let errors = |news: News| news.lines.into_iter().any(|line| line.level == Level::Error);
    assert!(errors(scene.news()));
}

#[test]
fn a_log_that_nobody_reads_stays_small() {
    let scene = Scene::new(Rules::default());
    let client = scene.client();
    for _ in 0..1_200 {
        ask(&client, &NULL[..2]);
    }
    let lines = scene.news().lines;
    assert_eq!(lines.len(), 1001);
    assert!(lines[1000].text.contains("200 more lines were dropped"), "{}", lines[1000].text);
}

#[test]
fn it_ends_when_asked_and_leaves_its_socket() {
    let scene = Scene::new(Rules::default());
    assert!(!scene.handler.has_ended());
    assert!(!scene.handler.join(Deadline::now(), &mut Never).unwrap());
    scene.handler.ask_stop();
    assert!(scene.handler.join(soon(), &mut Never).unwrap());
    assert!(scene.news().ended && !scene.server.closed());
    // Another one takes over.
    let handler = Handler::start(scene.server.clone(), scene.policy.clone()).unwrap();
    assert_eq!(ask(&scene.client(), &NULL).0, "200");
    drop(handler);
}

#[test]
fn it_ends_with_its_context_and_does_not_hold_that_up() {
    let scene = Scene::new(Rules::default());
    scene.context.term(soon(), &mut Never).unwrap();
    assert!(scene.handler.join(soon(), &mut Never).unwrap());
    assert!(scene.server.closed());
}

#[test]
fn it_ends_when_its_socket_is_closed() {
    let scene = Scene::new(Rules::default());
    scene.server.close(Some(0), &mut Never).unwrap();
    assert!(scene.handler.join(soon(), &mut Never).unwrap());
}

#[test]
fn only_a_rep_replies() {
    let context = Context::new(1).unwrap();
    let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
    assert!(Handler::start(pull, Arc::new(Policy::default())).is_err());
}
