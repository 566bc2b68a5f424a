//! Functions of the whole process: versions, capabilities, keys, and the end.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::OrRaise;
use super::interrupt::{duration, Signals};
use crate::{context, ffi};

/// libzmq's version, (major, minor, patch).
#[pyfunction]
pub fn zmq_version_info() -> (i32, i32, i32) {
    ffi::version()
}

/// Whether libzmq was built with a capability: "curve", "ipc", "draft"...
#[pyfunction]
pub fn has(capability: &str) -> bool {
    ffi::has(capability)
}

/// What libzmq calls an errno.
#[pyfunction]
pub fn strerror(errno: i32) -> String {
    ffi::strerror(errno)
}

/// The errno that the last failed libzmq call left on this thread.
#[pyfunction]
pub fn zmq_errno() -> i32 {
    ffi::errno_now()
}

/// A new CURVE key pair, (public, secret), as 40 Z85 bytes each.
#[pyfunction]
pub fn curve_keypair(py: Python<'_>) -> PyResult<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)> {
    let (public, secret) = ffi::curve_keypair().or_raise(py)?;
    Ok((PyBytes::new(py, &public), PyBytes::new(py, &secret)))
}

/// The public key of a secret one (40 Z85 bytes).
#[pyfunction]
pub fn curve_public<'py>(py: Python<'py>, secret_key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let public = ffi::curve_public(secret_key).or_raise(py)?;
    Ok(PyBytes::new(py, &public))
}

/// Closes what is open and lets messages leave for at most `patience` seconds; returns a line for each socket whose
/// messages may not have been delivered.
#[pyfunction]
pub fn flush_at_exit(py: Python<'_>, patience: f64) -> PyResult<Vec<String>> {
    let patience = duration(patience)?;
    let mut signals = Signals::new();
    Ok(py.detach(|| context::flush_at_exit(patience, &mut signals)))
}
