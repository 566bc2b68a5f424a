//! JSON straight between Python objects and bytes.
//!
//! The fast path does what it can do exactly as the standard library does, to the byte and to the type. For all else
//! (subclasses, huge integers, NaN, lone surrogates, bad input, ...) the answer is `None`: the caller asks Python's
//! `json`, which then returns or raises what people know. No code of the user's runs in here.

mod keys;
mod read;
mod write;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyNotImplemented};

/// The bytes of `json.dumps(obj).encode("utf8")`, or None when the standard library has to make them.
pub fn dumps(obj: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    Ok(crate::json::to_vec(&write::Node::root(obj)).ok())
}

/// The object of `json.loads(data.decode("utf8"))`, or None when the standard library has to read it.
pub fn loads<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut keys = keys::Keys::take();
    let value = crate::json::from_slice(data, read::Builder { py, keys: &mut keys });
    keys.put_back();
    Ok(value.ok())
}

/// `json.dumps(obj).encode("utf8")`, or None when the fast path does not know how.
#[pyfunction]
pub fn json_dumps<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(dumps(obj)?.map(|data| PyBytes::new(obj.py(), &data)))
}

/// `json.loads(data.decode("utf8"))`, or NotImplemented (which no JSON stands for) when the fast path does not know how.
#[pyfunction]
pub fn json_loads<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Ok(loads(py, data)?.unwrap_or_else(|| PyNotImplemented::get(py).to_owned().into_any()))
}
