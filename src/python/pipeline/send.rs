//! Handing out jobs, and saying that there are no more.

use pyo3::prelude::*;

use super::super::errors::{to_py, OrRaise};
use super::super::interrupt::{blocking, deadline};
use super::super::socket::PySocket;
use super::{note, short, take_turns, write, TURN};
use crate::explain;
use crate::message::Part;
use crate::pipeline::ending::say_end;

/// Sends every job of an iterable as JSON; waits up to `timeout` seconds for room, for each.
#[pyfunction]
#[pyo3(signature = (socket, jobs, timeout=None))]
pub fn send_jobs(py: Python<'_>, socket: &PySocket, jobs: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<()> {
    let socket = socket.core().or_raise(py)?;
    deadline(timeout)?;
    let mut number = 0;
    for job in jobs.try_iter()? {
        let job = job?;
        number += 1;
        let data = write(&job).inspect_err(|error| {
            note(py, error, || format!("this was job number {number}, {}", short(&job)));
        })?;
        match socket.try_send_bytes(&data, 0) {
            Ok(()) => {}
            Err(error) if error.is_again() => {
                let end = deadline(timeout)?;
                blocking(py, |signals| socket.send(&mut [Part::Bytes(&data)], 0, end, signals))?;
            }
            Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
        }
        if number % TURN == 0 {
            take_turns(py)?;
        }
    }
    Ok(())
}

/// Says to each peer, once, that the stream is over, and waits for nothing. How many peers there were.
#[pyfunction]
pub fn send_end(py: Python<'_>, socket: &PySocket) -> PyResult<usize> {
    let socket = socket.core().or_raise(py)?;
    say_end(socket).map_err(|error| to_py(py, explain::send(socket, error, None)))
}

/// Closes a socket, and waits up to `timeout` seconds until what it has sent has left; whether it has.
#[pyfunction]
#[pyo3(signature = (socket, timeout=None))]
pub fn close_delivered(py: Python<'_>, socket: &PySocket, timeout: Option<f64>) -> PyResult<bool> {
    let end = deadline(timeout)?;
    blocking(py, |signals| match socket.core()?.close_delivered(end, signals) {
        Err(error) if error.is_again() => Ok(false),
        done => done.map(|()| true),
    })
}
