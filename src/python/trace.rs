//! Traces for Python: what went through sockets, as tuples. How they look is the package's part.

use std::time::{Instant, SystemTime};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::OrRaise;
use super::socket::PySocket;
use crate::error::Result;
use crate::trace::{Record, Trace};

/// The core's part of a trace: a bounded list of the messages that go through some sockets. Use `brokerless.trace`.
///
/// The last `keep` messages are kept, `head` bytes of each of their first 8 frames. A trace holds its sockets weakly.
#[pyclass(frozen, name = "Trace", module = "brokerless._core")]
pub struct PyTrace {
    trace: Trace,
    /// For each socket, which context it belongs to.
    contexts: Vec<usize>,
}

/// (party, sent, time, elapsed, parts, size, frames), and a frame is (size, head).
type Row<'py> = (usize, bool, f64, f64, usize, usize, Vec<(usize, Bound<'py, PyBytes>)>);

/// (context, endpoints), and an endpoint is (endpoint, bound).
type Place = (usize, Vec<(String, bool)>);

#[pymethods]
impl PyTrace {
    #[new]
    fn new(py: Python<'_>, sockets: Vec<PyRef<'_, PySocket>>, keep: usize, head: usize) -> PyResult<Self> {
        let sockets = sockets.iter().map(|socket| socket.core().cloned()).collect::<Result<Vec<_>>>().or_raise(py)?;
        let contexts = sockets.iter().map(|socket| socket.context().address());
        let contexts = contexts.collect::<Result<Vec<_>>>().or_raise(py)?;
        Ok(PyTrace { trace: Trace::new(&sockets, keep, head), contexts })
    }

    /// Begins to record, or goes on. A socket that was closed meanwhile is left out.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.trace.start()).or_raise(py)
    }

    /// Ends the recording; what was recorded is kept.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.trace.stop()).or_raise(py)
    }

    /// Whether it records.
    #[getter]
    fn running(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| self.trace.running()).or_raise(py)
    }

    /// (how many messages are kept, how many older ones are not any more).
    #[getter]
    fn counts(&self, py: Python<'_>) -> PyResult<(usize, u64)> {
        py.detach(|| self.trace.counts()).or_raise(py)
    }

    /// The messages in the order of their times, and for each socket its context and endpoints.
    ///
    /// A message is (socket, sent, time, elapsed, parts, size, frames): the socket's number, seconds since the epoch, seconds
    /// since the trace began, how many frames and bytes it has, and of the first frames (size, first bytes).
    fn read<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Row<'py>>, Vec<Place>)> {
        let page = py.detach(|| self.trace.read()).or_raise(py)?;
        let begun = page.begun.unwrap_or_else(Instant::now);
        let rows = page.records.iter().map(|record| row(py, record, begun)).collect();
        let places = page.endpoints.into_iter().zip(&self.contexts).map(|(all, context)| {
            let endpoints = all.into_iter().map(|at| (at.endpoint, at.bound)).collect();
            (*context, endpoints)
        });
        Ok((rows, places.collect()))
    }
}

fn row<'py>(py: Python<'py>, record: &Record, begun: Instant) -> Row<'py> {
    let seen = &record.seen;
    let time = record.time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let frames = seen.frames.iter().map(|piece| (piece.len, PyBytes::new(py, &piece.head))).collect();
    (record.party, record.sent, time, record.elapsed(begun).as_secs_f64(), seen.parts, seen.size, frames)
}
