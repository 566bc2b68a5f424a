//! A reliable worker for Python: the loop that calls a function for each job.

use std::time::Duration;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyTuple};

use super::super::buffer::call;
use super::super::errors::{to_py, OrRaise};
use super::super::interrupt::{blocking, deadline, duration};
use super::super::socket::PySocket;
use super::codec::Codec;
use super::{take_turns, TURN};
use crate::error::Error;
use crate::message::{Frames, Message};
use crate::pipeline::reliable::desk::{Ended, Outcome, Task};
use crate::pipeline::reliable::payload::{share, Payload, SHOWN};
use crate::pipeline::reliable::worker::{Next, Worker};
use crate::wait::Deadline;

/// A worker whose jobs get done, by two DEALERs that are its own from now on.
#[pyclass(frozen, name = "Service", module = "brokerless._core")]
pub struct PyService {
    worker: Worker,
    jobs: Codec,
    results: Codec,
}

#[pymethods]
impl PyService {
    /// `codec`: the names of those of jobs and results, and what reads the first and writes the others.
    #[new]
    fn new(
        py: Python<'_>,
        source: &PySocket,
        sink: &PySocket,
        name: String,
        codec: (String, Bound<'_, PyAny>, String, Bound<'_, PyAny>),
    ) -> PyResult<Self> {
        let (source, sink) = (source.core().or_raise(py)?.clone(), sink.core().or_raise(py)?.clone());
        let (jobs, results) = (Codec::of(&codec.1, source.shares_memory())?, Codec::of(&codec.3, false)?);
        let worker = Worker::start(source, sink, name, [codec.0, codec.2]).or_raise(py)?;
        Ok(PyService { worker, jobs, results })
    }

    /// Sets the options that a socket needs before it connects.
    #[staticmethod]
    fn prepare(py: Python<'_>, socket: &PySocket) -> PyResult<()> {
        socket.core().and_then(Worker::prepare).or_raise(py)
    }

    /// Works until there is nothing to do any more: ("done", ""), ("closed", ""), ("left", ""), ("wrong", why) or, if nothing
    /// comes for `timeout` seconds, ("time", "").
    #[pyo3(signature = (function, timeout=None))]
    fn run(
        &self,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<(&'static str, String)> {
        let patience: Option<Duration> = timeout.map(duration).transpose()?;
        let mut turn = 0;
        loop {
            let next = match self.worker.try_next().or_raise(py)? {
                Some(next) => next,
                None => {
                    let end = patience.map_or(Deadline::never(), Deadline::after);
                    blocking(py, |signals| self.worker.next(end, signals))?
                }
            };
            match next {
                Next::Task(task) => self.work(py, function, task)?,
                Next::Ended(Ended::Done) => return Ok(("done", String::new())),
                Next::Ended(Ended::Closed) => return Ok(("closed", String::new())),
                Next::Ended(Ended::Left) => return Ok(("left", String::new())),
                Next::Ended(Ended::Wrong(why)) => return Ok(("wrong", why)),
                Next::TimeOver => return Ok(("time", String::new())),
            }
            turn += 1;
            if turn % TURN == 0 {
                take_turns(py)?;
            }
        }
    }

    /// Ends after the job in hand; `at_once`: ends now.
    #[pyo3(signature = (at_once=false))]
    fn stop(&self, at_once: bool) {
        self.worker.stop(at_once);
    }

    /// Waits for the end of its thread, `timeout` seconds at most; whether it has ended.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.worker.join(end, signals))
    }

    /// Jobs received, results acknowledged, jobs failed, messages refused.
    #[getter]
    fn counts(&self) -> (u64, u64, u64, u64) {
        let counts = self.worker.counts();
        (counts.received, counts.sent, counts.failed, counts.refused)
    }

    /// Whether the producer, and the collector, have welcomed it.
    #[getter]
    fn here(&self) -> (bool, bool) {
        self.worker.is_here()
    }
}

impl PyService {
    fn work(&self, py: Python<'_>, function: &Bound<'_, PyAny>, task: Task<Frames>) -> PyResult<()> {
        let Task { number, mut payload, .. } = task;
        let kept = share(&mut payload).or_raise(py)?;
        let done = self.jobs.decode(py, payload, number).and_then(|job| {
            let result = call(function, &PyTuple::new(py, [job])?)?;
            match result.is_none() {
                true => Ok(Outcome::Nothing),
                false => self.results.encode(&result).map(Outcome::Value),
            }
        });
        let error = match done {
            Ok(outcome) => match self.worker.put(outcome) {
                Ok(()) => return Ok(()),
                Err(error @ Error::Zmq { .. }) => to_py(py, error),
                Err(error) => return Err(to_py(py, error)),
            },
            // An interrupt, a sys.exit(): not the job's fault, which somebody else will do.
            Err(error) if !error.is_instance_of::<PyException>(py) => {
                self.worker.put_back(kept);
                return Err(error);
            }
            Err(error) => error,
        };
        let errors = py.import("brokerless.pipeline.errors");
        let told = match errors.and_then(|errors| errors.call_method1("describe", (error.into_value(py),))) {
            Ok(told) => told,
            // An interrupt again.
            Err(error) => {
                self.worker.put_back(kept);
                return Err(error);
            }
        };
        let mut frames: Frames = vec![Message::from_slice(told.cast::<PyBytes>()?.as_bytes()).or_raise(py)?];
        if kept.bytes() <= SHOWN as u64 {
            frames.extend(kept);
        }
        self.worker.put(Outcome::Failed(frames)).or_raise(py)
    }
}
