//! Who is connected to a socket: over the network as its watch tells, over inproc as the context's own list tells.

use crate::error::{errno, Error, Result};
use crate::explain::{describe, nobody};
use crate::monitor::{Link, Peer};
use crate::socket::{Attached, Socket, Stats};
use crate::wait::{Deadline, Interrupt};

use std::time::SystemTime;

impl Socket {
    /// The peers now connected.
    ///
    /// # Errors
    /// EINVAL for a socket that was connected before it was watched, and so cannot know.
    pub fn peers(&self) -> Result<Vec<Peer>> {
        let watch = self.sure_watch()?;
        let mut peers = watch.peers();
        peers.extend(self.inproc_peers());
        Ok(peers)
    }

    /// Starts to watch who connects, whatever the number of sockets watched already.
    pub fn watch(&self) -> Result<()> {
        self.sure_watch().map(drop)
    }

    /// Waits until at least `count` peers are connected, and returns how many are.
    pub fn wait_for_peers(&self, count: usize, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<usize> {
        let watch = self.sure_watch()?;
        let mut last = 0;
        let done = watch.wait_for(deadline, interrupt, |table| {
            last = table.connected() + self.inproc_count();
            last >= count
        });
        match done {
            Ok(()) => {
                // A send looks only now and then at who has come: let it know them all, so that the first message may go
                // to any of them. A context that ends says so at the next call.
                let _ = self.events();
                Ok(last)
            }
            // Its watch ends with the context, too.
            Err(Error::Closed(_)) if !self.closed() => Err(Error::zmq(errno::ETERM)),
            Err(error) if !error.is_again() => Err(error),
            Err(error) => Err(error.or_explain(|| {
                let why = if last == 0 { format!("; {}", nobody(self, true)) } else { String::new() };
                format!("{}: {last} of {count} peers are connected{why}", describe(self))
            })),
        }
    }

    /// How many peers are connected, if that is known without asking for a watch.
    pub(crate) fn peers_known(&self) -> Option<usize> {
        let endpoints = self.endpoints();
        let network = endpoints.iter().any(|at| !at.endpoint.starts_with("inproc:"));
        let watch = self.0.watch();
        match (network, watch) {
            (true, None) => None,
            (true, Some(watch)) if watch.is_late() => None,
            (_, watch) => {
                let connected = watch.map_or(0, |watch| watch.connected());
                Some(connected + self.inproc_count())
            }
        }
    }

    /// Whether it is open, what it has counted, and how many peers are connected as far as is known: for who looks a few
    /// times in a second.
    pub(crate) fn glimpse(&self) -> (bool, Stats, Option<usize>) {
        let nothing = (false, Stats::default(), Vec::new(), None);
        let (open, stats, own, watch) = self
            .glint(nothing, |state| (state.raw.is_some(), state.stats, state.endpoints.clone(), state.watch.clone()));
        let network = own.iter().any(|at| !at.endpoint.starts_with("inproc:"));
        let connected = match watch {
            _ if !open => Some(0),
            None if network => None,
            None => Some(0),
            Some(watch) if network && watch.is_late() => None,
            Some(watch) => Some(watch.glance(|table| table.connected())),
        };
        let inproc = self.facing(&own, |other| other.glint(Vec::new(), |state| state.endpoints.clone()));
        let inproc: usize = inproc.iter().map(|peer| peer.connections).sum();
        (open, stats, connected.map(|connected| connected + inproc))
    }

    /// Its connections over TCP, `most` of them, as far as they are known: for who looks a few times in a second.
    pub(crate) fn links(&self, most: usize) -> Vec<Link> {
        let watch = self.glint(None, |state| state.watch.clone());
        watch.map(|watch| watch.glance(|table| table.links(most))).unwrap_or_default()
    }

    fn sure_watch(&self) -> Result<std::sync::Arc<crate::monitor::Watch>> {
        let unwatched = self.0.watch().is_none_or(|watch| watch.is_late());
        let connected = self.endpoints().iter().any(|at| !at.endpoint.starts_with("inproc:"));
        if unwatched && connected {
            return Err(Error::invalid(
                "this socket was bound or connected unwatched, as the context already watched its first 64: call watch() before bind() or connect()",
            ));
        }
        self.watch_now()
    }

    pub(crate) fn inproc_count(&self) -> usize {
        self.inproc_peers().iter().map(|peer| peer.connections).sum()
    }

    /// libzmq reports nothing about inproc, but both ends are in the same context.
    pub(crate) fn inproc_peers(&self) -> Vec<Peer> {
        self.facing(&self.endpoints(), Socket::endpoints)
    }

    /// The sockets of the same context at the other end of its inproc endpoints.
    fn facing(&self, own: &[Attached], endpoints: impl Fn(&Socket) -> Vec<Attached>) -> Vec<Peer> {
        let mut inproc = own.iter().filter(|at| at.endpoint.starts_with("inproc:")).peekable();
        if inproc.peek().is_none() {
            return Vec::new();
        }
        let others: Vec<_> =
            self.context().sockets().iter().filter(|other| other.id() != self.id()).flat_map(endpoints).collect();
        let peer = |endpoint: &str, bound: bool, connections| Peer {
            local: if bound { endpoint } else { "" }.to_owned(),
            remote: if bound { "" } else { endpoint }.to_owned(),
            connections,
            fd: None,
            since: SystemTime::now(),
            accepted: bound,
        };
        inproc
            .filter_map(|at| {
                let facing =
                    others.iter().filter(|other| other.bound != at.bound && other.endpoint == at.endpoint).count();
                (facing > 0).then(|| peer(&at.endpoint, at.bound, facing))
            })
            .collect()
    }
}
