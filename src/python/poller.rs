//! Polling many sockets and descriptors, for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::errors::OrRaise;
use super::interrupt::blocking;
use super::socket::PySocket;
use crate::poller::{self, Item, Target};
use crate::wait::Deadline;

/// Milliseconds as pyzmq's polls take them: None and negative wait for ever.
pub fn deadline_ms(timeout: Option<f64>) -> PyResult<Deadline> {
    match timeout {
        None => Ok(Deadline::never()),
        Some(ms) if ms.is_nan() => Err(PyValueError::new_err("timeout is in milliseconds, not NaN")),
        Some(ms) if ms < 0.0 => Ok(Deadline::never()),
        Some(ms) => {
            let time = std::time::Duration::try_from_secs_f64(ms / 1e3);
            Ok(time.map_or(Deadline::never(), Deadline::after))
        }
    }
}

/// Polls a list of (socket or descriptor, events), and returns the events of each that are there, in the same order.
///
/// `timeout` is in milliseconds; None and negative wait for ever. At its end all events are 0. `Poller` is made of this.
#[pyfunction]
#[pyo3(signature = (items, timeout=None))]
pub fn poll(py: Python<'_>, items: Vec<(Bound<'_, PyAny>, i32)>, timeout: Option<f64>) -> PyResult<Vec<i32>> {
    let end = deadline_ms(timeout)?;
    let items = items
        .iter()
        .map(|(what, want)| {
            let target = match what.cast::<PySocket>() {
                Ok(socket) => Target::Socket(socket.get().core().or_raise(py)?.clone()),
                Err(_) => Target::Fd(what.extract()?),
            };
            Ok(Item { target, want: *want })
        })
        .collect::<PyResult<Vec<Item>>>()?;
    blocking(py, |signals| poller::poll(&items, end, signals))
}
