//! A worker's loop: takes a job, calls the function, passes its result on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::errors::OrRaise;
use super::super::interrupt::{blocking, duration};
use super::super::socket::PySocket;
use super::{note, read, short, take_turns, write, TURN};
use crate::error::Result;
use crate::explain;
use crate::message::{Frames, Part};
use crate::monitor::Watch;
use crate::pipeline::ending::END;
use crate::pipeline::halt::Halt;
use crate::pipeline::stream::{Next, Stream};
use crate::socket::Socket;
use crate::wait::{Deadline, Interrupt};

/// The loop, its counters, and the way to stop it.
#[pyclass(frozen, name = "WorkLoop", module = "brokerless._core")]
pub struct PyWorkLoop {
    stream: Stream,
    sink: Option<(Socket, Arc<Watch>)>,
    connected: AtomicBool,
    halt: Halt,
    received: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
}

#[pymethods]
impl PyWorkLoop {
    /// For a PULL socket that is not connected yet, and the PUSH socket for the results.
    #[new]
    fn new(py: Python<'_>, source: &PySocket, sink: Option<&PySocket>, grace: f64) -> PyResult<Self> {
        let watched = |socket: &PySocket| -> Result<(Socket, Arc<Watch>)> {
            let socket = socket.core()?.clone();
            let watch = socket.watch_now()?;
            Ok((socket, watch))
        };
        Ok(PyWorkLoop {
            stream: Stream::new(source.core().or_raise(py)?, duration(grace)?).or_raise(py)?,
            sink: sink.map(watched).transpose().or_raise(py)?,
            connected: AtomicBool::new(false),
            halt: Halt::default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Works until the end of the stream (True) or a stop (False). `timeout`: the longest wait for any one thing.
    #[pyo3(signature = (function, endpoints, timeout=None))]
    fn run(
        &self,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        endpoints: Vec<String>,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let patience = timeout.map(duration).transpose()?;
        if self.waiting(py, patience, |end, interrupt| self.get_ready(&endpoints, end, interrupt))?.is_none() {
            return Ok(false);
        }
        let mut turn = 0;
        while !self.halt.is_set() {
            let frames = match self.stream.try_next().or_raise(py)? {
                Some(frames) => frames,
                None => match self.waiting(py, patience, |end, interrupt| self.next(end, interrupt))? {
                    Some(Next::Message(frames)) => frames,
                    Some(Next::End) => return self.deliver(py, patience),
                    None => return Ok(false),
                },
            };
            self.work(py, function, &frames, patience)?;
            turn += 1;
            if turn % TURN == 0 {
                take_turns(py)?;
            }
        }
        Ok(false)
    }

    /// Ends the loop after the job in hand, whatever it waits for.
    fn stop(&self) {
        self.halt.set();
        self.stream.poke();
        if let Some((socket, watch)) = &self.sink {
            socket.poke();
            watch.poke();
        }
    }

    /// Whether it was stopped.
    #[getter]
    fn stopped(&self) -> bool {
        self.halt.is_set()
    }

    /// Jobs received, results sent, jobs failed.
    #[getter]
    fn counts(&self) -> (u64, u64, u64) {
        let [received, sent, failed] =
            [&self.received, &self.sent, &self.failed].map(|count| count.load(Ordering::Relaxed));
        (received, sent, failed)
    }
}

impl PyWorkLoop {
    /// Waits without the GIL, until it is done or the stop is asked for (None).
    fn waiting<T: Send>(
        &self,
        py: Python<'_>,
        patience: Option<Duration>,
        work: impl FnOnce(Deadline, &mut dyn Interrupt) -> Result<T> + Send,
    ) -> PyResult<Option<T>> {
        let end = patience.map_or(Deadline::never(), Deadline::after);
        blocking(py, |signals| self.halt.or(signals, |interrupt| work(end, interrupt)))
    }

    /// Goes to the producers only when the collector is there: whoever counts workers counts those that can work.
    fn get_ready(&self, endpoints: &[String], end: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        if let Some((sink, _)) = &self.sink {
            sink.wait_for_peers(1, end, interrupt)?;
        }
        if !self.connected.swap(true, Ordering::Relaxed) {
            for endpoint in endpoints {
                self.stream.connect(endpoint)?;
            }
        }
        Ok(())
    }

    fn next(&self, end: Deadline, interrupt: &mut dyn Interrupt) -> Result<Next> {
        let start = Instant::now();
        let next = self.stream.next(end, interrupt);
        next.map_err(|error| explain::recv(self.stream.socket(), error, Some(start)))
    }

    fn work(
        &self,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        frames: &Frames,
        patience: Option<Duration>,
    ) -> PyResult<()> {
        let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        let done = read(py, frames, number).and_then(|job| {
            let done = function.call1((&job,)).and_then(|result| self.pass_on(py, &result, patience));
            done.inspect_err(|error| {
                note(py, error, || format!("this was job number {number} of this worker, {}", short(&job)));
            })
        });
        if done.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        done
    }

    fn pass_on(&self, py: Python<'_>, result: &Bound<'_, PyAny>, patience: Option<Duration>) -> PyResult<()> {
        let Some((sink, _)) = self.sink.as_ref().filter(|_| !result.is_none()) else {
            return Ok(());
        };
        let data = write(result)?;
        match sink.try_send_bytes(&data, 0) {
            Err(error) if error.is_again() => {
                let send = |end, interrupt: &mut dyn Interrupt| sink.send(&mut [Part::Bytes(&data)], 0, end, interrupt);
                if self.waiting(py, patience, send)?.is_none() {
                    return Ok(());
                }
            }
            tried => tried.or_raise(py)?,
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The end: leaves when the results have left.
    fn deliver(&self, py: Python<'_>, patience: Option<Duration>) -> PyResult<bool> {
        let Some((sink, _)) = &self.sink else {
            return Ok(true);
        };
        if self.stream.ends().0 > 0 {
            // Who was told tells the next one: it may be a plain socket, too.
            let tell = |end, interrupt: &mut dyn Interrupt| sink.send(&mut [Part::Bytes(END)], 0, end, interrupt);
            if self.waiting(py, patience, tell)?.is_none() {
                return Ok(false);
            }
        }
        let close = |end, interrupt: &mut dyn Interrupt| {
            sink.close_delivered(end, interrupt).map_err(|error| {
                error.or_explain(|| "the collector did not take all results; they go on being delivered".into())
            })
        };
        Ok(self.waiting(py, patience, close)?.is_some())
    }
}
