//! One event of libzmq's monitor: as our watch reads it, and as a user's monitor tells it.
//!
//! libzmq has two formats. Ours is the second, which names both ends of a connection; users get the first, which is the one
//! that pyzmq knows: an event and a value, and the one endpoint that the program itself had to do with, which is the
//! local one of what was bound or accepted and the remote one of what was connected.

use std::collections::HashSet;

use crate::error::{errno, Error};
use crate::message::Message;

/// What a user's monitor gets in its first frame: 16 bits of event and 32 of value, in the machine's own order.
pub(super) type Head = [u8; 6];

/// Something that happened on a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// One of `ZMQ_EVENT_...`.
    pub kind: u32,
    /// A descriptor, an errno, an interval: what the event has to tell.
    pub value: u64,
    /// This side's endpoint; may be empty.
    pub local: String,
    /// The other side's endpoint; may be empty.
    pub remote: String,
}

impl Event {
    /// Reads the second format; `None` is what libzmq never sends.
    pub fn parse(frames: &[Message]) -> Option<Self> {
        let [kind, _count, value, .., local, remote] = frames else {
            return None;
        };
        let text = |frame: &Message| String::from_utf8_lossy(frame.as_slice()).into_owned();
        Some(Event {
            kind: u32::try_from(number(kind)?).ok()?,
            value: number(value)?,
            local: text(local),
            remote: text(remote),
        })
    }

    /// What libzmq tells of a bind that failed as it was tried: not of endpoints that are no endpoints at all to it, nor of
    /// transports without a listener.
    pub fn bind_failed(endpoint: &str, error: &Error) -> Option<Self> {
        const UNTRIED: [i32; 4] = [errno::EPROTONOSUPPORT, errno::ENOCOMPATPROTO, errno::EMTHREAD, errno::ETERM];
        let (transport, address) = endpoint.split_once("://")?;
        let listens = matches!(transport, "tcp" | "ipc" | "ws" | "wss" | "tipc" | "vmci") && !address.is_empty();
        match error {
            Error::Zmq { errno, .. } if listens && !UNTRIED.contains(errno) => Some(Event {
                kind: zmq_sys::ZMQ_EVENT_BIND_FAILED,
                value: u64::try_from(*errno).ok()?,
                local: address.to_owned(),
                remote: String::new(),
            }),
            _ => None,
        }
    }

    /// The first frame of the first format, which has room for the low bits.
    pub fn head(&self) -> Head {
        let mut head = Head::default();
        head[..2].copy_from_slice(&(self.kind as u16).to_ne_bytes());
        head[2..].copy_from_slice(&(self.value as u32).to_ne_bytes());
        head
    }
}

fn number(frame: &Message) -> Option<u64> {
    frame.as_slice().try_into().map(u64::from_ne_bytes).ok()
}

/// The ports that a socket listens at, or did: whether a connection came by one of them is what the second format does not
/// tell, and what decides which of its endpoints is the one to report.
#[derive(Debug, Default)]
pub(super) struct Ports(HashSet<u16>);

impl Ports {
    /// Takes note of what an event says about ports.
    pub fn learn(&mut self, event: &Event) {
        match event.kind {
            zmq_sys::ZMQ_EVENT_LISTENING => self.add(&event.local),
            // The system gives a connection no port that somebody listens at: it was given up.
            zmq_sys::ZMQ_EVENT_CONNECTED => {
                port(&event.local).map(|port| self.0.remove(&port));
            }
            _ => {}
        }
    }

    /// Takes note of an endpoint that the socket is bound to.
    pub fn add(&mut self, endpoint: &str) {
        self.0.extend(port(endpoint));
    }

    /// Which endpoint of an event the first format has.
    pub fn identifier<'e>(&self, event: &'e Event) -> &'e str {
        let accepted = match event.kind {
            zmq_sys::ZMQ_EVENT_ACCEPTED => true,
            zmq_sys::ZMQ_EVENT_CONNECTED => false,
            _ => is_nowhere(&event.remote) || port(&event.local).is_some_and(|port| self.0.contains(&port)),
        };
        if accepted {
            &event.local
        } else {
            &event.remote
        }
    }
}

/// No endpoint, or one without an address: over ipc the side that connects has none.
fn is_nowhere(endpoint: &str) -> bool {
    endpoint.is_empty() || endpoint.ends_with("://")
}

/// The port of "tcp://address:port", with or without a path behind it.
pub(crate) fn port(endpoint: &str) -> Option<u16> {
    let (transport, address) = endpoint.split_once("://")?;
    if transport == "ipc" {
        return None;
    }
    let host = address.split('/').next()?;
    host.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u32, local: &str, remote: &str) -> Event {
        Event { kind, value: 7, local: local.into(), remote: remote.into() }
    }

    fn frames(parts: &[&[u8]]) -> Vec<Message> {
        parts.iter().map(|part| Message::from_slice(part).unwrap()).collect()
    }

    #[test]
    fn an_event_is_read_from_libzmqs_second_format() {
        let [kind, count, value] = [0x20u64, 1, 12].map(u64::to_ne_bytes);
        let got = Event::parse(&frames(&[&kind, &count, &value, b"tcp://a:1", b"tcp://b:2"]));
        let expected = Event { value: 12, ..event(0x20, "tcp://a:1", "tcp://b:2") };
        assert_eq!(got, Some(expected));
    }

    #[test]
    fn what_is_no_event_is_not_taken_for_one() {
        let number = 1u64.to_ne_bytes();
        let large = (1u64 << 40).to_ne_bytes();
        let bad: [&[&[u8]]; 5] = [
            &[],
            &[&number, &number, b"", b""],
            &[&number[..7], &number, &number, b"", b""],
            &[&number, &number, b"short", b"", b""],
            &[&large, &number, &number, b"", b""],
        ];
        for parts in bad {
            assert_eq!(Event::parse(&frames(parts)), None, "{parts:?}");
        }
    }

    #[test]
    fn only_a_bind_that_was_tried_can_fail() {
        let taken = Error::zmq(errno::EADDRINUSE);
        let told = Event::bind_failed("tcp://127.0.0.1:5555", &taken).unwrap();
        assert_eq!((told.kind, told.local.as_str()), (zmq_sys::ZMQ_EVENT_BIND_FAILED, "127.0.0.1:5555"));
        assert_eq!(told.value, errno::EADDRINUSE as u64);
        for (endpoint, error) in [
            ("inproc://taken", taken.clone()),
            ("udp://127.0.0.1:5555", taken.clone()),
            ("tcp://", Error::zmq(errno::EINVAL)),
            ("tcp", Error::zmq(errno::EINVAL)),
            ("tcp://127.0.0.1:5555", Error::zmq(errno::ETERM)),
            ("ws://127.0.0.1:5555", Error::zmq(errno::EPROTONOSUPPORT)),
            ("tcp://127.0.0.1:5555", Error::closed()),
        ] {
            assert_eq!(Event::bind_failed(endpoint, &error), None, "{endpoint}");
        }
    }

    #[test]
    fn the_head_is_event_and_value_without_padding() {
        let mut happened = event(0x8001, "", "");
        happened.value = 0x1_0203_0405;
        let head = happened.head();
        assert_eq!(head[..2], 0x8001u16.to_ne_bytes());
        assert_eq!(head[2..], 0x0203_0405u32.to_ne_bytes());
    }

    #[test]
    fn what_was_bound_goes_by_its_own_end_and_what_was_connected_by_the_other() {
        let (near, far) = ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:40000");
        let mut ports = Ports::default();
        ports.learn(&event(zmq_sys::ZMQ_EVENT_LISTENING, "tcp://0.0.0.0:5555", ""));
        for (kind, local, remote, expected) in [
            (zmq_sys::ZMQ_EVENT_LISTENING, near, "", near),
            (zmq_sys::ZMQ_EVENT_CLOSED, near, "", near),
            (zmq_sys::ZMQ_EVENT_CLOSED, "", far, far),
            (zmq_sys::ZMQ_EVENT_CLOSED, "", "", ""),
            (zmq_sys::ZMQ_EVENT_ACCEPTED, near, far, near),
            (zmq_sys::ZMQ_EVENT_CONNECT_RETRIED, "", far, far),
            (zmq_sys::ZMQ_EVENT_CONNECTED, far, near, near),
            (zmq_sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED, near, far, near),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, near, far, near),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, "tcp://[::ffff:127.0.0.1]:5555", far, "tcp://[::ffff:127.0.0.1]:5555"),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, far, near, near),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, "ipc:///a", "ipc://", "ipc:///a"),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, "ipc://", "ipc:///a", "ipc:///a"),
            (zmq_sys::ZMQ_EVENT_DISCONNECTED, "ws://127.0.0.1:5555/", "ws://127.0.0.1:1/", "ws://127.0.0.1:5555/"),
        ] {
            assert_eq!(ports.identifier(&event(kind, local, remote)), expected, "{kind:#x} {local} {remote}");
        }
    }

    #[test]
    fn a_port_that_was_given_up_may_be_that_of_a_connection() {
        let (own, far) = ("tcp://127.0.0.1:40000", "tcp://127.0.0.1:5555");
        let ended = event(zmq_sys::ZMQ_EVENT_DISCONNECTED, own, far);
        let mut ports = Ports::default();
        ports.add(own);
        assert_eq!(ports.identifier(&ended), own);
        ports.learn(&event(zmq_sys::ZMQ_EVENT_CONNECTED, own, far));
        assert_eq!(ports.identifier(&ended), far);
    }
}
