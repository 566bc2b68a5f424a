//! How a job or a result becomes frames, and frames an object again.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::super::array::{read_array, write_array};
use super::super::buffer::{call, to_bytes, to_list, Payload};
use super::super::errors::OrRaise;
use super::{read, write};
use crate::message::{Frames, Message};

/// What makes frames of objects.
pub enum Codec {
    /// JSON in one frame.
    Json,
    /// Bytes, in one frame.
    Bytes,
    /// A list of bytes, a frame each.
    Multipart,
    /// numpy's arrays, in two frames; whether what is received is copied.
    Array(bool),
    /// Two functions in Python.
    Custom {
        /// Makes bytes, or a list of bytes, of an object.
        encode: Py<PyAny>,
        /// Makes the object of them.
        decode: Py<PyAny>,
    },
}

impl Codec {
    /// A name that is known here, or the pair of functions of one that is not.
    ///
    /// `shared`: a peer may be in this process, so that a received message has the memory of one that is kept there.
    pub fn of(given: &Bound<'_, PyAny>, shared: bool) -> PyResult<Self> {
        if let Ok(name) = given.cast::<PyString>() {
            return Ok(match name.to_str()? {
                "json" => Codec::Json,
                "bytes" => Codec::Bytes,
                "multipart" => Codec::Multipart,
                "numpy" => Codec::Array(shared),
                other => return Err(PyValueError::new_err(format!("there is no codec {other:?} in the core"))),
            });
        }
        let (encode, decode) = given.extract::<(Py<PyAny>, Py<PyAny>)>()?;
        Ok(Codec::Custom { encode, decode })
    }

    /// The frames for an object.
    pub fn encode(&self, object: &Bound<'_, PyAny>) -> PyResult<Frames> {
        let py = object.py();
        match self {
            Codec::Json => Ok(vec![Message::from_slice(&write(object)?).or_raise(py)?]),
            Codec::Bytes => Ok(vec![frame(object)?]),
            Codec::Multipart => many(object),
            Codec::Array(_) => write_array(object),
            Codec::Custom { encode, .. } => {
                let made = call(encode.bind(py), &PyTuple::new(py, [object])?)?;
                match made.is_instance_of::<PyList>() || made.is_instance_of::<PyTuple>() {
                    true => many(&made),
                    false => Ok(vec![frame(&made)?]),
                }
            }
        }
    }

    /// The object that frames stand for; `number` is for the error that says that they stand for none.
    pub fn decode<'py>(&self, py: Python<'py>, frames: Frames, number: u64) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Codec::Json => read(py, &frames, number),
            Codec::Bytes => match &frames[..] {
                [frame] => Ok(to_bytes(py, frame)?.into_any()),
                _ => Err(PyValueError::new_err(format!("message {number} has {} frames, not one", frames.len()))),
            },
            Codec::Multipart => Ok(to_list(py, &frames)?.into_any()),
            Codec::Array(copy) => read_array(py, frames, *copy),
            Codec::Custom { decode, .. } => {
                let given = match &frames[..] {
                    [frame] => to_bytes(py, frame)?.into_any(),
                    _ => to_list(py, &frames)?.into_any(),
                };
                drop(frames);
                call(decode.bind(py), &PyTuple::new(py, [given])?)
            }
        }
    }
}

fn frame(object: &Bound<'_, PyAny>) -> PyResult<Message> {
    Payload::of(object)?.into_message().or_raise(object.py())
}

fn many(object: &Bound<'_, PyAny>) -> PyResult<Frames> {
    if object.is_instance_of::<PyString>() || !(object.hasattr("__iter__")?) {
        return Err(PyTypeError::new_err(format!("a list of bytes-like objects is wanted, not {}", object.get_type())));
    }
    let frames: Frames = object.try_iter()?.map(|one| frame(&one?)).collect::<PyResult<_>>()?;
    match frames.is_empty() {
        true => Err(PyValueError::new_err("a message has at least one frame")),
        false => Ok(frames),
    }
}
