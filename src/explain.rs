//! What to say when a send or a receive did not happen: the state, the endpoint, how long, and one cure.
//!
//! Only failures come here, so that working calls pay nothing for it.

use std::time::{Duration, Instant};

use crate::advice::advise;
use crate::auth;
use crate::context;
use crate::error::{errno, Error};
use crate::facing;
use crate::monitor::{Ill, Trouble};
use crate::socket::Socket;

/// A wait that took less has no time for a look at the other sockets of the process: it may be one of thousands.
const LONG: Duration = Duration::from_millis(50);

/// The error of a send, with its explanation. `since` is when a wait for it began.
#[cold]
pub fn send(socket: &Socket, error: Error, since: Option<Instant>) -> Error {
    match error.errno() {
        errno::EAGAIN => error.or_explain(|| {
            socket.note_full();
            match since {
                None => format!("{}: no room to send now", describe(socket)),
                Some(start) => format!(
                    "{}: nothing could be sent within {}; {}",
                    describe(socket),
                    seconds(start.elapsed()),
                    why_no_room(socket, start.elapsed() >= LONG)
                ),
            }
        }),
        errno::EFSM => error.or_explain(|| wrong_turn(socket, true)),
        errno::EHOSTUNREACH => error.or_explain(|| {
            format!("{}: no peer has the routing id in the first frame (ROUTER_MANDATORY is on)", describe(socket))
        }),
        errno::ENOTSUP => error.or_explain(|| format!("{} cannot send", name(socket.kind()))),
        _ => error,
    }
}

/// The error of a receive, with its explanation.
#[cold]
pub fn recv(socket: &Socket, error: Error, since: Option<Instant>) -> Error {
    match error.errno() {
        errno::EAGAIN => error.or_explain(|| match since {
            None => format!("{}: no message is there now", describe(socket)),
            Some(start) => format!(
                "{}: nothing arrived within {}; {}",
                describe(socket),
                seconds(start.elapsed()),
                why_no_message(socket, start.elapsed() >= LONG)
            ),
        }),
        errno::EFSM => error.or_explain(|| wrong_turn(socket, false)),
        errno::ENOTSUP => error.or_explain(|| format!("{} cannot receive", name(socket.kind()))),
        _ => error,
    }
}

/// The error of a bind or connect: the endpoint, who has the port, the cure.
#[cold]
pub(crate) fn attach(endpoint: &str, bound: bool, error: Error) -> Error {
    let verb = if bound { "bind" } else { "connect" };
    match error.errno() {
        errno::EADDRINUSE => error.or_explain(|| match context::holders(endpoint).first() {
            Some(holder) => format!("{endpoint} is taken by {} of this process: close() it, or bind to another port", describe(holder)),
            None if endpoint == auth::ENDPOINT => "zmq.secure() has given servers of this context lists of clients, by which its own handler decides, \
             and libzmq asks one only: use one of the two, or another context".into(),
            None => format!("{endpoint} is taken by another program: stop it, or bind to another port (tcp://host:* takes any free one)"),
        }),
        errno::ENODEV | errno::EADDRNOTAVAIL => {
            error.or_explain(|| format!("this machine has no interface or address as in {endpoint}"))
        }
        errno::EINVAL => error.or_explain(|| format!("{endpoint} is not an endpoint to {verb} to")),
        errno::ENOCOMPATPROTO => error.or_explain(|| format!("this socket type does not go over the transport of {endpoint}")),
        errno::ECONNREFUSED => error.or_explain(|| format!("nobody is bound to {endpoint}")),
        _ => error.or_explain(|| format!("cannot {verb} to {endpoint}")),
    }
}

fn why_no_room(socket: &Socket, look: bool) -> String {
    match peers(socket) {
        Some(0) => nobody(socket, look),
        Some(count) => format!("{count} connected, but the queue is full (SNDHWM): the other side does not receive"),
        None => "is the other side there, and does it receive?".into(),
    }
}

/// Why nothing came; with `look` also what the other sockets of this process have to do with it.
fn why_no_message(socket: &Socket, look: bool) -> String {
    let kind = socket.kind();
    if kind == zmq_sys::ZMQ_SUB as i32 && socket.look(false, |state| state.subscribed_topics().is_empty()) {
        return "it has subscribed to nothing: subscribe(b\"\") takes every message, subscribe(b\"topic\") some".into();
    }
    let reply = kind == zmq_sys::ZMQ_REQ as i32;
    match peers(socket) {
        Some(0) => nobody(socket, look),
        Some(_) if reply && socket.open_since().is_some() => {
            "the request went out, but no reply has come; request(timeout=, retries=) sends it again".into()
        }
        Some(count) => unmatched(socket, look).unwrap_or_else(|| match count {
            1 => "1 peer is connected, but sent nothing that this socket takes".into(),
            count => format!("{count} peers are connected, but sent nothing that this socket takes"),
        }),
        None => "is the other side there, and does it send?".into(),
    }
}

/// Why nobody is connected: the last trouble with an endpoint, or who there should be.
pub(crate) fn nobody(socket: &Socket, look: bool) -> String {
    let endpoints = socket.endpoints();
    if endpoints.is_empty() {
        return "it is neither bound nor connected: bind() or connect() it first".into();
    }
    let connects = endpoints.iter().any(|at| !at.bound);
    // That somebody was here and left is known best by who started and stopped it, and who hung up may only have looked: what
    // else went wrong says more.
    let says_little = |trouble: &Trouble| match (trouble.ill, trouble.bound) {
        (Ill::Lost, _) => 2,
        (Ill::HungUp, true) => 1,
        _ => 0,
    };
    let troubles = socket.troubles();
    if let Some(trouble) = troubles.iter().filter(|trouble| !trouble.over).min_by_key(|trouble| says_little(trouble)) {
        let advice = advise(socket, trouble, look);
        return format!("{} ({}); {}", advice.what, advice.why, advice.cure);
    }
    let elsewhere = || match facing::elsewhere(socket).filter(|_| look && connects) {
        Some((endpoint, kind)) => format!(" (a {} of this process is bound to {endpoint})", name(kind)),
        None => String::new(),
    };
    if connects {
        format!("nobody is connected: is the other side bound to that endpoint, and running?{}", elsewhere())
    } else {
        "nobody has connected: start the other side, or check the address it connects to".into()
    }
}

/// What a publisher of this process sends, where a SUB has subscribed to none of it.
fn unmatched(socket: &Socket, look: bool) -> Option<String> {
    if !look || socket.kind() != zmq_sys::ZMQ_SUB as i32 {
        return None;
    }
    let topics = socket.look(Vec::new(), |state| state.subscribed_topics());
    let publishers = socket.endpoints().into_iter().filter_map(|at| facing::bound_at(socket, &at.endpoint));
    let sent: Vec<Vec<u8>> = publishers.flat_map(|publisher| publisher.beginnings()).collect();
    let matched = sent.iter().any(|sent| topics.iter().any(|topic| sent.starts_with(topic)));
    if sent.is_empty() || matched {
        return None;
    }
    let show = |all: &[Vec<u8>]| {
        let shown: Vec<_> = all.iter().take(3).map(|one| format!("b\"{}\"", one.escape_ascii())).collect();
        shown.join(", ")
    };
    Some(format!("it has subscribed to {}, but what is published begins with {}", show(&topics), show(&sent)))
}

/// A REQ or REP used out of turn.
fn wrong_turn(socket: &Socket, sending: bool) -> String {
    let ago = socket.open_since().map_or("".into(), |since| format!(" {} ago", seconds(since.elapsed())));
    let reply = socket.0.kind == zmq_sys::ZMQ_REP as i32;
    match (reply, sending) {
        (false, true) => {
            format!("this REQ socket is waiting for the reply to a request sent{ago}; recv() it before you send again")
        }
        (false, false) => "this REQ socket has sent no request to reply to; send() one first".into(),
        (true, true) => "this REP socket has no request to reply to; recv() one first".into(),
        (true, false) => {
            format!("this REP socket owes the reply to a request received{ago}; send() it before you receive again")
        }
    }
}

/// How many peers are connected, where a watch knows it.
fn peers(socket: &Socket) -> Option<usize> {
    socket.peers_known()
}

/// "PULL socket bound to tcp://0.0.0.0:5557".
pub fn describe(socket: &Socket) -> String {
    let places = |bound: bool| -> Vec<String> {
        let endpoints = socket.endpoints().into_iter();
        endpoints.filter(|at| at.bound == bound).map(|at| at.endpoint).collect()
    };
    let mut text = format!("this {} socket", name(socket.kind()));
    for (verb, places) in [("bound to", places(true)), ("connected to", places(false))] {
        if !places.is_empty() {
            text.push_str(&format!(" {verb} {}", places.join(", ")));
        }
    }
    text
}

/// The name of a socket type.
pub fn name(kind: i32) -> &'static str {
    crate::constants::name_of(crate::constants::SOCKET_TYPES, kind).unwrap_or("unknown")
}

/// "30 ms", "3.4 s".
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}
