//! `Context` of the core for Python.

use std::time::Duration;

use pyo3::prelude::*;

use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use crate::context::Context;

/// The family of sockets that share I/O threads and inproc names.
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

    /// Whether the context has ended.
    #[getter]
    fn closed(&self) -> bool {
        self.context.closed()
    }

    /// The address of libzmq's context, for other bindings.
    #[getter]
    fn underlying(&self, py: Python<'_>) -> PyResult<usize> {
        self.context.address().or_raise(py)
    }

    /// Sets a context option.
    fn set(&self, py: Python<'_>, option: i32, value: i32) -> PyResult<()> {
        self.context.set(option, value).or_raise(py)
    }

    /// A context option.
    fn get(&self, py: Python<'_>, option: i32) -> PyResult<i32> {
        self.context.get(option).or_raise(py)
    }

    /// Makes every call on its sockets raise ContextTerminated, without waiting.
    fn shutdown(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.context.shutdown()).or_raise(py)
    }

    /// Ends the context; see the package's docstring.
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
