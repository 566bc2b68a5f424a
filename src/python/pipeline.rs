//! The pipeline's loops over messages, for Python: what the roles do per message is done here, not in Python.
//!
//! [`send`] hands out jobs, [`work`] calls a function for each of them, [`stream`] reads and counts results. For reliable
//! roles [`dispatcher`], [`service`] and [`gatherer`] do that, and a [`codec`] makes frames of objects. The roles themselves,
//! their words and their rules are in `brokerless.pipeline`.

pub mod codec;
pub mod dispatcher;
pub mod gatherer;
pub mod send;
pub mod service;
pub mod stream;
pub mod work;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::buffer::to_list;
use super::json;
use crate::message::Message;

/// How many messages a loop that never waits moves before it lets signal handlers and other threads have their turn.
const TURN: u64 = 256;

/// The object in a message; what is not one frame of JSON goes to Python, which may still read it or says what is wrong.
fn read<'py>(py: Python<'py>, frames: &[Message], number: u64) -> PyResult<Bound<'py, PyAny>> {
    if let [frame] = frames {
        if let Some(object) = json::loads(py, frame.as_slice())? {
            return Ok(object);
        }
    }
    messages(py)?.call_method1("read", (raw(py, frames)?, number))
}

/// An object as JSON, by Python's own `json` if need be.
fn write(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Some(data) = json::dumps(object)? {
        return Ok(data);
    }
    let module = object.py().import("brokerless.utils.jsonapi")?;
    let data = module.call_method1("dumps", (object,))?;
    Ok(data.cast::<PyBytes>()?.as_bytes().to_vec())
}

/// The rare cases, in Python.
fn messages(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("brokerless.pipeline.messages")
}

fn raw<'py>(py: Python<'py>, frames: &[Message]) -> PyResult<Bound<'py, PyList>> {
    to_list(py, frames)
}

/// Lets signal handlers run (they may raise), and other threads.
fn take_turns(py: Python<'_>) -> PyResult<()> {
    py.check_signals()?;
    py.detach(|| ());
    Ok(())
}

/// Adds a note to an exception, where Python has notes (3.11).
fn note(py: Python<'_>, error: &PyErr, text: impl FnOnce() -> String) {
    if let Ok(add) = error.value(py).getattr("add_note") {
        // An exception that takes no notes is raised without.
        let _ = add.call1((text(),));
    }
}

/// An object in an error: not all of a large one.
fn short(object: &Bound<'_, PyAny>) -> String {
    const MOST: usize = 200;
    let text = object.repr().map_or_else(|_| "an object without a repr".into(), |text| text.to_string());
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
