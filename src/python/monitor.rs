//! Users' monitors, for Python: where to report a socket's events to. Reading them is the package's part.

use pyo3::prelude::*;

use super::errors::OrRaise;
use super::socket::{endpoint, PySocket};

#[pymethods]
impl PySocket {
    /// Reports what happens on the socket's connections to an inproc endpoint, where a PAIR socket of the same context
    /// receives it (zmq_socket_monitor); None ends that. get_monitor_socket() does both ends.
    ///
    /// `events` are those to report, EVENT_ALL by default. A socket has one monitor: the former one ends first. One that ends,
    /// here or with its socket, reports EVENT_MONITOR_STOPPED as its last. Each event is a message of two frames, for
    /// recv_monitor_message() of `utils.monitor` to read. Nothing happens over inproc that could be reported.
    ///
    /// The socket never waits for whoever reads: 65536 events wait for a slow reader, or for one to come, beyond those in its
    /// queue; after that the oldest of them are dropped.
    ///
    /// Raises ZMQError with EPROTONOSUPPORT for another transport than inproc, EINVAL for what is no endpoint and for events
    /// beyond 16 bits (such as EVENT_PIPES_STATS), EADDRINUSE for a name that is taken; SocketClosed, ContextTerminated.
    #[pyo3(signature = (addr, events=0xFFFF))]
    fn monitor(&self, py: Python<'_>, addr: Option<&Bound<'_, PyAny>>, events: i32) -> PyResult<()> {
        let endpoint = addr.map(endpoint).transpose()?;
        py.detach(|| self.core()?.monitor(endpoint.as_deref(), events)).or_raise(py)
    }
}
