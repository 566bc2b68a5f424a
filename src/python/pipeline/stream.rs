//! Reading results: one by one, as a list, as a tally.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

use super::super::errors::OrRaise;
use super::super::interrupt::{blocking, deadline, duration};
use super::super::socket::PySocket;
use super::{messages, raw, read, take_turns, TURN};
use crate::error::Result;
use crate::message::Frames;
use crate::pipeline::board::Board;
use crate::pipeline::stream::{Next, Stream};
use crate::pipeline::tally::{Label, Paused, Tally};
use crate::wait::Deadline;

/// The results that come into a PULL socket, up to the end of the stream.
#[pyclass(frozen, name = "Stream", module = "brokerless._core")]
pub struct PyStream {
    stream: Stream,
    received: AtomicU64,
    board: Board,
}

/// What a tally shows of itself: its key, how much it has counted, how many labels there are, and the most frequent ones.
pub type Tallied = (Option<String>, u64, usize, Vec<(String, u64)>);

/// How a wait for a message ended.
enum Came {
    Message(Frames),
    End,
    TimeOver,
}

#[pymethods]
impl PyStream {
    /// For a socket that is not bound yet. `grace`: how many seconds all peers must have been gone at the end.
    #[new]
    fn new(py: Python<'_>, socket: &PySocket, grace: f64) -> PyResult<Self> {
        let stream = Stream::new(socket.core().or_raise(py)?, duration(grace)?).or_raise(py)?;
        Ok(PyStream { stream, received: AtomicU64::new(0), board: Board::default() })
    }

    /// How many messages were taken.
    #[getter]
    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// How often somebody has said that the stream is over, and in how many bytes: no results.
    #[getter]
    fn ends(&self) -> (u64, u64) {
        self.stream.ends()
    }

    /// How many peers are there now.
    #[getter]
    fn peers(&self) -> usize {
        self.stream.peers()
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.wait(py, Deadline::never())? {
            Came::Message(frames) => self.object(py, &frames).map(Some),
            Came::End | Came::TimeOver => Ok(None),
        }
    }

    /// (True, result), or (False, whether it is the end rather than the time that is over).
    #[pyo3(signature = (timeout=None))]
    fn recv<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<(bool, Bound<'py, PyAny>)> {
        Ok(match self.wait(py, deadline(timeout)?)? {
            Came::Message(frames) => (true, self.object(py, &frames)?),
            Came::End => (false, PyBool::new(py, true).to_owned().into_any()),
            Came::TimeOver => (false, PyBool::new(py, false).to_owned().into_any()),
        })
    }

    /// Appends results to a list, `n` of them or all up to the end; False if the time is over before.
    #[pyo3(signature = (results, n=None, timeout=None))]
    fn collect(
        &self,
        py: Python<'_>,
        results: &Bound<'_, PyList>,
        n: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let end = deadline(timeout)?;
        let mut count = 0;
        while n.is_none_or(|n| count < n) {
            if count % TURN == TURN - 1 {
                take_turns(py)?;
                if end.is_over() {
                    return Ok(false);
                }
            }
            match self.wait(py, end)? {
                Came::Message(frames) => results.append(self.object(py, &frames)?)?,
                // Somebody knows how many there will be: those who left may come back.
                Came::End if n.is_some() => continue,
                Came::End => break,
                Came::TimeOver => return Ok(false),
            }
            count += 1;
        }
        Ok(true)
    }

    /// Counts results by `key` into a dict, `n` of them or all up to the end; False if the time is over before. The
    /// dict has what was counted also if an error is raised.
    #[pyo3(signature = (counts, key, n=None, timeout=None))]
    fn tally(
        &self,
        py: Python<'_>,
        counts: &Bound<'_, PyDict>,
        key: &str,
        n: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let end = deadline(timeout)?;
        let mut tally = Tally::new(key);
        let done = self.tally_all(py, &mut tally, key, n, end);
        self.board.show(&tally);
        for (label, count) in tally.counts() {
            counts.set_item(to_python(py, label)?, count)?;
        }
        done
    }

    /// What the tally under way, or the last one, has counted, not more than a little late: (its key or None, results, labels,
    /// [(text of a label, count)] of the most frequent). Tallies begin to tell when this is first called.
    fn tallied(&self) -> Tallied {
        self.board.watch();
        let shown = self.board.read();
        (shown.key, shown.total, shown.labels, shown.counts)
    }
}

impl PyStream {
    fn wait(&self, py: Python<'_>, end: Deadline) -> PyResult<Came> {
        if let Some(frames) = self.stream.try_next().or_raise(py)? {
            return Ok(Came::Message(frames));
        }
        blocking(py, |signals| came(self.stream.next(end, signals)))
    }

    fn object<'py>(&self, py: Python<'py>, frames: &Frames) -> PyResult<Bound<'py, PyAny>> {
        let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        read(py, frames, number)
    }

    fn tally_all(&self, py: Python<'_>, tally: &mut Tally, key: &str, n: Option<u64>, end: Deadline) -> PyResult<bool> {
        loop {
            let before = tally.total();
            let paused = blocking(py, |signals| tally.take(&self.stream, &self.board, n, end, signals));
            self.received.fetch_add(tally.total() - before, Ordering::Relaxed);
            match paused? {
                Paused::Full | Paused::End => return Ok(true),
                Paused::TimeOver => return Ok(false),
                Paused::Unsure(frames) => {
                    let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
                    let label = messages(py)?.call_method1("label", (raw(py, &frames)?, number, key))?;
                    add(tally, &label)?;
                }
            }
        }
    }
}

fn came(next: Result<Next>) -> Result<Came> {
    match next {
        Ok(Next::Message(frames)) => Ok(Came::Message(frames)),
        Ok(Next::End) => Ok(Came::End),
        Err(error) if error.is_again() => Ok(Came::TimeOver),
        Err(error) => Err(error),
    }
}

/// Counts what Python found in a message.
pub fn add(tally: &mut Tally, label: &Bound<'_, PyAny>) -> PyResult<()> {
    if label.is_none() {
        tally.add(Label::Null);
    } else if let Ok(flag) = label.cast::<PyBool>() {
        tally.add(Label::Bool(flag.is_true()));
    } else if let Ok(number) = label.cast::<PyInt>() {
        match number.extract::<i64>() {
            Ok(number) => tally.add(Label::Int(number.into())),
            Err(_) => tally.add(Label::Big(number.str()?.to_str()?.into())),
        }
    } else if let Ok(number) = label.cast::<PyFloat>() {
        tally.add(Label::Float(number.value()));
    } else if let Ok(text) = label.cast::<PyString>() {
        match text.to_str() {
            Ok(text) => tally.add(Label::Text(text.into())),
            Err(_) => {
                let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                tally.add(Label::Surrogates(bytes.cast::<PyBytes>()?.as_bytes().into()));
            }
        }
    } else {
        return Err(PyTypeError::new_err(format!("{} cannot be counted", label.get_type())));
    }
    Ok(())
}

/// A label as Python has it.
pub fn to_python<'py>(py: Python<'py>, label: &Label<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match label {
        Label::Null => py.None().into_bound(py),
        Label::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Label::Int(number) => number.into_pyobject(py)?.into_any(),
        Label::Big(digits) => py.get_type::<PyInt>().call1((digits,))?,
        Label::Float(number) => PyFloat::new(py, *number).into_any(),
        Label::Text(text) => PyString::new(py, text).into_any(),
        Label::Surrogates(bytes) => {
            PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))?.into_any()
        }
    })
}
