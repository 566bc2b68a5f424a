//! Which types of sockets talk to each other, and who of this process is at the other end of an endpoint.
//!
//! Over a network libzmq ends the connection of two types that do not go together, in silence; over inproc it does not even
//! look. Both ends of many a mistake are in one process, where they can be named.

use crate::constants::SOCKET_TYPES;
use crate::context;
use crate::explain::name;
use crate::socket::{Attached, Socket};

/// Whom each type talks to, as libzmq's handshake has it; by its number.
const TALKS_TO: [(u32, &[u32]); 20] = {
    use zmq_sys::*;
    [
        (ZMQ_PAIR, &[ZMQ_PAIR]),
        (ZMQ_PUB, &[ZMQ_SUB, ZMQ_XSUB]),
        (ZMQ_SUB, &[ZMQ_PUB, ZMQ_XPUB]),
        (ZMQ_REQ, &[ZMQ_REP, ZMQ_ROUTER]),
        (ZMQ_REP, &[ZMQ_REQ, ZMQ_DEALER]),
        (ZMQ_DEALER, &[ZMQ_REP, ZMQ_DEALER, ZMQ_ROUTER]),
        (ZMQ_ROUTER, &[ZMQ_REQ, ZMQ_DEALER, ZMQ_ROUTER]),
        (ZMQ_PULL, &[ZMQ_PUSH]),
        (ZMQ_PUSH, &[ZMQ_PULL]),
        (ZMQ_XPUB, &[ZMQ_SUB, ZMQ_XSUB]),
        (ZMQ_XSUB, &[ZMQ_PUB, ZMQ_XPUB]),
        (ZMQ_STREAM, &[]),
        (ZMQ_SERVER, &[ZMQ_CLIENT]),
        (ZMQ_CLIENT, &[ZMQ_SERVER]),
        (ZMQ_RADIO, &[ZMQ_DISH]),
        (ZMQ_DISH, &[ZMQ_RADIO]),
        (ZMQ_GATHER, &[ZMQ_SCATTER]),
        (ZMQ_SCATTER, &[ZMQ_GATHER]),
        (ZMQ_DGRAM, &[ZMQ_DGRAM]),
        (ZMQ_PEER, &[ZMQ_PEER]),
    ]
};

/// The types that a type talks to; none for those that talk to programs without ZeroMQ, or that are not listed.
pub fn talks_to(kind: i32) -> Vec<i32> {
    if kind == zmq_sys::ZMQ_CHANNEL as i32 {
        return vec![kind];
    }
    let found = TALKS_TO.iter().find(|(own, _)| *own as i32 == kind);
    found.map_or(Vec::new(), |(_, others)| others.iter().map(|other| *other as i32).collect())
}

/// The names of the types that talk to others, and of those that each talks to.
pub fn fitting() -> Vec<(&'static str, Vec<&'static str>)> {
    let names = |kinds: Vec<i32>| kinds.into_iter().map(name).collect::<Vec<_>>();
    let rows =
        SOCKET_TYPES.iter().filter(|(own, kind)| name(*kind) == *own).map(|(own, kind)| (*own, names(talks_to(*kind))));
    rows.filter(|(_, others)| !others.is_empty()).collect()
}

/// "REP or ROUTER", for a REQ.
pub fn partners(kind: i32) -> String {
    talks_to(kind).into_iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// The socket of this process that is bound where another one is connected to.
pub(crate) fn bound_at(socket: &Socket, endpoint: &str) -> Option<Socket> {
    let reached = |other: &Socket| !endpoint.starts_with("inproc:") || other.context().is(socket.context());
    context::holders(endpoint).into_iter().find(|other| other.id() != socket.id() && reached(other))
}

/// A socket of this process that this one could talk to, if it were connected to it: its endpoint, and its type.
pub(crate) fn elsewhere(socket: &Socket) -> Option<(String, i32)> {
    let wanted = talks_to(socket.kind());
    let own: Vec<Attached> = socket.endpoints();
    let mut found = Vec::new();
    for other in context::all_sockets() {
        if !wanted.contains(&other.kind()) {
            continue;
        }
        let here = other.context().is(socket.context());
        for at in other.endpoints() {
            let known = own.iter().any(|mine| mine.endpoint == at.endpoint);
            if at.bound && !known && (here || !at.endpoint.starts_with("inproc:")) {
                found.push((other.peers_known().unwrap_or(0), at.endpoint, other.kind()));
            }
        }
    }
    // One to whom nobody has come is the likelier one.
    let best = found.into_iter().min_by_key(|(peers, _, _)| *peers)?;
    Some((best.1, best.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::SOCKET_TYPES;

    #[test]
    fn who_talks_to_another_is_talked_to() {
        for (own, kind) in SOCKET_TYPES {
            for other in talks_to(*kind) {
                assert!(talks_to(other).contains(kind), "{own} and {}", name(other));
            }
        }
    }

    #[test]
    fn partners_are_named() {
        assert_eq!(partners(zmq_sys::ZMQ_REQ as i32), "REP or ROUTER");
        assert_eq!(partners(zmq_sys::ZMQ_CHANNEL as i32), "CHANNEL");
        assert_eq!(partners(zmq_sys::ZMQ_STREAM as i32), "");
    }
}
