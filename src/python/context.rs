//! `Context` of the core for Python.

use std::sync::OnceLock;
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use crate::context::{self, Context};
use crate::error::{errno, Error, Result};

/// The core's part of a context: options, and the end. Use `brokerless.Context`, which makes sockets too.
#[pyclass(frozen, subclass, name = "Context", module = "brokerless._core")]
pub struct PyContext {
    /// Set by `_open` and `_share`, so that a subclass in Python decides what its constructor takes.
    context: OnceLock<Context>,
}

impl PyContext {
    /// The core's context.
    pub fn core(&self) -> Result<&Context> {
        self.context.get().ok_or_else(|| Error::explained(errno::EFAULT, "this context was never opened"))
    }

    fn fill(&self, context: Context) -> PyResult<()> {
        self.context.set(context).map_err(|_| PyTypeError::new_err("this context was opened before"))
    }
}

#[pymethods]
impl PyContext {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        PyContext { context: OnceLock::new() }
    }

    /// Opens libzmq's context; once, by the constructor.
    fn _open(&self, py: Python<'_>, io_threads: i32) -> PyResult<()> {
        self.fill(Context::new(io_threads).or_raise(py)?)
    }

    /// Becomes another handle to the context of `other`; instead of `_open`.
    fn _share(&self, py: Python<'_>, other: &PyContext) -> PyResult<()> {
        self.fill(other.core().or_raise(py)?.clone())
    }

    /// Becomes another handle to the context that libzmq has at this address.
    fn _share_address(&self, py: Python<'_>, address: usize) -> PyResult<()> {
        let none = || {
            let why =
                format!("brokerless has no context at the address {address:#x}; other libraries' cannot be shared");
            Error::explained(errno::EFAULT, why)
        };
        self.fill(context::at(address).ok_or_else(none).or_raise(py)?)
    }

    /// Whether the context has ended: True once term() or destroy() has returned. Never raises.
    #[getter]
    fn closed(&self) -> bool {
        self.context.get().is_none_or(Context::closed)
    }

    /// The address of libzmq's context, as an int, for other bindings in this process to share it (`shadow` in pyzmq).
    ///
    /// Such a binding must be built on the same libzmq. Raises ContextTerminated after term().
    #[getter]
    fn underlying(&self, py: Python<'_>) -> PyResult<usize> {
        self.core().and_then(Context::address).or_raise(py)
    }

    /// Sets an option of the context (zmq_ctx_set): a ContextOption and an int.
    ///
    /// Nearly all of them must be set before the first socket is made. Raises ZMQError(EINVAL) for what is not an option, or not
    /// a value of it.
    fn set(&self, py: Python<'_>, option: i32, optval: i32) -> PyResult<()> {
        self.core().and_then(|context| context.set(option, optval)).or_raise(py)
    }

    /// The value of an option of the context (zmq_ctx_get), an int.
    ///
    /// Raises ZMQError(EINVAL) for what is not an option or cannot be read.
    fn get(&self, py: Python<'_>, option: i32) -> PyResult<i32> {
        self.core().and_then(|context| context.get(option)).or_raise(py)
    }

    /// Makes every call on the context's sockets raise ContextTerminated from now on, also those that wait in another thread
    /// (zmq_ctx_shutdown).
    ///
    /// Returns at once. The sockets still have to be closed, and term() still has to be called.
    fn shutdown(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.core()?.shutdown()).or_raise(py)
    }

    /// Ends the context (zmq_ctx_term): waits until its sockets are closed and have delivered or lingered out.
    ///
    /// `timeout` is in seconds; None waits for ever. Raises Again at its end; the context then goes on ending, and the next
    /// term() waits for it. A signal (Ctrl-C) ends the wait alike.
    #[pyo3(signature = (*, timeout=None))]
    fn term(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.core()?.term(end, signals))
    }

    /// Closes what is open, lingering for `patience` seconds at most, and ends in the background; what was open is returned.
    fn _abandon(&self, py: Python<'_>, patience: f64) -> Vec<String> {
        let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
        self.context.get().map_or_else(Vec::new, |context| py.detach(|| context.abandon(patience)))
    }
}
