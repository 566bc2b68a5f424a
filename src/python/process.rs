//! Functions of the whole process: versions, capabilities, keys, and the end.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyString};

use super::auth::bytes_of;
use super::errors::OrRaise;
use super::interrupt::{await_calls, duration, Signals};
use super::loan;
use crate::error::Error;
use crate::{context, facing, ffi, wait, z85};

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

/// Which types of sockets each type talks to, as libzmq's handshake has it: {"REQ": ["REP", "ROUTER"], ...}.
#[pyfunction]
pub fn fitting_types(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    facing::fitting().into_py_dict(py)
}

/// What libzmq says about an errno (zmq_strerror), in a few words.
#[pyfunction]
pub fn strerror(errno: i32) -> String {
    ffi::strerror(errno)
}

/// Lets each thread of this process that has to wait in a socket, a poll or a device look for so many seconds first, and only
/// then sleep: 0, the default, is to sleep at once, and 1 is the most.
///
/// A look finds what has come sooner than the system wakes a thread that sleeps, which can shorten round trips where
/// processors are free. It takes a whole processor meanwhile, and where there is none to spare it makes all slower.
/// Raises ValueError for a number that is negative, NaN or above 1.
#[pyfunction]
pub fn set_spin(seconds: f64) -> PyResult<()> {
    if !(0.0..=1.0).contains(&seconds) {
        return Err(PyValueError::new_err(format!("a spin is 0 to 1 second, not {seconds}")));
    }
    wait::set_spin(duration(seconds)?);
    Ok(())
}

/// How many seconds a thread looks before it sleeps: see set_spin().
#[pyfunction]
pub fn get_spin() -> f64 {
    wait::spin().as_secs_f64()
}

/// The errno that the last failed libzmq call has left in this thread (zmq_errno). Errors that are raised have their own.
#[pyfunction]
pub fn zmq_errno() -> i32 {
    ffi::last_errno()
}

/// A new key pair for CURVE: (public, secret), 40 bytes of Z85 each (zmq_curve_keypair; RFC 26, RFC 32).
///
/// Raises ZMQError(ENOTSUP) if libzmq was built without CURVE.
#[pyfunction]
pub fn curve_keypair(py: Python<'_>) -> PyResult<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)> {
    let (public, secret) = ffi::curve_keypair().or_raise(py)?;
    Ok((PyBytes::new(py, &public), PyBytes::new(py, &secret)))
}

/// The public key that belongs to a secret one, both as 40 bytes of Z85 (zmq_curve_public). The secret one may be a str.
///
/// Raises ValueError if it has not 40 characters, ZMQError(EINVAL) if they are not Z85, TypeError for what is no text at all.
#[pyfunction]
pub fn curve_public<'py>(py: Python<'py>, secret_key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let secret = key(secret_key)?;
    if secret.len() != 40 {
        let length = secret.len();
        return Err(PyValueError::new_err(format!("a secret key is 40 characters of Z85, and this has {length}")));
    }
    let invalid = |_| Error::invalid("the secret key is not Z85");
    z85::decode(&secret).map_err(invalid).or_raise(py)?;
    let public = ffi::curve_public(&secret).or_raise(py)?;
    Ok(PyBytes::new(py, &public))
}

/// The bytes of a key.
fn key(key: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(text) = key.cast::<PyString>() {
        return Ok(text.to_str()?.as_bytes().to_vec());
    }
    bytes_of(key)
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
        await_calls(patience);
        lost
    }))
}
