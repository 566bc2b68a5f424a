//! `Socket` of the core for Python: life, endpoints, options. Sending and receiving are in `send` and `recv`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyTuple};

use super::context::PyContext;
use super::errors::OrRaise;
use super::frame::{group_name, COPY_THRESHOLD};
use super::interrupt::{blocking, ending, Signals};
use crate::context;
use crate::error::{errno, Error, Result};
use crate::options::{self, Kind};
use crate::socket::Socket;

/// The core's part of a socket. Use `brokerless.Socket`, which `Context.socket()` makes.
#[pyclass(frozen, subclass, name = "Socket", module = "brokerless._core")]
pub struct PySocket {
    /// Set by `_open` and `_share`, so that a subclass in Python decides what its constructor takes.
    socket: OnceLock<Socket>,
    copy_threshold: AtomicUsize,
}

/// What a socket has counted: whole messages (a multipart message is one) and the bytes of all their frames.
#[pyclass(frozen, eq, get_all, name = "SocketStats", module = "brokerless._core")]
#[derive(PartialEq, Eq)]
pub struct PyStats {
    /// Messages handed to libzmq for sending.
    messages_sent: u64,
    /// Messages received.
    messages_received: u64,
    /// Bytes of payload sent.
    bytes_sent: u64,
    /// Bytes of payload received.
    bytes_received: u64,
}

#[pymethods]
impl PyStats {
    fn __repr__(&self) -> String {
        format!(
            "SocketStats(messages_sent={}, messages_received={}, bytes_sent={}, bytes_received={})",
            self.messages_sent, self.messages_received, self.bytes_sent, self.bytes_received
        )
    }
}

impl PySocket {
    /// The core's socket.
    #[inline]
    pub fn core(&self) -> Result<&Socket> {
        self.socket.get().ok_or_else(Error::closed)
    }

    /// Before `_open` or `_share`.
    pub fn unopened() -> Self {
        PySocket { socket: OnceLock::new(), copy_threshold: AtomicUsize::new(COPY_THRESHOLD) }
    }

    /// Binds or connects without the GIL, but as one step for other threads: if they end the context now, that comes after it.
    fn attach<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Socket) -> Result<T> + Send) -> PyResult<T> {
        let socket = self.core().or_raise(py)?;
        let announced = socket.context().announce();
        let attach = || {
            let done = work(socket);
            // Before the GIL is taken again, which the one who waits for this may have.
            drop(announced);
            done
        };
        py.detach(attach).or_raise(py)
    }

    fn fill(&self, socket: Socket) -> PyResult<()> {
        self.socket.set(socket).map_err(|_| PyTypeError::new_err("this socket was opened before"))
    }
}

#[pymethods]
impl PySocket {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::unopened()
    }

    /// Opens libzmq's socket; once, by the constructor.
    fn _open(&self, py: Python<'_>, context: &PyContext, socket_type: i32) -> PyResult<()> {
        let socket = context.core().and_then(|context| context.socket(socket_type)).or_raise(py)?;
        self.fill(socket)
    }

    /// Becomes another handle to the socket of `other`; instead of `_open`.
    fn _share(&self, py: Python<'_>, other: &PySocket) -> PyResult<()> {
        self.fill(other.core().or_raise(py)?.clone())
    }

    /// Becomes another handle to the open socket that libzmq has at this address; returns its context's address.
    fn _share_address(&self, py: Python<'_>, address: usize) -> PyResult<usize> {
        let none = || {
            let why =
                format!("brokerless has no open socket at the address {address:#x}; other libraries' cannot be shared");
            Error::explained(errno::ENOTSOCK, why)
        };
        let socket = py.detach(|| context::socket_at(address)).ok_or_else(none).or_raise(py)?;
        let home = socket.context().address().or_raise(py)?;
        self.fill(socket)?;
        Ok(home)
    }

    /// With copy=False, what has fewer bytes than this is copied after all: sharing it would cost more. 65536 by default.
    #[getter]
    pub fn copy_threshold(&self) -> usize {
        self.copy_threshold.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_copy_threshold(&self, value: usize) {
        self.copy_threshold.store(value, Ordering::Relaxed);
    }

    /// Whether the socket is closed, or cannot be used because it belongs to the parent of this forked process. Never raises.
    #[getter]
    fn closed(&self) -> bool {
        self.socket.get().is_none_or(Socket::closed)
    }

    /// The address of libzmq's socket, as an int, for other bindings. What they do with it is not guarded by our locks.
    #[getter]
    fn underlying(&self, py: Python<'_>) -> PyResult<usize> {
        self.core().and_then(Socket::address).or_raise(py)
    }

    /// A number that is this socket's alone within its context.
    #[getter]
    fn _id(&self, py: Python<'_>) -> PyResult<u64> {
        self.core().map(Socket::id).or_raise(py)
    }

    /// Binds to an endpoint (zmq_bind); see the package's Socket.
    fn bind(&self, py: Python<'_>, addr: &Bound<'_, PyAny>) -> PyResult<String> {
        let endpoint = endpoint(addr)?;
        self.attach(py, |socket| socket.bind(&endpoint))
    }

    /// Connects to an endpoint (zmq_connect); see the package's Socket.
    fn connect(&self, py: Python<'_>, addr: &Bound<'_, PyAny>) -> PyResult<()> {
        let endpoint = endpoint(addr)?;
        self.attach(py, |socket| socket.connect(&endpoint))
    }

    /// Connects a PEER socket, and returns the routing id by which it sends to the one it connects to (zmq_connect_peer).
    ///
    /// Raises ZMQError(ENOTSUP) for other types, else as connect().
    fn connect_peer(&self, py: Python<'_>, addr: &Bound<'_, PyAny>) -> PyResult<u32> {
        let endpoint = endpoint(addr)?;
        self.attach(py, |socket| socket.connect_peer(&endpoint))
    }

    /// Lets a DISH socket receive what RADIO sockets send to a group (zmq_join; RFC 48): a str or bytes, 14 bytes at most.
    ///
    /// Raises ZMQError(EINVAL) for a group that is too long or joined already, ENOTSUP for other types.
    fn join(&self, py: Python<'_>, group: &Bound<'_, PyAny>) -> PyResult<()> {
        let group = group_name(&text(group, "group")?)?;
        py.detach(|| self.core()?.join(&group)).or_raise(py)
    }

    /// Ends that (zmq_leave). Raises ZMQError(EINVAL) for a group that was not joined.
    fn leave(&self, py: Python<'_>, group: &Bound<'_, PyAny>) -> PyResult<()> {
        let group = group_name(&text(group, "group")?)?;
        py.detach(|| self.core()?.leave(&group)).or_raise(py)
    }

    /// From now on binds and connects to nothing that another machine can reach; raises ZMQError(EACCES) instead.
    fn _stay_local(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.core()?.stay_local()).or_raise(py)
    }

    /// Ends a bind (zmq_unbind): `addr` as it was given, or as `last_endpoint` has it.
    ///
    /// Returns when the port is free for the next bind. Nothing is sent any more to the peers that had connected to it. Raises
    /// ZMQError(ENOENT) for an endpoint that the socket is not bound to.
    fn unbind(&self, py: Python<'_>, addr: &Bound<'_, PyAny>) -> PyResult<()> {
        let endpoint = endpoint(addr)?;
        blocking(py, |signals| self.core()?.unbind(&endpoint, signals))
    }

    /// Ends a connect (zmq_disconnect): `addr` as it was given.
    ///
    /// Messages that wait for this peer alone are lost. Raises ZMQError(ENOENT) for an endpoint that the socket is not
    /// connected to.
    fn disconnect(&self, py: Python<'_>, addr: &Bound<'_, PyAny>) -> PyResult<()> {
        let endpoint = endpoint(addr)?;
        py.detach(|| self.core()?.disconnect(&endpoint)).or_raise(py)
    }

    /// (endpoint, bound) of everything it is bound or connected to.
    #[getter]
    fn _endpoints(&self) -> Vec<(String, bool)> {
        let all = self.socket.get().map(Socket::endpoints).unwrap_or_default();
        all.into_iter().map(|at| (at.endpoint, at.bound)).collect()
    }

    /// What the socket has counted so far: a SocketStats with messages and bytes, sent and received; also after close().
    #[getter]
    fn stats(&self) -> PyStats {
        let stats = self.socket.get().map(Socket::stats).unwrap_or_default();
        PyStats {
            messages_sent: stats.messages_sent,
            messages_received: stats.messages_received,
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
        }
    }

    /// Closes the socket (zmq_close); see the package's Socket.
    #[pyo3(signature = (linger=None))]
    fn close(&self, py: Python<'_>, linger: Option<i32>) -> PyResult<()> {
        let Some(socket) = self.socket.get() else {
            return Ok(());
        };
        ending(py, |signals: &mut Signals| socket.close(linger, signals))
    }

    /// Closes at the end of the object's life: never for long, lingering for `patience` seconds at most.
    fn _abandon(&self, py: Python<'_>, patience: f64) {
        if let Some(socket) = self.socket.get() {
            let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
            py.detach(|| socket.abandon(patience));
        }
    }

    /// Sets an option (zmq_setsockopt): a SocketOption, and an int or bytes as its type demands.
    ///
    /// Most options count for the endpoints that are bound or connected afterwards. Raises TypeError for a value of the wrong
    /// type, OverflowError for an int that is too large, ZMQError(EINVAL) for what libzmq does not take.
    fn set(&self, py: Python<'_>, option: i32, optval: &Bound<'_, PyAny>) -> PyResult<()> {
        let socket = self.core().or_raise(py)?;
        let done = match kind(option) {
            Kind::Int | Kind::Bool | Kind::Fd => socket.set_i32(option, small_int(optval)?),
            kind @ (Kind::Int64 | Kind::Uint64) => socket.set_i64(option, large_int(optval, kind)?),
            Kind::Bytes | Kind::Text | Kind::Key => socket.set_bytes(option, bytes(optval)?),
        };
        done.or_raise(py)
    }

    /// The value of an option (zmq_getsockopt): an int or bytes, as its type has it.
    ///
    /// Raises ZMQError(EINVAL) for what is not an option or can only be written.
    fn get(&self, py: Python<'_>, option: i32) -> PyResult<Py<PyAny>> {
        let socket = self.core().or_raise(py)?;
        Ok(match kind(option) {
            Kind::Int | Kind::Bool | Kind::Fd => {
                let value = socket.get_i32(option).or_raise(py)?;
                value.into_pyobject(py)?.into_any().unbind()
            }
            // Signed for both, as pyzmq shows them: -1 is every bit of AFFINITY.
            Kind::Int64 | Kind::Uint64 => {
                let value = socket.get_i64(option).or_raise(py)?;
                value.into_pyobject(py)?.into_any().unbind()
            }
            kind => {
                let mut value = match kind {
                    Kind::Key => socket.get_key(option),
                    _ => socket.get_bytes(option),
                }
                .or_raise(py)?;
                if kind != Kind::Bytes && value.last() == Some(&0) {
                    value.pop();
                }
                PyBytes::new(py, &value).into_any().unbind()
            }
        })
    }
}

/// The type of an option's value; what the table does not know goes to libzmq as an int, which says EINVAL.
fn kind(option: i32) -> Kind {
    options::socket_option(option).map_or(Kind::Int, |option| option.kind)
}

fn int<'a, 'py>(value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyInt>> {
    value.cast::<PyInt>().map_err(|_| PyTypeError::new_err(format!("expected int, got: {}", shown(value))))
}

fn small_int(value: &Bound<'_, PyAny>) -> PyResult<i32> {
    let value = int(value)?;
    value.extract().map_err(|_| PyOverflowError::new_err(format!("{value} does not fit into the option's 32 bits")))
}

fn large_int(value: &Bound<'_, PyAny>, kind: Kind) -> PyResult<i64> {
    let value = int(value)?;
    let signed = value.extract::<i64>();
    let fits = match kind {
        // -1 is every bit, as it is read.
        Kind::Uint64 => signed.or_else(|_| value.extract::<u64>().map(|bits| i64::from_ne_bytes(bits.to_ne_bytes()))),
        _ => signed,
    };
    fits.map_err(|_| PyOverflowError::new_err(format!("{value} does not fit into the option's 64 bits")))
}

fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    let wrong = || PyTypeError::new_err(format!("expected bytes, got: {}", shown(value)));
    value.cast::<PyBytes>().map(|b| b.as_bytes()).map_err(|_| wrong())
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "an object without a repr".into(), |text| text.to_string())
}

/// pyzmq takes str and bytes as endpoints.
pub(super) fn endpoint(addr: &Bound<'_, PyAny>) -> PyResult<String> {
    text(addr, "addr")
}

fn text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    if let Ok(raw) = value.cast::<PyBytes>() {
        return Ok(String::from_utf8(raw.as_bytes().to_vec())?);
    }
    Err(PyTypeError::new_err(format!("{name} is a str, not {}", shown(value))))
}
