//! `Haul`: messages that were taken for an awaited call, and that go back if nobody awaits it any more.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::super::errors::OrRaise;
use super::super::frame::PyFrame;
use super::super::socket::PySocket;
use super::recv::{fill, give_back, hand_out, hand_out_json, records};
use crate::batch::{Haul, TURN};
use crate::message::Message;
use crate::socket::Socket;

/// Messages that were taken from a socket for an awaited call, and not handed out yet.
///
/// With `record` each has to be one frame of so many bytes: the first that is not stays at the socket, and is `odd`.
#[pyclass(frozen, name = "Haul", module = "brokerless._core")]
pub struct PyHaul {
    socket: Socket,
    record: usize,
    haul: Mutex<Haul>,
}

#[pymethods]
impl PyHaul {
    #[new]
    #[pyo3(signature = (socket, record=0))]
    fn new(py: Python<'_>, socket: &PySocket, record: usize) -> PyResult<Self> {
        let haul = if record == 0 { Haul::new() } else { Haul::of_records(record) };
        Ok(PyHaul { socket: socket.core().or_raise(py)?.clone(), record, haul: Mutex::new(haul) })
    }

    /// How many messages it has.
    fn __len__(&self) -> usize {
        self.haul.lock().len()
    }

    /// Whether a message came that is no record.
    #[getter]
    fn odd(&self) -> bool {
        self.haul.lock().odd().is_some()
    }

    /// Adds a message that was received as a list of frames.
    fn add(&self, py: Python<'_>, frames: Vec<PyRef<'_, PyFrame>>) -> PyResult<()> {
        let frames: Vec<Message> = frames.iter().map(|frame| frame.share(py)).collect::<PyResult<_>>()?;
        self.with(|haul| self.socket.add_to(haul, frames)).or_raise(py)
    }

    /// Takes what else is there now, until there are `max` messages.
    fn take(&self, max: usize) {
        self.with(|haul| self.socket.recv_rest(haul, max, TURN / 2));
    }

    /// Gives all messages back, as the next to be received.
    fn give_back(&self) {
        let frames = self.with(Haul::take);
        give_back(&self.socket, frames);
    }

    /// Hands the messages out as recv_many() does.
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        hand_out(py, &self.socket, self.with(std::mem::take))
    }

    /// Hands them out as recv_json_many() does.
    fn objects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        hand_out_json(py, &self.socket, self.with(std::mem::take))
    }

    /// Hands them out as recv_many_into() does.
    fn fill(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let (target, ..) = records(buffer)?;
        fill(py, &target, &mut self.with(std::mem::take), self.record)
    }
}

impl PyHaul {
    fn with<T>(&self, work: impl FnOnce(&mut Haul) -> T) -> T {
        work(&mut self.haul.lock())
    }
}

/// How many records a buffer has room for, and the bytes of one; raises what recv_many_into() raises.
#[pyfunction]
pub fn record_layout(buffer: &Bound<'_, PyAny>) -> PyResult<(usize, usize)> {
    let (_, count, size) = records(buffer)?;
    Ok((count, size))
}
