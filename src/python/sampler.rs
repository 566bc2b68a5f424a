//! Samplers for Python: the columns come as bytes, which numpy or a memoryview reads.

use std::collections::HashSet;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict};

use super::device::PyDevice;
use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use super::pipeline::dispatcher::PyDispatcher;
use super::pipeline::gatherer::PyGatherer;
use super::socket::PySocket;
use crate::sampler::{spread, Gauge, Sampler, Wire};
use crate::wait::Deadline;

/// The shortest and the longest time between two rows, in seconds.
const INTERVALS: (f64, f64) = (0.05, 3600.0);
/// The least and the most rows to keep.
const ROWS: (usize, usize) = (2, 1_000_000);
/// How long stop() waits for the thread, which is in the middle of a look at the very most.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads counters every `interval` seconds, on a native thread that never takes the GIL, and keeps the last `keep` rows.
///
/// `sources` are pairs: a prefix for the names of the columns, and a socket (messages_sent, messages_received, bytes_sent,
/// bytes_received, peers), the core's device (frontend_messages, frontend_bytes, backend_messages, backend_bytes), or what a
/// reliable producer (jobs, jobs_bytes, done, in_flight, redelivered, lost, workers) or collector (results, results_bytes,
/// failed, duplicates, waiting, sources) is made of. They are not kept alive. When all of them are closed, it takes a last row and ends; so it does at a stop(), when `seconds` are over,
/// and when it is collected.
///
/// Raises SocketClosed for what is closed already, ValueError for an interval below 0.05 s or above an hour, for less than 2
/// or more than a million rows, for no seconds at all, without a source, and for columns of one name.
#[pyclass(frozen, name = "Sampler", module = "brokerless._core")]
pub struct PySampler {
    sampler: Sampler,
    names: Vec<String>,
    prefixes: Vec<String>,
    interval: Duration,
}

/// A connection: whose it is, its endpoints, whether it is there, and its columns.
type PyWire<'py> =
    (String, String, String, bool, Bound<'py, PyByteArray>, Bound<'py, PyByteArray>, Bound<'py, PyByteArray>);

#[pymethods]
impl PySampler {
    #[new]
    #[pyo3(signature = (sources, interval=0.25, keep=1200, seconds=None))]
    fn new(
        py: Python<'_>,
        sources: Vec<(String, Bound<'_, PyAny>)>,
        interval: f64,
        keep: usize,
        seconds: Option<f64>,
    ) -> PyResult<Self> {
        let (shortest, longest) = INTERVALS;
        if !(shortest..=longest).contains(&interval) {
            return Err(PyValueError::new_err(format!(
                "interval is in seconds, from {shortest} to {longest}, not {interval}"
            )));
        }
        if !(ROWS.0..=ROWS.1).contains(&keep) {
            return Err(PyValueError::new_err(format!(
                "keep is a number of rows, {} to {}, not {keep}",
                ROWS.0, ROWS.1
            )));
        }
        if seconds.is_some_and(|seconds| seconds.is_nan() || seconds <= 0.0) {
            let why = format!(
                "seconds is more than 0 (or None: as long as there is something to see), not {}",
                seconds.unwrap_or_default()
            );
            return Err(PyValueError::new_err(why));
        }
        let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(Duration::MAX);
        if sources.is_empty() {
            return Err(PyValueError::new_err("there is nothing to sample: sources is empty"));
        }
        let mut names = Vec::new();
        let mut gauges = Vec::new();
        for (prefix, source) in &sources {
            let gauge = gauge(py, source)?;
            names.extend(gauge.names().iter().map(|name| format!("{prefix}{name}")));
            gauges.push(gauge);
        }
        let mut known = HashSet::from(["time", "elapsed"]);
        if let Some(twice) = names.iter().find(|name| !known.insert(name)) {
            return Err(PyValueError::new_err(format!("two columns would be called {twice:?}: give another prefix")));
        }
        drop(known);
        let interval = Duration::from_secs_f64(interval);
        let sampler = py.detach(|| Sampler::start(gauges, interval, limit, keep)).or_raise(py)?;
        let prefixes = sources.into_iter().map(|(prefix, _)| prefix).collect();
        Ok(PySampler { sampler, names, prefixes, interval })
    }

    /// The columns besides "time" and "elapsed".
    #[getter]
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Seconds between two rows.
    #[getter]
    fn interval(&self) -> f64 {
        self.interval.as_secs_f64()
    }

    /// How many rows were taken so far, those that are not kept any more included.
    #[getter]
    fn taken(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.sampler.taken()).map(|(taken, _)| taken).or_raise(py)
    }

    /// The number of the last row, counted from 1, in which anything had changed.
    #[getter]
    fn changed(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.sampler.taken()).map(|(_, changed)| changed).or_raise(py)
    }

    /// Whether it has ended. In a forked child it has: its thread is the parent's.
    #[getter]
    fn ended(&self) -> bool {
        self.sampler.has_ended()
    }

    /// Waits until there are more than `seen` rows, or it has ended, for `timeout` seconds at most; whether that is so.
    #[pyo3(signature = (seen, timeout=None))]
    fn wait(&self, py: Python<'_>, seen: u64, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.sampler.wait_for_more(seen, end, signals))
    }

    /// The rows, as columns: {name: bytearray of 8 bytes for each}.
    ///
    /// "time" (seconds since the epoch) and "elapsed" (seconds since the first row) are floats; all others are signed integers,
    /// with -1 for a number of peers that is not known. With `most` there are at most so many rows, spread evenly, with the
    /// first and the last.
    #[pyo3(signature = (most=None))]
    fn columns<'py>(&self, py: Python<'py>, most: Option<usize>) -> PyResult<Bound<'py, PyDict>> {
        let samples = py.detach(|| self.sampler.samples(most.unwrap_or(usize::MAX))).or_raise(py)?;
        let columns = PyDict::new(py);
        let put = |name: &str, bytes: Vec<u8>| columns.set_item(name, PyByteArray::new(py, &bytes));
        put("time", samples.elapsed.iter().flat_map(|elapsed| (samples.began + elapsed).to_ne_bytes()).collect())?;
        put("elapsed", samples.elapsed.iter().flat_map(|elapsed| elapsed.to_ne_bytes()).collect())?;
        for (name, column) in self.names.iter().zip(&samples.figures) {
            put(name, column.iter().flat_map(|figure| figure.to_ne_bytes()).collect())?;
        }
        Ok(columns)
    }

    /// What went through each connection over TCP, as the kernel counts it: a list in the order in which they came.
    ///
    /// Each is (prefix of its source, local endpoint, remote endpoint, whether it is still there, elapsed, sent, received). The
    /// last three are columns as in columns(): seconds, and the bytes that the other side has acknowledged and that have come, what
    /// the protocol itself takes included. Of 64 connections at most; those that are gone make room first. Over ipc and inproc
    /// nobody counts. With `most` there are at most so many rows of each.
    #[pyo3(signature = (most=None))]
    fn wires<'py>(&self, py: Python<'py>, most: Option<usize>) -> PyResult<Vec<PyWire<'py>>> {
        let wires = py.detach(|| self.sampler.wires()).or_raise(py)?;
        let column = |bytes: Vec<u8>| PyByteArray::new(py, &bytes);
        let told = |wire: Wire| {
            let rows = spread(wire.rows.len(), most.unwrap_or(usize::MAX));
            let rows = || rows.iter().map(|&row| wire.rows[row]);
            (
                self.prefixes[wire.gauge].clone(),
                wire.local.clone(),
                wire.remote.clone(),
                wire.connected,
                column(rows().flat_map(|row| row.0.to_ne_bytes()).collect()),
                column(rows().flat_map(|row| row.1.to_ne_bytes()).collect()),
                column(rows().flat_map(|row| row.2.to_ne_bytes()).collect()),
            )
        };
        Ok(wires.into_iter().map(told).collect())
    }

    /// Ends it, with a last row, and waits for that. What was sampled stays.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.sampler.ask_stop();
        blocking(py, |signals| self.sampler.join(Deadline::after(PATIENCE), signals)).map(drop)
    }
}

fn gauge(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<Gauge> {
    if let Ok(socket) = source.cast::<PySocket>() {
        let socket = socket.get();
        return py.detach(|| Gauge::of_socket(socket.core()?)).or_raise(py);
    }
    if let Ok(device) = source.cast::<PyDevice>() {
        return Gauge::of_device(device.get().core()).or_raise(py);
    }
    if let Ok(dispatcher) = source.cast::<PyDispatcher>() {
        return Gauge::of_producer(dispatcher.get().core()).or_raise(py);
    }
    if let Ok(gatherer) = source.cast::<PyGatherer>() {
        return Gauge::of_collector(gatherer.get().core()).or_raise(py);
    }
    Err(PyTypeError::new_err(format!("a source is a socket or a device of the core, not {}", source.get_type())))
}
