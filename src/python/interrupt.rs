//! How a wait of the core lets Python's signal handlers run: Ctrl-C, and the Stop button of a notebook.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors::to_py;
use crate::context;
use crate::error::{Error, Result};
use crate::wait::{Deadline, Interrupt};

/// A signal that another thread took, or that came just before the sleep, is noticed this soon.
const SLICE: Duration = Duration::from_millis(25);

/// Looks for signals on the main thread, where alone Python handles them.
pub struct Signals {
    main: bool,
    raised: Option<PyErr>,
}

impl Signals {
    /// For the thread that asks.
    pub fn new() -> Self {
        Signals { main: is_main_thread(), raised: None }
    }

    fn into_py(self, py: Python<'_>, error: Error) -> PyErr {
        match (error, self.raised) {
            (Error::Interrupted, Some(raised)) => raised,
            (error, _) => to_py(py, error),
        }
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

impl Interrupt for Signals {
    fn check(&mut self) -> Result<()> {
        if !self.main {
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
pub fn blocking<T: Send>(py: Python<'_>, work: impl FnOnce(&mut Signals) -> Result<T> + Send) -> PyResult<T> {
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

/// Runs Python code: what makes an exception, or a tracker.
///
/// Before 3.14, Python ends daemon threads at the end of the process by unwinding them, wherever they run its code; where
/// Rust has called that, the process aborts. So the end waits for those who are here, see [`await_calls`]; and who comes
/// later, most likely a daemon thread whose socket the end has closed, keeps still. Python is gone before that is over, or
/// goes on for somebody who may be waiting for this very thread.
pub fn calling<T>(py: Python<'_>, work: impl FnOnce() -> T) -> T {
    let mut call = Call::begin();
    if context::exiting() && !is_main_thread() {
        drop(call);
        py.detach(|| std::thread::sleep(GRACE));
        call = Call::begin();
    }
    let done = undivided(work);
    drop(call);
    done
}

/// Keeps a thread that Python ends in the middle of `work` where it is, as Python does itself from 3.14 on: unwound any
/// further, it would drop Python's objects without the GIL, and abort the process, which is about to end anyway. So `work`
/// is the call that may run Python code, and nothing around it.
pub fn undivided<T>(work: impl FnOnce() -> T) -> T {
    struct Stay;
    impl Drop for Stay {
        fn drop(&mut self) {
            // A panic may pass; its like are caught elsewhere.
            while !std::thread::panicking() {
                std::thread::park();
            }
        }
    }
    let stay = Stay;
    let done = work();
    std::mem::forget(stay);
    done
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
    rustix::thread::gettid() == rustix::process::getpid()
}

/// Without a cheap answer every thread looks: Python itself knows which one is the main thread.
#[cfg(not(target_os = "linux"))]
fn is_main_thread() -> bool {
    true
}
