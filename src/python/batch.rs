//! Many messages in one call, for Python.
//!
//! [`send`] walks through what it is given, [`recv`] makes lists and fills arrays, and [`haul`] is what an event loop takes.

pub mod haul;
pub mod recv;
pub mod send;

use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::buffer::call;
use super::json;
use super::send::DONTWAIT;
use crate::message::Message;

/// A batch is made of whole messages: only DONTWAIT means something.
fn only_dontwait(flags: i32) -> PyResult<()> {
    if flags & !DONTWAIT != 0 {
        return Err(PyValueError::new_err(format!("flags is 0 or DONTWAIT, not {flags}: a batch has whole messages")));
    }
    Ok(())
}

/// The same error, with the number of the message that it is about.
fn number(py: Python<'_>, error: PyErr, index: usize) -> PyErr {
    let kind = error.get_type(py);
    let plain = [py.get_type::<PyTypeError>(), py.get_type::<PyValueError>(), py.get_type::<PyBufferError>()];
    // Others are made of more than a text.
    if !plain.iter().any(|known| known.is(&kind)) {
        return error;
    }
    let Ok(text) = error.value(py).str() else {
        return error;
    };
    let named = PyErr::from_type(kind, format!("message {index}: {text}"));
    named.set_cause(py, Some(error));
    named
}

/// An object as JSON, by Python's own `json` if need be.
fn write_json(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Some(data) = json::dumps(object)? {
        return Ok(data);
    }
    let py = object.py();
    let dumps = py.import("brokerless.utils.jsonapi")?.getattr("dumps")?;
    Ok(call(&dumps, &PyTuple::new(py, [object])?)?.cast::<PyBytes>()?.as_bytes().to_vec())
}

/// The object that a message has as JSON, by Python's own `json` if need be.
fn read_json<'py>(py: Python<'py>, frames: &[Message]) -> PyResult<Bound<'py, PyAny>> {
    let [frame] = frames else {
        return Err(PyValueError::new_err(format!("a message of {} frames is not one of JSON", frames.len())));
    };
    if let Some(object) = json::loads(py, frame.as_slice())? {
        return Ok(object);
    }
    let loads = py.import("brokerless.utils.jsonapi")?.getattr("loads")?;
    call(&loads, &PyTuple::new(py, [super::buffer::to_bytes(py, frame)?])?)
}
