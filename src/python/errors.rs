//! The core's error as one of pyzmq's exceptions. Which class goes with which errno is decided in `brokerless.error`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::interrupt::calling;
use crate::error::Error;

static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The Python exception for an error of the core.
#[cold]
pub fn to_py(py: Python<'_>, error: Error) -> PyErr {
    let kind = match &error {
        Error::Closed(_) => "closed",
        Error::Forked(_) => "forked",
        _ => "zmq",
    };
    make(py, error, kind)
}

/// The exception for an attribute that this socket does not have: hasattr() is to say no.
#[cold]
pub fn missing_attribute(py: Python<'_>, error: Error) -> PyErr {
    match &error {
        Error::Zmq { .. } => make(py, error, "attribute"),
        _ => to_py(py, error),
    }
}

fn make(py: Python<'_>, error: Error, kind: &str) -> PyErr {
    let detail = match &error {
        Error::Zmq { detail, .. } => detail.as_deref().map(str::to_owned),
        other => Some(other.to_string()),
    };
    let made = MAKE
        .get_or_try_init(py, || Ok(py.import("brokerless.error")?.getattr("_make")?.unbind()))
        .and_then(|make: &Py<PyAny>| calling(make.bind(py), &(error.errno(), detail, kind).into_pyobject(py)?));
    made.map_or_else(|failed| failed, PyErr::from_value)
}

/// `?` for results of the core.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for crate::error::Result<T> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, error))
    }
}
