//! A reliable producer for Python: objects go in, and what became of them can be asked for.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyIterator};

use super::super::buffer::next;
use super::super::errors::OrRaise;
use super::super::interrupt::{blocking, deadline, duration};
use super::super::socket::PySocket;
use super::codec::Codec;
use super::gatherer::PyGatherer;
use super::{note, short, take_turns, TURN};
use crate::message::Frames;
use crate::pipeline::reliable::dispatch::Rules;
use crate::pipeline::reliable::figures::Tally;
use crate::pipeline::reliable::payload::Payload;
use crate::pipeline::reliable::producer::Producer;
use crate::wait::Deadline;

/// How long jobs are taken while results wait.
const BATCH: Duration = Duration::from_millis(2);

/// What each worker has done: name, whether it is here, jobs that it has, done, failed, how often it was lost.
pub type Row = (String, bool, u64, u64, u64, u64);

/// A producer that gets its jobs done, by a ROUTER that is its own from now on.
#[pyclass(frozen, name = "Dispatcher", module = "brokerless._core")]
pub struct PyDispatcher {
    producer: Producer,
    codec: Codec,
    /// Made into frames, and to be offered when there is room.
    pending: Mutex<Option<Frames>>,
}

impl PyDispatcher {
    /// The core's producer.
    pub fn core(&self) -> &Producer {
        &self.producer
    }

    fn encode(&self, job: &Bound<'_, PyAny>, number: u64) -> PyResult<Frames> {
        self.codec.encode(job).inspect_err(|error| {
            note(job.py(), error, || format!("this was job number {number}, {}", short(job)));
        })
    }
}

#[pymethods]
impl PyDispatcher {
    /// `run`: 16 bytes that no other producer has. `codec`: its name, and what makes frames of jobs. Times are seconds.
    #[new]
    #[pyo3(signature = (socket, run, codec, *, window, window_bytes, retries, max_deliveries, heartbeat, limit, job_timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        socket: &PySocket,
        run: [u8; 16],
        codec: (String, Bound<'_, PyAny>),
        window: usize,
        window_bytes: u64,
        retries: u16,
        max_deliveries: u16,
        heartbeat: f64,
        limit: f64,
        job_timeout: Option<f64>,
    ) -> PyResult<Self> {
        let rules = Rules {
            window,
            window_bytes,
            retries,
            max_deliveries,
            beat: duration(heartbeat)?,
            limit: duration(limit)?,
            job_limit: job_timeout.map(duration).transpose()?,
            codec: codec.0,
        };
        let codec = Codec::of(&codec.1, false)?;
        let producer = Producer::start(socket.core().or_raise(py)?.clone(), run, rules).or_raise(py)?;
        Ok(PyDispatcher { producer, codec, pending: Mutex::default() })
    }

    /// Sets the options that a socket needs before it binds.
    #[staticmethod]
    fn prepare(py: Python<'_>, socket: &PySocket) -> PyResult<()> {
        socket.core().and_then(Producer::prepare).or_raise(py)
    }

    /// Gives out nothing until so many workers are there.
    fn gate(&self, py: Python<'_>, workers: usize) -> PyResult<()> {
        self.producer.gate(workers).or_raise(py)
    }

    /// Takes a job, waiting up to `timeout` seconds for room; its number.
    #[pyo3(signature = (job, timeout=None))]
    fn send(&self, py: Python<'_>, job: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<u64> {
        let end = deadline(timeout)?;
        let frames = self.encode(job, self.producer.counts().0.jobs + 1)?;
        self.offer(py, frames, end)
    }

    /// Takes every job of an iterable, waiting up to `timeout` seconds for room for each; how many.
    #[pyo3(signature = (jobs, timeout=None))]
    fn send_all(&self, py: Python<'_>, jobs: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<u64> {
        deadline(timeout)?;
        let mut number = 0;
        for job in jobs.try_iter()? {
            number += 1;
            let frames = self.encode(&job?, number)?;
            if let Err(frames) = self.producer.try_offer(frames).or_raise(py)? {
                self.offer(py, frames, deadline(timeout)?)?;
            }
            if number % TURN == 0 {
                take_turns(py)?;
            }
        }
        Ok(number)
    }

    /// Takes jobs of an iterator while there is room and no result waits: (how many, whether there may be more).
    fn feed(&self, py: Python<'_>, jobs: &Bound<'_, PyIterator>, results: &PyGatherer) -> PyResult<(u64, bool)> {
        let (mut fed, begun) = (0, Instant::now());
        loop {
            let waiting = self.pending.lock().take();
            if let Some(frames) = waiting {
                if let Err(frames) = self.producer.try_offer(frames).or_raise(py)? {
                    *self.pending.lock() = Some(frames);
                    return Ok((fed, true));
                }
                fed += 1;
                if fed % TURN == 0 {
                    take_turns(py)?;
                }
            }
            // What has come waits for nobody, after a batch that is worth a crossing.
            if fed > 0 && (fed >= TURN || begun.elapsed() > BATCH) && results.has_next() {
                return Ok((fed, true));
            }
            if !self.producer.has_room(0) {
                return Ok((fed, true));
            }
            let Some(job) = next(jobs)? else {
                return Ok((fed, false));
            };
            let frames = self.encode(&job, self.producer.counts().0.jobs + 1)?;
            *self.pending.lock() = Some(frames);
        }
    }

    /// Waits until there is room for the next job, or there are results; False if the time is over before.
    #[pyo3(signature = (results, timeout=None))]
    fn wait_room(&self, py: Python<'_>, results: &PyGatherer, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        if results.has_next() {
            return Ok(true);
        }
        let bytes = self.pending.lock().as_ref().map_or(0, Payload::bytes);
        blocking(py, |signals| self.producer.wait_room_or(bytes, results.core(), end, signals))
    }

    /// Says that no more jobs will come.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.producer.finish().or_raise(py)
    }

    /// Waits until all is done; False if the time is over before.
    #[pyo3(signature = (timeout=None))]
    fn wait_over(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.producer.wait_over(end, signals))
    }

    /// Waits until so many workers are there; how many are, also if the time is over before.
    #[pyo3(signature = (workers, timeout=None))]
    fn wait_for_workers(&self, py: Python<'_>, workers: usize, timeout: Option<f64>) -> PyResult<usize> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.producer.wait_for_workers(workers, end, signals))
    }

    /// Cancels a job that no worker has; whether it is cancelled.
    fn cancel(&self, number: u64) -> bool {
        self.producer.cancel(number)
    }

    /// Cancels all jobs from this one on that no worker has.
    fn cancel_from(&self, first: u64) {
        self.producer.cancel_from(first);
    }

    /// Forgets a job that was taken from an iterator and found no room.
    fn forget_pending(&self) {
        *self.pending.lock() = None;
    }

    /// Whether a worker has it, or it is done.
    fn is_begun(&self, number: u64) -> bool {
        self.producer.is_begun(number)
    }

    /// Its figures, by their names.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (counts, waiting) = self.producer.counts();
        let figures = PyDict::new(py);
        for (name, figure) in [
            ("jobs", counts.jobs),
            ("bytes", counts.bytes),
            ("done", counts.done),
            ("in_flight", counts.in_flight),
            ("waiting", waiting),
            ("redelivered", counts.redelivered),
            ("retried", counts.retried),
            ("given_up", counts.given_up),
            ("refused", counts.refused),
            ("workers", counts.workers),
            ("lost", counts.lost),
        ] {
            figures.set_item(name, figure)?;
        }
        Ok(figures)
    }

    /// What each worker has done: (name, whether it is here, jobs that it has, done, failed, how often it was lost).
    #[getter]
    fn workers(&self) -> Vec<Row> {
        rows(self.producer.workers())
    }

    /// Stops, also before all is done.
    fn stop(&self) {
        self.producer.stop();
    }

    /// Waits for the end of its thread, `timeout` seconds at most; whether it has ended.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.producer.join(end, signals))
    }
}

impl PyDispatcher {
    fn offer(&self, py: Python<'_>, frames: Frames, end: Deadline) -> PyResult<u64> {
        blocking(py, |signals| {
            self.producer.offer(frames, end, signals).map_err(|error| match error.is_again() {
                true => error.or_explain(|| "no job can be taken: none of those before it was done in time".into()),
                false => error,
            })
        })
    }
}

/// What is shown of workers.
pub fn rows(tallies: Vec<Tally>) -> Vec<Row> {
    let row =
        |tally: Tally| (tally.name.to_string(), tally.here, tally.in_flight, tally.done, tally.failed, tally.lost);
    tallies.into_iter().map(row).collect()
}
