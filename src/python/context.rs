//! `Context` of the core for Python.

use std::time::Duration;

use pyo3::prelude::*;

use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use crate::context::Context;

/// The core's part of a context: options, and the end. Use `brokerless.Context`, which makes sockets too.
#[pyclass(frozen, subclass, name = "Context", module = "brokerless._core")]
pub struct PyContext {
    pub(super) context: Context,
}

#[pymethods]
impl PyContext {
    #[new]
    #[pyo3(signature = (io_threads=1))]
    fn new(py: Python<'_>, io_threads: i32) -> PyResult<Self> {
        let context = Context::new(io_threads).or_raise(py)?;
        Ok(PyContext { context })
    }

    /// Whether the context has ended: True once term() or destroy() has returned. Never raises.
    #[getter]
    fn closed(&self) -> bool {
        self.context.closed()
    }

    /// The address of libzmq's context, as an int, for other bindings in this process to share it (`shadow` in pyzmq).
    ///
    /// Such a binding must be built on the same libzmq. Raises ContextTerminated after term().
    #[getter]
    fn underlying(&self, py: Python<'_>) -> PyResult<usize> {
        self.context.address().or_raise(py)
    }

    /// Sets an option of the context (zmq_ctx_set): a ContextOption and an int.
    ///
    /// Nearly all of them must be set before the first socket is made. Raises ZMQError(EINVAL) for what is not an option, or not
    /// a value of it.
    fn set(&self, py: Python<'_>, option: i32, value: i32) -> PyResult<()> {
        self.context.set(option, value).or_raise(py)
    }

    /// The value of an option of the context (zmq_ctx_get), an int.
    ///
    /// Raises ZMQError(EINVAL) for what is not an option or cannot be read.
    fn get(&self, py: Python<'_>, option: i32) -> PyResult<i32> {
        self.context.get(option).or_raise(py)
    }

    /// Makes every call on the context's sockets raise ContextTerminated from now on, also those that wait in another thread
    /// (zmq_ctx_shutdown).
    ///
    /// Returns at once. The sockets still have to be closed, and term() still has to be called.
    fn shutdown(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.context.shutdown()).or_raise(py)
    }

    /// Ends the context (zmq_ctx_term): waits until its sockets are closed and have delivered or lingered out.
    ///
    /// `timeout` is in seconds; None waits for ever. Raises Again at its end; the context then goes on ending, and the next
    /// term() waits for it. A signal (Ctrl-C) ends the wait alike.
    #[pyo3(signature = (*, timeout=None))]
    fn term(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.context.term(end, signals))
    }

    /// Closes what is open, lingering for `patience` seconds at most, and ends in the background; what was open is returned.
    fn _abandon(&self, py: Python<'_>, patience: f64) -> Vec<String> {
        let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
        py.detach(|| self.context.abandon(patience))
    }
}
