//! `Frame`: a message frame that Python reads without a copy.

use std::ffi::CString;

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffer;
use super::errors::OrRaise;
use crate::message::Message;

/// One frame of a message, in libzmq's own memory.
///
/// recv(copy=False) returns frames, and send() takes them: neither copies a large payload. `memoryview(frame)` reads it in
/// place, read-only, and keeps it alive; `bytes(frame)` copies it, `len(frame)` is its size in bytes. Frame(data) makes one
/// from anything bytes-like. A frame can be sent any number of times.
#[pyclass(frozen, subclass, weakref, name = "Frame", module = "brokerless._core")]
pub struct PyFrame {
    /// The lock is for sharing, which writes to the message's header. Its bytes never change.
    message: Mutex<Message>,
}

impl PyFrame {
    /// A frame around a message.
    pub fn wrap(message: Message) -> Self {
        PyFrame { message: Mutex::new(message) }
    }

    /// The message, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Message> {
        self.message.lock()
    }

    /// Another message with the same content.
    pub fn share(&self, py: Python<'_>) -> PyResult<Message> {
        self.message.lock().share().or_raise(py)
    }
}

#[pymethods]
impl PyFrame {
    #[new]
    #[pyo3(signature = (data=None))]
    fn new(py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        match data {
            None => Ok(Self::wrap(Message::new())),
            Some(data) => Ok(Self::wrap(buffer::to_message(data)?.or_raise(py)?)),
        }
    }

    /// The frame's bytes, copied into a new bytes object.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        buffer::to_bytes(py, &self.message.lock())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.bytes(py)
    }

    fn __len__(&self) -> usize {
        self.message.lock().len()
    }

    /// Whether more frames of the same message follow (zmq_msg_more). Always False for a frame that was not received.
    #[getter]
    fn more(&self) -> bool {
        self.message.lock().more()
    }

    /// A property of the frame: an int for a MessageOption (`zmq.MORE`, `zmq.SHARED`; zmq_msg_get), a str for the name of a
    /// property of the connection that it came by ("Peer-Address", "Socket-Type", "User-Id"...; zmq_msg_gets).
    ///
    /// Raises ZMQError(EINVAL) for an option or property that the frame does not have.
    fn get(&self, py: Python<'_>, option: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let message = self.message.lock();
        if let Ok(number) = option.extract::<i32>() {
            let value = message.get(number).or_raise(py)?;
            return Ok(value.into_pyobject(py)?.into_any().unbind());
        }
        let name = CString::new(option.extract::<String>()?)
            .map_err(|_| PyValueError::new_err("a property's name has no NUL in it"))?;
        match message.property(&name) {
            Some(value) => Ok(value.into_pyobject(py)?.into_any().unbind()),
            None => Err(crate::error::Error::zmq(crate::error::errno::EINVAL)).or_raise(py),
        }
    }
}
