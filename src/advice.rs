//! What a socket's trouble means, in words: what is wrong, how one knows, and one cure.
//!
//! The same words stand in the error of a call that waited in vain and in what `doctor()` reports.

use std::time::{Duration, Instant};

use crate::constants::{name_of, EVENTS};
use crate::explain::{name, seconds};
use crate::facing;
use crate::ffi::strerror;
use crate::monitor::{Ill, Trouble};
use crate::socket::{Attached, Socket};

const MECHANISMS: [&str; 4] = ["NULL", "PLAIN", "CURVE", "GSSAPI"];
/// What takes no longer is no trouble yet.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a handshake with PLAIN that ends without a word mostly means.
const NO_DESK: &str = "a PLAIN server lets nobody in unless its context has an authenticator: start one there";
/// After a refusal of these kinds libzmq does not try again.
const GIVEN_UP: &str = "then connect() anew, as libzmq does not try again";

/// What is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// One clause, without a full stop.
    pub what: String,
    /// How one knows.
    pub why: String,
    /// What to do about it.
    pub cure: String,
}

impl Socket {
    /// What went wrong on its connections, as far as its watch knows; what still is wrong comes first. What only has not
    /// happened yet is left out until it takes long.
    pub fn troubles(&self) -> Vec<Trouble> {
        // Of a fork's parent's socket nothing is known.
        let watch = self.look(None, |state| state.watch.clone());
        let mut troubles = watch.map_or(Vec::new(), |watch| watch.troubles());
        let endpoints = self.endpoints();
        // Of an endpoint that was given up, an attempt under way may still be told; "source;destination" is told without source.
        let given_up = |trouble: &Trouble| {
            let tells = ["tcp:", "ipc:"].iter().any(|transport| trouble.endpoint.starts_with(transport));
            let (_, place) = trouble.endpoint.split_once("://").unwrap_or_default();
            let held = |at: &Attached| !at.bound && at.endpoint.ends_with(place);
            tells && !trouble.bound && !endpoints.iter().any(held)
        };
        let now = Instant::now();
        let early = |trouble: &Trouble| {
            matches!(trouble.ill, Ill::Silent | Ill::Unanswered) && now.duration_since(trouble.first) < PATIENCE
        };
        troubles.retain(|trouble| !early(trouble) && !given_up(trouble));
        troubles
    }
}

/// Of a handshake that failed: what the other side said is no ZMTP.
const STRANGER: u64 = libc::EPROTO as u64;

/// What a trouble means; with `look` also what the other sockets of this process have to do with it.
pub fn advise(socket: &Socket, trouble: &Trouble, look: bool) -> Advice {
    let at = &trouble.endpoint;
    let times = times(trouble);
    let (what, why, cure) = match (trouble.ill, trouble.bound) {
        (Ill::Refused, _) => (format!("nobody is bound to {at}"), format!("refused {times}"), find(socket, look)),
        (Ill::Unresolved, _) => (
            format!("the host in {at} has no address"),
            format!("tried {times}, and no attempt came as far as to connect"),
            "check the name, or write the address in numbers".into(),
        ),
        (Ill::Unanswered, _) => (
            format!("nobody answers at {at}"),
            format!("the attempt to connect has waited for {}", seconds(trouble.first.elapsed())),
            "check the address; a firewall may be in between".into(),
        ),
        (Ill::Silent, false) => (
            format!("what listens at {at} does not speak ZeroMQ, or hangs"),
            format!("connected for {} without a handshake", seconds(trouble.first.elapsed())),
            match mechanism(socket) {
                "PLAIN" => format!("{NO_DESK}; or the port is that of another kind of server"),
                _ => "check the port: another kind of server may have it".into(),
            },
        ),
        (Ill::Silent, true) => (
            format!("who connected to {at} from {} does not speak ZeroMQ, or hangs", trouble.remote),
            format!("connected for {} without a handshake", seconds(trouble.first.elapsed())),
            "look what runs there".into(),
        ),
        // Turned out by this side: see what is mended in libzmq.
        (Ill::HungUp, false) if trouble.code == STRANGER => (
            format!("what listens at {at} does not speak ZeroMQ"),
            times.clone(),
            "check the port: another kind of server may have it".into(),
        ),
        (Ill::HungUp, true) if trouble.code == STRANGER => (
            format!("who connected to {at} from {} does not speak ZeroMQ", trouble.remote),
            times.clone(),
            "look what runs there".into(),
        ),
        (Ill::HungUp, false) => hung_up(socket, at, &times),
        (Ill::HungUp, true) => (
            format!("who connected to {at} left in the middle of the handshake"),
            format!("{}{times}", from(trouble)),
            match mechanism(socket) {
                // libzmq ends the handshake of a PLAIN client if there is nobody to ask about its password.
                "PLAIN" => NO_DESK.into(),
                _ => format!(
                    "is it a ZeroMQ socket that {} talks to ({})?",
                    own(socket),
                    facing::partners(socket.kind())
                ),
            },
        ),
        (Ill::Protocol, _) => protocol(socket, trouble, &times),
        (Ill::Denied, false) => (
            format!("the socket at {at} does not let this one in"),
            format!("{}, {times}", status(trouble.code)),
            format!("check what its authenticator asks for (keys, password, address); {GIVEN_UP}"),
        ),
        (Ill::Denied, true) => (
            format!("who connected to {at} was not let in"),
            format!("{}, {}{times}", status(trouble.code), from(trouble)),
            "check its keys, password and address, and what the authenticator here allows".into(),
        ),
        (Ill::Mismatch, false) => mismatch(socket, at, &times, look),
        (Ill::Mismatch, true) => (
            format!("who connected to {at} is of a type that {} does not talk to", own(socket)),
            format!("{}{times}", from(trouble)),
            format!("connect {} to it", facing::partners(socket.kind())),
        ),
        (Ill::Lost, false) => (
            format!("the connection to {at} has ended"),
            format!("{} ago", seconds(trouble.last.elapsed())),
            "start the other side again: the connection comes back by itself".into(),
        ),
        (Ill::Lost, true) => (
            format!("who was connected to {at} has left"),
            format!("{}{} ago", from(trouble), seconds(trouble.last.elapsed())),
            "start the other side again".into(),
        ),
        (Ill::Accept, _) => (
            format!("nobody can connect to {at}: {}", strerror(number(trouble.code))),
            times.clone(),
            "close sockets or files that are not needed, or raise the limit (ulimit -n)".into(),
        ),
        (Ill::Bind, _) => (
            format!("{at} could not be bound: {}", strerror(number(trouble.code))),
            times.clone(),
            "bind to another port, or find out who has this one".into(),
        ),
    };
    Advice { what, why, cure }
}

fn find(socket: &Socket, look: bool) -> String {
    let near = if look { facing::elsewhere(socket) } else { None };
    match near {
        Some((endpoint, kind)) => {
            format!("start the other side, or connect to {endpoint}, where {} of this process is bound", a(kind))
        }
        None => "start the other side, or check the address".into(),
    }
}

fn hung_up(socket: &Socket, at: &str, times: &str) -> (String, String, String) {
    let cure = match mechanism(socket) {
        "CURVE" => "check curve_serverkey: it must be the server's public key".into(),
        "PLAIN" => format!("{NO_DESK}; or the port is that of another kind of server"),
        mechanism => format!("check the port, where another kind of server may be; here the mechanism is {mechanism}"),
    };
    (format!("what listens at {at} ends each connection in the handshake"), times.into(), cure)
}

fn protocol(socket: &Socket, trouble: &Trouble, times: &str) -> (String, String, String) {
    let (at, code) = (&trouble.endpoint, number(trouble.code));
    let who = if trouble.bound { format!("who connected to {at}") } else { format!("the socket at {at}") };
    let anew = if trouble.bound { String::new() } else { format!("; {GIVEN_UP}") };
    match name_of(EVENTS, code) {
        Some("PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH") => (
            format!("{who} and this one use different security mechanisms"),
            format!("here it is {}, {}{times}", mechanism(socket), from(trouble)),
            format!("give both sides CURVE keys, or PLAIN passwords, or neither{anew}"),
        ),
        Some("PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC") => (
            format!("{who} uses CURVE keys that do not fit this one's"),
            format!("{}{times}", from(trouble)),
            "the client's curve_serverkey must be the public key that belongs to the server's secret key".into(),
        ),
        reason => (
            format!("{who} breaks the protocol"),
            format!("{}, {}{times}", reason.unwrap_or("unknown reason"), from(trouble)),
            format!("is it a ZeroMQ socket{anew}?"),
        ),
    }
}

fn mismatch(socket: &Socket, at: &str, times: &str, look: bool) -> (String, String, String) {
    let other = if look { facing::bound_at(socket, at) } else { None };
    let partners = facing::partners(socket.kind());
    let strange = |other: &Socket| !facing::talks_to(socket.kind()).contains(&other.kind());
    let what = match other.filter(strange) {
        Some(other) => format!("{} is bound to {at}, to which {} does not talk", a(other.kind()), own(socket)),
        None => format!("the socket at {at} is of a type that {} does not talk to", own(socket)),
    };
    (what, times.into(), format!("{} talks to {partners}; {GIVEN_UP}", own(socket)))
}

fn own(socket: &Socket) -> &'static str {
    name(socket.kind())
}

/// "a REP", "an XPUB".
pub(crate) fn a(kind: i32) -> String {
    let name = name(kind);
    let article = if name.starts_with('X') { "an" } else { "a" };
    format!("{article} {name}")
}

fn mechanism(socket: &Socket) -> &'static str {
    let number = socket.get_i32(zmq_sys::ZMQ_MECHANISM as i32).unwrap_or(0);
    usize::try_from(number).ok().and_then(|number| MECHANISMS.get(number)).unwrap_or(&"unknown")
}

fn status(code: u64) -> String {
    let meaning = match code {
        300 => "to be tried again",
        400 => "refused",
        500 => "the handler failed",
        _ => "unknown",
    };
    format!("ZAP status {code} ({meaning})")
}

fn from(trouble: &Trouble) -> String {
    match trouble.bound && !trouble.remote.is_empty() {
        true => format!("from {}, ", trouble.remote),
        false => String::new(),
    }
}

/// "12 times in 3.4 s", "once, 3.4 s ago".
fn times(trouble: &Trouble) -> String {
    let ago = seconds(trouble.last.elapsed());
    match trouble.count {
        1 => format!("once, {ago} ago"),
        count => format!("{count} times in {}", seconds(trouble.first.elapsed())),
    }
}

fn number(code: u64) -> i32 {
    i32::try_from(code).unwrap_or(i32::MAX)
}
