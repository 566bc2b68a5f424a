//! Polling many sockets and descriptors, for Python.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyInt;

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

/// Up to so many items a first look keeps the GIL: giving it back and getting it again would take longer.
const FEW: usize = 64;

/// Polls a list of (socket, descriptor or object with a fileno(), events), and returns each one's events that are there.
///
/// `timeout` is in milliseconds; None and negative wait for ever. At its end all events are 0. `select` is made of this.
#[pyfunction]
#[pyo3(signature = (items, timeout=None))]
pub fn poll(py: Python<'_>, items: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<Vec<i32>> {
    poll_all(py, &pollables(items)?, timeout)
}

/// Polls a list as poll() does, and returns [(socket or descriptor, events)] of those that are ready. `Poller` is made of this.
#[pyfunction]
#[pyo3(signature = (items, timeout=None))]
pub fn poll_ready<'py>(
    py: Python<'py>,
    items: &Bound<'py, PyAny>,
    timeout: Option<f64>,
) -> PyResult<Vec<(Bound<'py, PyAny>, i32)>> {
    let items = pollables(items)?;
    let events = poll_all(py, &items, timeout)?;
    let ready = items.into_iter().zip(events).filter(|(_, events)| *events != 0);
    Ok(ready.map(|((what, _), events)| (what, events)).collect())
}

fn poll_all(py: Python<'_>, items: &[(Bound<'_, PyAny>, i32)], timeout: Option<f64>) -> PyResult<Vec<i32>> {
    let end = deadline_ms(timeout)?;
    let items = items.iter().map(|(what, want)| item(what, *want)).collect::<PyResult<Vec<Item<'_>>>>()?;
    if items.is_empty() {
        // Nothing can happen: pyzmq returns at once, too.
        return Ok(Vec::new());
    }
    if items.len() > FEW {
        return blocking(py, |signals| poller::poll(&items, end, signals));
    }
    let ready = poller::look(&items).or_raise(py)?;
    if poller::any(&ready) || end.is_over() {
        return Ok(ready);
    }
    blocking(py, |signals| poller::await_any(&items, end, signals))
}

fn item<'a>(what: &'a Bound<'_, PyAny>, want: i32) -> PyResult<Item<'a>> {
    let target = match what.cast::<PySocket>() {
        Ok(socket) => Target::Socket(socket.get().core().or_raise(what.py())?),
        Err(_) => Target::Fd(what.extract()?),
    };
    Ok(Item { target, want })
}

/// (socket or descriptor, events) of everything in a list.
fn pollables<'py>(items: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, i32)>> {
    let mut all = Vec::with_capacity(items.len().unwrap_or(0));
    for item in items.try_iter()? {
        let (what, want) = item?.extract::<(Bound<'py, PyAny>, i32)>()?;
        all.push((pollable(what)?, want));
    }
    Ok(all)
}

/// A socket of ours or a number as it is, anything else as its descriptor.
fn pollable(what: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if what.is_instance_of::<PySocket>() || what.is_instance_of::<PyInt>() {
        return Ok(what);
    }
    match what.getattr_opt("fileno")? {
        Some(fileno) if fileno.is_callable() => fileno.call0(),
        _ => Err(PyTypeError::new_err(format!(
            "{} is neither a zmq.Socket, a file descriptor nor an object with fileno()",
            what.repr()?
        ))),
    }
}
