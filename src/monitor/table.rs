//! What a watch has learnt: who is there, who left, how many listeners have closed.

use std::collections::{HashMap, HashSet};
use std::os::fd::RawFd;
use std::time::SystemTime;

use crate::monitor::event::Event;
use crate::monitor::history::{History, Ill};

/// One connection whose handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// This side's endpoint.
    pub local: String,
    /// The other side's endpoint.
    pub remote: String,
    /// How many connections have these two endpoints (more than one only over ipc and inproc).
    pub connections: usize,
    /// Since when.
    pub since: SystemTime,
    /// The other side has connected to this one, not this side to the other.
    pub accepted: bool,
    /// The descriptor of its connection over TCP; another connection may have it by now.
    pub fd: Option<RawFd>,
}

/// A TCP connection that can be asked what went through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// This side's endpoint.
    pub local: String,
    /// The other side's endpoint.
    pub remote: String,
    /// Its descriptor, if it is still there.
    pub fd: RawFd,
}

/// Handshakes that failed between two endpoints.
#[derive(Clone, Copy, Debug, Default)]
struct Failing {
    count: usize,
    accepted: bool,
}

/// What a watch has learnt.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(super) peers: HashMap<(String, String), Peer>,
    /// Handshakes that failed, whose end is still to be reported.
    failing: HashMap<(String, String), Failing>,
    /// The descriptors of TCP connections whose handshake is not done.
    shaking: HashMap<(String, String), RawFd>,
    /// Connections so far whose handshake was done.
    pub came: u64,
    /// The socket was bound or connected before anybody watched it: some of its peers may not be known.
    pub(super) late: bool,
    /// The socket is a STREAM, whose connections have no handshake.
    pub(super) unshaken: bool,
    /// Endpoints to connect to, as they were written, at which nobody was found so far: see `Watch::expect`.
    pub expected: HashSet<String>,
    /// Listeners that have closed so far.
    pub listeners_closed: usize,
    /// What went wrong.
    pub(super) history: History,
    /// The watched socket was closed; its connections may still linger.
    pub(super) closed: bool,
    /// libzmq has nothing more to tell.
    pub(super) stopped: bool,
}

impl Table {
    /// How many peers are connected.
    pub fn connected(&self) -> usize {
        self.peers.values().map(|peer| peer.connections).sum()
    }

    /// The peers whose connections can be asked what went through them, longest first, `most` of them.
    pub fn links(&self, most: usize) -> Vec<Link> {
        let mut peers: Vec<&Peer> = self.peers.values().filter(|peer| peer.fd.is_some()).collect();
        peers.sort_by_key(|peer| peer.since);
        let link = |peer: &Peer| Some(Link { local: peer.local.clone(), remote: peer.remote.clone(), fd: peer.fd? });
        peers.into_iter().take(most).filter_map(link).collect()
    }

    /// What is no longer told of an endpoint that was given up.
    pub(super) fn forget(&mut self, endpoint: &str, bound: bool) {
        let side = |key: &(String, String)| if bound { key.0 == endpoint } else { key.1 == endpoint };
        self.history.forget(endpoint, bound);
        self.shaking.retain(|key, _| !side(key));
        self.peers.retain(|key, _| !side(key));
    }

    pub(super) fn learn(&mut self, event: Event) {
        self.history.learn(&event);
        let made = matches!(event.kind, zmq_sys::ZMQ_EVENT_CONNECTED | zmq_sys::ZMQ_EVENT_ACCEPTED);
        let opened = if self.unshaken { made } else { event.kind == zmq_sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED };
        let key = (event.local, event.remote);
        if made {
            self.history.opened(&key, event.kind == zmq_sys::ZMQ_EVENT_ACCEPTED);
            if is_tcp(&key.0) {
                self.shaking.extend(RawFd::try_from(event.value).ok().map(|fd| (key.clone(), fd)));
            }
        }
        if opened {
            let accepted = self.history.succeeded(&key);
            let fd = self.shaking.remove(&key);
            let peer = self.peers.entry(key.clone()).or_insert_with(|| Peer {
                local: key.0,
                remote: key.1,
                connections: 0,
                since: SystemTime::now(),
                accepted,
                fd: None,
            });
            peer.fd = fd;
            peer.connections += 1;
            self.came += 1;
            if !self.expected.is_empty() {
                self.expected.remove(&peer.remote);
            }
            return;
        }
        match event.kind {
            zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL => self.failed(Ill::HungUp, key, event.value),
            zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL => self.failed(Ill::Protocol, key, event.value),
            zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH => self.failed(Ill::Denied, key, event.value),
            zmq_sys::ZMQ_EVENT_DISCONNECTED => self.disconnected(key),
            // A connection attempt that is given up is reported alike, but has a remote endpoint.
            zmq_sys::ZMQ_EVENT_CLOSED | zmq_sys::ZMQ_EVENT_CLOSE_FAILED if key.1.is_empty() => {
                self.listeners_closed += 1;
            }
            zmq_sys::ZMQ_EVENT_MONITOR_STOPPED => self.stopped = true,
            _ => {}
        }
    }

    fn failed(&mut self, ill: Ill, key: (String, String), code: u64) {
        let accepted = self.history.failed(ill, &key, code);
        self.shaking.remove(&key);
        let failing = self.failing.entry(key).or_default();
        failing.count += 1;
        failing.accepted = accepted;
    }

    fn disconnected(&mut self, key: (String, String)) {
        if let Some(failing) = self.failing.get_mut(&key) {
            self.history.ended(&key, failing.accepted, false);
            failing.count -= 1;
            if failing.count == 0 {
                self.failing.remove(&key);
            }
            return;
        }
        let Some(peer) = self.peers.get_mut(&key) else {
            self.shaking.remove(&key);
            self.history.ended_untold(&key);
            return;
        };
        self.history.ended(&key, peer.accepted, true);
        peer.connections -= 1;
        if peer.connections == 0 {
            self.peers.remove(&key);
        }
    }
}

/// Whether a connection has TCP's counts: WebSocket's has, too.
fn is_tcp(endpoint: &str) -> bool {
    ["tcp:", "ws:", "wss:"].iter().any(|transport| endpoint.starts_with(transport))
}
