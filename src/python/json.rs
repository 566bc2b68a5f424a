//! JSON straight between Python objects and bytes.
//!
//! The fast path does what it can do exactly as the standard library does, to the byte and to the type. For all else
//! (subclasses, huge integers, NaN, lone surrogates, bad input, ...) the answer is `None`: the caller asks Python's
//! `json`, which then returns or raises what people know. No code of the user's runs in here.

mod keys;
mod read;
mod write;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyNotImplemented, PyTuple};

use super::buffer::{call, to_bytes};
use crate::message::Message;

static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The bytes of `json.dumps(obj).encode("utf8")`, or None when the standard library has to make them.
pub fn dumps(obj: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let mut writer = write::Writer::new();
    Ok(writer.object(obj).map(|()| writer.bytes))
}

/// The object of `json.loads(data.decode("utf8"))`, or None when the standard library has to read it.
pub fn loads<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut keys = keys::Keys::take();
    let value = std::str::from_utf8(data).ok().and_then(|text| read::Reader::new(py, text, &mut keys).document());
    keys.put_back();
    Ok(value)
}

/// The object in a message, by Python's own `json` if need be.
pub fn read<'py>(py: Python<'py>, message: Message) -> PyResult<Bound<'py, PyAny>> {
    if let Some(object) = loads(py, message.as_slice())? {
        return Ok(object);
    }
    let data = to_bytes(py, &message)?;
    drop(message);
    let loads = LOADS.get_or_try_init(py, || named(py, "brokerless.utils.jsonapi", "loads"))?;
    call(loads.bind(py), &PyTuple::new(py, [data])?)
}

/// What the package has under this name.
pub fn named(py: Python<'_>, module: &str, name: &str) -> PyResult<Py<PyAny>> {
    Ok(py.import(module)?.getattr(name)?.unbind())
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
