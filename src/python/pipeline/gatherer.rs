//! A reliable collector for Python: results one by one, in batches, or counted.

use std::collections::VecDeque;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyList};

use super::super::errors::OrRaise;
use super::super::interrupt::{blocking, deadline, duration};
use super::super::socket::PySocket;
use super::codec::Codec;
use super::dispatcher::{rows, Row};
use super::stream::{add, to_python, Tallied};
use super::{messages, raw, take_turns, TURN};
use crate::message::Frames;
use crate::pipeline::board::Board;
use crate::pipeline::reliable::collector::{Collector, Taken};
use crate::pipeline::reliable::intake::{Item, Rules};
use crate::pipeline::reliable::wire::status;
use crate::pipeline::tally::Tally;
use crate::wait::Deadline;

/// How many results are taken at once.
const BATCH: usize = 256;

/// A collector that has each result once, by a ROUTER that is its own from now on.
#[pyclass(frozen, name = "Gatherer", module = "brokerless._core")]
pub struct PyGatherer {
    collector: Collector,
    codec: Codec,
    /// What jobs are written in, which come along with errors.
    jobs: Codec,
    taken: Mutex<VecDeque<Item<Frames>>>,
    board: Board,
}

/// What a wait found.
enum Found {
    Item(Item<Frames>),
    End,
    TimeOver,
}

impl PyGatherer {
    /// The core's collector.
    pub fn core(&self) -> &Collector {
        &self.collector
    }

    /// Whether there is something to take.
    pub fn has_next(&self) -> bool {
        !self.taken.lock().is_empty() || self.collector.has_next()
    }

    /// The next result.
    fn find(&self, py: Python<'_>, end: Deadline) -> PyResult<Found> {
        if let Some(item) = self.taken.lock().pop_front() {
            return Ok(Found::Item(item));
        }
        let taken = match self.collector.try_take(BATCH).or_raise(py)? {
            Some(taken) => taken,
            None => blocking(py, |signals| self.collector.take(BATCH, end, signals))?,
        };
        Ok(match taken {
            Taken::Items(items) => {
                let mut kept = self.taken.lock();
                kept.extend(items);
                kept.pop_front().map_or(Found::TimeOver, Found::Item)
            }
            Taken::End => Found::End,
            Taken::TimeOver => Found::TimeOver,
        })
    }

    /// What a result is: its object, or the exception that its job has failed with.
    fn value<'py>(&self, py: Python<'py>, item: Item<Frames>) -> PyResult<Bound<'py, PyAny>> {
        let Item { number, status, attempt, worker, mut payload, .. } = item;
        match status {
            status::VALUE => self.codec.decode(py, payload, number),
            status::NOTHING => Ok(py.None().into_bound(py)),
            status::ERROR => {
                let told = if payload.is_empty() { None } else { Some(payload.remove(0)) };
                let told = told.map(|told| PyBytes::new(py, told.as_slice()));
                let job = match payload.is_empty() {
                    true => py.None().into_bound(py),
                    // A job that nobody could read is an error of its own kind, which the first frame tells of.
                    false => self.jobs.decode(py, payload, number).unwrap_or_else(|_| py.None().into_bound(py)),
                };
                errors(py)?.call_method1("failed", (number, attempt, &*worker, told, job))
            }
            status::CANCELLED => errors(py)?.call_method1("cancelled", (number,)),
            _ => errors(py)?.call_method0("incomplete"),
        }
    }
}

#[pymethods]
impl PyGatherer {
    /// `id`: 16 bytes that no other collector has. `codec`: its name, what reads results, what reads jobs. Times are seconds.
    #[new]
    #[pyo3(signature = (socket, id, codec, *, ordered, window, heartbeat, limit))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        socket: &PySocket,
        id: [u8; 16],
        codec: (String, Bound<'_, PyAny>, Bound<'_, PyAny>),
        ordered: bool,
        window: usize,
        heartbeat: f64,
        limit: f64,
    ) -> PyResult<Self> {
        let rules = Rules { ordered, window, beat: duration(heartbeat)?, limit: duration(limit)?, codec: codec.0 };
        let socket = socket.core().or_raise(py)?.clone();
        let shared = socket.shares_memory();
        let (codec, jobs) = (Codec::of(&codec.1, shared)?, Codec::of(&codec.2, shared)?);
        let collector = Collector::start(socket, id, rules).or_raise(py)?;
        Ok(PyGatherer { collector, codec, jobs, taken: Mutex::default(), board: Board::default() })
    }

    /// Sets the options that a socket needs before it binds.
    #[staticmethod]
    fn prepare(py: Python<'_>, socket: &PySocket) -> PyResult<()> {
        socket.core().and_then(Collector::prepare).or_raise(py)
    }

    /// The next result: ("value", object), ("failed", exception), ("end", None) or ("time", None).
    ///
    /// `nothing`: whether results that are nothing count. `timeout` in seconds.
    #[pyo3(signature = (nothing, timeout=None))]
    fn next<'py>(
        &self,
        py: Python<'py>,
        nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
        let end = deadline(timeout)?;
        loop {
            return match self.find(py, end)? {
                Found::Item(item) if item.status == status::NOTHING && !nothing => continue,
                Found::Item(item) => {
                    let kind = if item.status <= status::NOTHING { "value" } else { "failed" };
                    Ok((kind, self.value(py, item)?))
                }
                Found::End => Ok(("end", py.None().into_bound(py))),
                Found::TimeOver => Ok(("time", py.None().into_bound(py))),
            };
        }
    }

    /// Results with their numbers, up to `most` of those that are there after a wait of up to `timeout` seconds:
    /// [(number, whether it is a value, object or exception)]; None at the end.
    #[pyo3(signature = (most, timeout=None))]
    fn take<'py>(&self, py: Python<'py>, most: usize, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyList>>> {
        let mut end = deadline(timeout)?;
        let results = PyList::empty(py);
        while results.len() < most {
            match self.find(py, end)? {
                Found::Item(item) => {
                    let (number, is_value) = (item.number, item.status <= status::NOTHING);
                    results.append((number, is_value, self.value(py, item)?))?;
                }
                Found::End if results.is_empty() => return Ok(None),
                // The end of the stream is what the next call finds; nothing runs on here after it.
                Found::End | Found::TimeOver => break,
            }
            end = Deadline::now();
        }
        Ok(Some(results))
    }

    /// Appends results to a list, `n` of them or all up to the end; False if the time is over before. Raises what a job has
    /// failed with.
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
            match self.find(py, end)? {
                Found::Item(item) if item.status == status::NOTHING => continue,
                Found::Item(item) if item.status == status::VALUE => results.append(self.value(py, item)?)?,
                Found::Item(item) => return Err(PyErr::from_value(self.value(py, item)?)),
                Found::End if n.is_some() => continue,
                Found::End => break,
                Found::TimeOver => return Ok(false),
            }
            count += 1;
            if count % TURN == 0 {
                take_turns(py)?;
            }
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

    /// What the last tally has counted: see Stream.tallied().
    fn tallied(&self) -> Tallied {
        self.board.watch();
        let shown = self.board.read();
        (shown.key, shown.total, shown.labels, shown.counts)
    }

    /// Whether results are handed over in the order of their jobs, from now on.
    fn set_ordered(&self, ordered: bool) {
        self.collector.set_ordered(ordered);
    }

    /// Its figures, by their names.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.collector.counts();
        let figures = PyDict::new(py);
        for (name, figure) in [
            ("results", counts.results),
            ("bytes", counts.bytes),
            ("duplicates", counts.duplicates),
            ("failed", counts.failed),
            ("waiting", counts.waiting),
            ("refused", counts.refused),
            ("workers", counts.workers),
            ("lost", counts.lost),
        ] {
            figures.set_item(name, figure)?;
        }
        Ok(figures)
    }

    /// What came from each worker: (name, whether it is here, 0, results, failed, how often it was lost).
    #[getter]
    fn workers(&self) -> Vec<Row> {
        rows(self.collector.workers())
    }

    /// Stops: workers are told.
    fn stop(&self) {
        self.collector.stop();
    }

    /// Waits for the end of its thread, `timeout` seconds at most; whether it has ended.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.collector.join(end, signals))
    }
}

impl PyGatherer {
    fn tally_all(&self, py: Python<'_>, tally: &mut Tally, key: &str, n: Option<u64>, end: Deadline) -> PyResult<bool> {
        let mut looked = 0u64;
        while n.is_none_or(|n| tally.total() < n) {
            looked += 1;
            if looked % TURN == 0 {
                take_turns(py)?;
                self.board.show(tally);
            }
            match self.find(py, end)? {
                Found::Item(item) if item.status == status::NOTHING => {}
                Found::Item(item) if item.status == status::VALUE => {
                    let is_plain = matches!(self.codec, Codec::Json);
                    if is_plain && matches!(&item.payload[..], [frame] if tally.count(frame.as_slice())) {
                        continue;
                    }
                    let label = messages(py)?.call_method1("label", (raw(py, &item.payload)?, item.number, key))?;
                    add(tally, &label)?;
                }
                Found::Item(item) => return Err(PyErr::from_value(self.value(py, item)?)),
                Found::End if n.is_some() => {}
                Found::End => return Ok(true),
                Found::TimeOver => return Ok(false),
            }
        }
        Ok(true)
    }
}

fn errors(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("brokerless.pipeline.errors")
}
