//! How a wait of the core lets Python's signal handlers run: Ctrl-C, and the Stop button of a notebook.

#[cfg(target_os = "linux")]
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::buffer::call;
use super::errors::to_py;
use crate::context;
use crate::error::{Error, Result};
#[cfg(target_os = "linux")]
use crate::ffi::fork_generation;
use crate::wait::{Deadline, Interrupt};

/// A signal that another thread took, or that came just before the sleep, is noticed this soon.
const SLICE: Duration = Duration::from_millis(25);

/// Looks for signals on the main thread, where alone Python handles them.
pub struct Signals {
    main: bool,
    /// It has just been looked, with the GIL: attaching to Python again, only to ask, would make this thread wait for others
    /// that it has just let run.
    fresh: bool,
    since: Instant,
    raised: Option<PyErr>,
}

impl Signals {
    /// For the thread that asks.
    pub fn new() -> Self {
        Signals { main: is_main_thread(), fresh: true, since: Instant::now(), raised: None }
    }

    fn into_py(self, py: Python<'_>, error: Error) -> PyErr {
        match (error, self.raised) {
            (Error::Interrupted, Some(raised)) => timed(py, raised, self.since.elapsed()),
            (error, _) => to_py(py, error),
        }
    }
}

/// Notes on what a signal handler raised how long the call had waited by then: a notebook says so.
fn timed(py: Python<'_>, raised: PyErr, waited: Duration) -> PyErr {
    // An exception that takes no attributes is raised as it is.
    drop(raised.value(py).setattr("_waited", waited.as_secs_f64()));
    raised
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

impl Interrupt for Signals {
    fn check(&mut self) -> Result<()> {
        if !self.main || std::mem::take(&mut self.fresh) {
            return Ok(());
        }
        // While the interpreter shuts down there is nobody to raise to, and nothing to wait for either.
        let checked = Python::try_attach(|py| py.check_signals());
        match checked {
            Some(Ok(())) => Ok(()),
            Some(Err(raised)) => {
                self.raised = Some(raised);
                Err(Error::Interrupted)
            }
            None => Err(Error::Interrupted),
        }
    }

    fn slice(&self) -> Option<Duration> {
        self.main.then_some(SLICE)
    }
}

/// Runs something that may wait, without the GIL.
///
/// Python looks for signals between two calls of a program's own, but not where C calls us on and on, as in
/// `list(iter(socket.recv, None))`: while each message comes soon, nobody would ever look. So it is looked for here first,
/// when nothing has been done yet.
pub fn blocking<T: Send>(py: Python<'_>, work: impl FnOnce(&mut Signals) -> Result<T> + Send) -> PyResult<T> {
    py.check_signals().map_err(|raised| timed(py, raised, Duration::ZERO))?;
    ending(py, work)
}

/// The same for what ends something: a signal may cut its wait short, but not keep it from beginning.
pub fn ending<T: Send>(py: Python<'_>, work: impl FnOnce(&mut Signals) -> Result<T> + Send) -> PyResult<T> {
    let mut signals = Signals::new();
    match py.detach(|| work(&mut signals)) {
        Ok(value) => Ok(value),
        Err(error) => Err(signals.into_py(py, error)),
    }
}

/// How many threads are in [`calling`].
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// How long a thread that meets the end of the process keeps still.
const GRACE: Duration = Duration::from_secs(1);

struct Call;

impl Call {
    fn begin() -> Self {
        CALLS.fetch_add(1, Ordering::SeqCst);
        Call
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        CALLS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Calls Python code that makes an exception, or a tracker; [`call`] for all else.
///
/// The end of the process waits for those who are here, see [`await_calls`]; and who comes later, most likely a daemon thread
/// whose socket the end has closed, keeps still. Python is gone before that is over, or goes on for somebody who may be
/// waiting for this very thread.
pub fn calling<'py>(function: &Bound<'py, PyAny>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let mut here = Call::begin();
    if context::exiting() && !is_main_thread() {
        drop(here);
        function.py().detach(|| std::thread::sleep(GRACE));
        here = Call::begin();
    }
    let made = call(function, args);
    drop(here);
    made
}

/// Waits, without the GIL, until nobody is in [`calling`] any more.
pub fn await_calls(patience: Duration) {
    let end = Instant::now() + patience;
    while CALLS.load(Ordering::SeqCst) > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A `timeout=` in seconds; `None` is for ever.
pub fn deadline(timeout: Option<f64>) -> PyResult<Deadline> {
    match timeout {
        None => Ok(Deadline::never()),
        Some(seconds) => Ok(Deadline::after(duration(seconds)?)),
    }
}

/// Seconds from Python: not negative, not NaN; what is too long for the clock is as good as for ever.
pub fn duration(seconds: f64) -> PyResult<Duration> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(pyo3::exceptions::PyValueError::new_err(format!(
            "timeout is in seconds, 0 or more (or None: for ever), not {seconds}"
        )));
    }
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

#[cfg(target_os = "linux")]
fn is_main_thread() -> bool {
    thread_local! {
        // A fork makes any thread the main one: the answer holds for the process that asked.
        static ANSWER: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
    }
    let process = fork_generation();
    if let Some((asked, answer)) = ANSWER.get() {
        if asked == process {
            return answer;
        }
    }
    let answer = rustix::thread::gettid() == rustix::process::getpid();
    ANSWER.set(Some((process, answer)));
    answer
}

/// Without a cheap answer every thread looks: Python itself knows which one is the main thread.
#[cfg(not(target_os = "linux"))]
fn is_main_thread() -> bool {
    true
}
