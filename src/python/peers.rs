//! Who is there: peers and subscriptions, for Python.

use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use super::socket::PySocket;
use crate::monitor::Peer;

/// A connected peer.
#[pyclass(frozen, eq, get_all, name = "Peer", module = "brokerless._core")]
#[derive(PartialEq)]
pub struct PyPeer {
    /// This side's endpoint.
    local: String,
    /// The other side's endpoint.
    remote: String,
    /// How many connections have these two endpoints.
    connections: usize,
    /// Since when, in seconds since the epoch.
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
    /// The peers now connected.
    #[getter]
    fn peers(&self, py: Python<'_>) -> PyResult<Vec<PyPeer>> {
        let peers = py.detach(|| self.core()?.peers()).or_raise(py)?;
        Ok(peers.into_iter().map(PyPeer::from).collect())
    }

    #[pyo3(signature = (n=1, timeout=None))]
    fn wait_for_peers(&self, py: Python<'_>, n: usize, timeout: Option<f64>) -> PyResult<usize> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.core()?.wait_for_peers(n, end, signals))
    }

    /// {topic: number of subscriptions} at this PUB.
    #[getter]
    fn subscriptions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let topics = self.core().and_then(|socket| socket.subscriptions()).or_raise(py)?;
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

    /// Starts to watch who connects, whatever the number of sockets watched already.
    fn watch(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.core()?.watch()).or_raise(py)
    }
}
