//! Who is there: peers and subscriptions, for Python.

use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::errors::{missing_attribute, OrRaise};
use super::interrupt::{blocking, deadline};
use super::socket::PySocket;
use crate::monitor::Peer;

/// A peer that is connected to a socket, as `Socket.peers` lists them.
#[pyclass(frozen, eq, get_all, name = "Peer", module = "brokerless._core")]
#[derive(PartialEq)]
pub struct PyPeer {
    /// This side's endpoint, such as "tcp://127.0.0.1:5555"; empty for an inproc connection that this side made.
    local: String,
    /// The other side's endpoint; empty for an inproc connection that the other side made.
    remote: String,
    /// How many connections have these two endpoints: more than one only over ipc and inproc, which do not tell them apart.
    connections: usize,
    /// Since when it is connected: seconds since the epoch, as time.time() counts.
    since: f64,
}

#[pymethods]
impl PyPeer {
    fn __repr__(&self) -> String {
        format!("Peer(local={:?}, remote={:?}, connections={})", self.local, self.remote, self.connections)
    }
}

impl From<Peer> for PyPeer {
    fn from(peer: Peer) -> Self {
        let since = peer.since.duration_since(SystemTime::UNIX_EPOCH);
        PyPeer {
            local: peer.local,
            remote: peer.remote,
            connections: peer.connections,
            since: since.unwrap_or_default().as_secs_f64(),
        }
    }
}

#[pymethods]
impl PySocket {
    /// The peers that are connected now, a list of Peer.
    ///
    /// They come from the socket's monitor (RFC 37: a peer counts once its handshake has succeeded). Raises UnknownAttribute
    /// (EINVAL) for a socket that was bound or connected unwatched: see watch().
    #[getter]
    fn peers(&self, py: Python<'_>) -> PyResult<Vec<PyPeer>> {
        let peers = py.detach(|| self.core()?.peers()).map_err(|error| missing_attribute(py, error))?;
        Ok(peers.into_iter().map(PyPeer::from).collect())
    }

    /// Waits until at least `n` peers are connected, and returns how many are.
    ///
    /// `timeout` is in seconds; None waits for ever. Raises Again at its end, saying how many there were. What is sent after it
    /// goes to all of them: no more lost first messages, and no sleep() against them. (A PUB needs the subscriptions too: see
    /// wait_for_subscribers().)
    #[pyo3(signature = (n=1, timeout=None))]
    fn wait_for_peers(&self, py: Python<'_>, n: usize, timeout: Option<f64>) -> PyResult<usize> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.core()?.wait_for_peers(n, end, signals))
    }

    /// What subscribers have subscribed to at this PUB socket: {topic: number of subscriptions}, topics as bytes.
    ///
    /// Raises UnknownAttribute (ENOTSUP) for other types (an XPUB receives subscriptions as messages).
    #[getter]
    fn subscriptions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let topics =
            self.core().and_then(|socket| socket.subscriptions()).map_err(|error| missing_attribute(py, error))?;
        let dict = PyDict::new(py);
        for (topic, count) in topics {
            dict.set_item(PyBytes::new(py, &topic), count)?;
        }
        Ok(dict)
    }

    #[pyo3(signature = (n, topic, timeout))]
    fn _wait_for_subscribers(
        &self,
        py: Python<'_>,
        n: usize,
        topic: Option<&[u8]>,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.core()?.wait_for_subscribers(n, topic, end, signals))
    }

    /// Watches from now on who is connected; to be called before bind() and connect().
    ///
    /// That is needed only in a context with more than 64 open sockets: the first 64 are watched anyway.
    fn watch(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.core()?.watch()).or_raise(py)
    }
}
