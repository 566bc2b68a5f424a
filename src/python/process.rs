//! Functions of the whole process: versions, capabilities, keys, and the end.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::OrRaise;
use super::interrupt::{duration, Signals};
use super::loan;
use crate::{context, ffi};

/// The version of libzmq in use, as (major, minor, patch).
#[pyfunction]
pub fn zmq_version_info() -> (i32, i32, i32) {
    ffi::version()
}

/// Whether libzmq was built with a capability (zmq_has): "curve", "ipc", "draft", "gssapi", "pgm", "tipc", "norm", "vmci".
#[pyfunction]
pub fn has(capability: &str) -> bool {
    ffi::has(capability)
}

/// What libzmq says about an errno (zmq_strerror), in a few words.
#[pyfunction]
pub fn strerror(errno: i32) -> String {
    ffi::strerror(errno)
}

/// The errno that the last failed libzmq call has left in this thread (zmq_errno). Errors that are raised have their own.
#[pyfunction]
pub fn zmq_errno() -> i32 {
    ffi::errno_now()
}

/// A new key pair for CURVE: (public, secret), 40 bytes of Z85 each (zmq_curve_keypair; RFC 26, RFC 32).
///
/// Raises ZMQError(ENOTSUP) if libzmq was built without CURVE.
#[pyfunction]
pub fn curve_keypair(py: Python<'_>) -> PyResult<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)> {
    let (public, secret) = ffi::curve_keypair().or_raise(py)?;
    Ok((PyBytes::new(py, &public), PyBytes::new(py, &secret)))
}

/// The public key that belongs to a secret one, both as 40 bytes of Z85 (zmq_curve_public).
///
/// Raises ZMQError(EINVAL) for what is not a key.
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
    Ok(py.detach(|| {
        let lost = context::flush_at_exit(patience, &mut signals);
        loan::close(patience);
        lost
    }))
}
