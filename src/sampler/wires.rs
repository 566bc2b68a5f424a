//! What goes through each connection of the sampled sockets: rows of its own for each, as connections come and go.
//!
//! The kernel counts the bytes of a TCP connection, so that this costs a message nothing; of ipc and inproc nobody does.

use std::collections::VecDeque;

use crate::ffi::{traffic, Traffic};
use crate::monitor::{port, Link};
use crate::socket::Socket;

/// The most connections that are followed: those that are gone make room first.
pub const MOST: usize = 64;

/// One connection.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The number of the gauge whose socket it belongs to.
    pub gauge: usize,
    /// This side's endpoint.
    pub local: String,
    /// The other side's endpoint.
    pub remote: String,
    /// Whether it is still there.
    pub connected: bool,
    /// The seconds of each row, the bytes sent and the bytes received up to then.
    pub rows: VecDeque<(f64, i64, i64)>,
}

/// All of them, in the order in which they came.
pub struct Wires {
    keep: usize,
    wires: Vec<Wire>,
}

impl Wires {
    /// Room for `keep` rows of each.
    pub fn new(keep: usize) -> Self {
        Wires { keep, wires: Vec::new() }
    }

    /// A copy.
    pub fn all(&self) -> Vec<Wire> {
        self.wires.clone()
    }

    /// Takes a row of each of the sockets' connections, where a socket comes with the number of its gauge.
    pub fn sample(&mut self, elapsed: f64, sockets: impl Iterator<Item = (usize, Socket)>) {
        let seen: Vec<_> = sockets
            .flat_map(|(gauge, socket)| socket.links(MOST).into_iter().map(move |link| (gauge, link)))
            .filter_map(|(gauge, link)| own_traffic(&link).map(|traffic| (gauge, link, traffic)))
            .collect();
        for wire in &mut self.wires {
            wire.connected = false;
        }
        // First those that are known: so it is certain who may make room for the others.
        let new: Vec<_> =
            seen.into_iter().filter(|(gauge, link, now)| !self.go_on(*gauge, link, *now, elapsed)).collect();
        for (gauge, link, now) in new {
            if self.wires.len() == MOST {
                let Some(gone) = self.wires.iter().position(|wire| !wire.connected) else {
                    break;
                };
                self.wires.remove(gone);
            }
            let mut wire =
                Wire { gauge, local: link.local, remote: link.remote, connected: true, rows: VecDeque::new() };
            push(&mut wire.rows, self.keep, elapsed, now);
            self.wires.push(wire);
        }
    }

    /// A further row of a connection that is known; whether it is.
    fn go_on(&mut self, gauge: usize, link: &Link, now: Traffic, elapsed: f64) -> bool {
        let same = |wire: &&mut Wire| wire.gauge == gauge && wire.local == link.local && wire.remote == link.remote;
        let Some(wire) = self.wires.iter_mut().find(same) else {
            return false;
        };
        if wire.rows.back().is_some_and(|last| last.1 > signed(now.sent) || last.2 > signed(now.received)) {
            // Another connection between the same two ports.
            wire.rows.clear();
        }
        wire.connected = true;
        push(&mut wire.rows, self.keep, elapsed, now);
        true
    }
}

fn push(rows: &mut VecDeque<(f64, i64, i64)>, keep: usize, elapsed: f64, now: Traffic) {
    if rows.len() == keep {
        rows.pop_front();
    }
    rows.push_back((elapsed, signed(now.sent), signed(now.received)));
}

/// What went through a connection, unless its descriptor is another one's by now.
fn own_traffic(link: &Link) -> Option<Traffic> {
    let now = traffic(link.fd)?;
    let ports = (port(&link.local)?, port(&link.remote)?);
    (now.ports == ports).then_some(now)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::context::Context;
    use crate::wait::{Deadline, Never};

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    fn samples(wires: &mut Wires, socket: &Socket) -> Vec<Wire> {
        let elapsed = wires.wires.iter().filter_map(|wire| wire.rows.back()).map(|row| row.0).fold(0.0, f64::max);
        wires.sample(elapsed + 1.0, std::iter::once((0, socket.clone())));
        wires.all()
    }

    #[test]
    fn each_connection_has_its_own_rows() {
        let context = Context::new(1).unwrap();
        let router = context.socket(zmq_sys::ZMQ_ROUTER as i32).unwrap();
        router.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = router.endpoints()[0].endpoint.clone();
        let dealers: Vec<_> = (0..2).map(|_| context.socket(zmq_sys::ZMQ_DEALER as i32).unwrap()).collect();
        for dealer in &dealers {
            dealer.connect(&endpoint).unwrap();
        }
        router.wait_for_peers(2, soon(), &mut Never).unwrap();
        let mut wires = Wires::new(3);
        let before = samples(&mut wires, &router);
        assert_eq!(before.len(), 2);
        for _ in 0..100 {
            dealers[1].try_send_bytes(&[7; 1000], 0).unwrap();
            // Its routing id, and the message.
            router.recv(soon(), &mut Never).unwrap();
            router.recv(soon(), &mut Never).unwrap();
        }
        let now = samples(&mut wires, &router);
        let mut grown: Vec<i64> = now.iter().map(|wire| wire.rows[1].2 - wire.rows[0].2).collect();
        grown.sort_unstable();
        assert_eq!(grown[0], 0);
        assert!((100_000..110_000).contains(&grown[1]), "{grown:?}");
        // The kernel's figures of one end are those of the other.
        let other = samples(&mut Wires::new(3), &dealers[1]);
        assert!(now.iter().any(|wire| wire.remote == other[0].local && wire.local == other[0].remote));
        dealers[0].close(Some(0), &mut Never).unwrap();
        while samples(&mut wires, &router).iter().all(|wire| wire.connected) {
            std::thread::yield_now();
        }
        assert_eq!(wires.all().iter().filter(|wire| wire.connected).count(), 1);
        assert!(wires.all().iter().all(|wire| wire.rows.len() <= 3));
    }

    #[test]
    fn what_is_no_tcp_has_none() {
        let context = Context::new(1).unwrap();
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
        push.bind("inproc://wires").unwrap();
        pull.connect("inproc://wires").unwrap();
        assert!(samples(&mut Wires::new(3), &push).is_empty());
    }

    #[test]
    fn a_descriptor_that_is_anothers_by_now_tells_nothing() {
        let link = |fd| Link { local: "tcp://127.0.0.1:1".into(), remote: "tcp://127.0.0.1:2".into(), fd };
        assert_eq!(own_traffic(&link(-1)), None);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(own_traffic(&link(std::os::fd::AsRawFd::as_raw_fd(&stream))), None);
        assert_eq!(port("tcp://[::1]:5555"), Some(5555));
        assert_eq!(port("ws://127.0.0.1:80/path"), Some(80));
        assert_eq!(port("ipc:///tmp/a:1/b"), None);
    }
}
