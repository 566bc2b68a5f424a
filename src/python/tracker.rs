//! The trackers that sends and frames hand out: `brokerless.tracker.MessageTracker`, made from here.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::interrupt::calling;
use super::loan::PyReleased;
use crate::event::Event;

static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static FINISHED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn named(py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
    Ok(py.import("brokerless.tracker")?.getattr(name)?.unbind())
}

/// The tracker of what libzmq never needed: done from the start.
pub fn finished(py: Python<'_>) -> PyResult<Py<PyAny>> {
    FINISHED.get_or_try_init(py, || named(py, "_FINISHED_TRACKER")).map(|tracker| tracker.clone_ref(py))
}

/// A tracker, and the event that makes it done.
pub fn new(py: Python<'_>) -> PyResult<(Arc<Event>, Py<PyAny>)> {
    let released = PyReleased::default();
    let event = released.event.clone();
    Ok((event, make(py, &(released,).into_pyobject(py)?)?))
}

/// One tracker for all frames of a message: None if none of them has one.
pub fn of_all(py: Python<'_>, mut trackers: Vec<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    let finished = finished(py)?;
    let Some(last) = trackers.pop() else {
        return Ok(None);
    };
    trackers.retain(|tracker| !tracker.is(&finished) && !tracker.is(&last));
    if trackers.is_empty() {
        return Ok(Some(last));
    }
    trackers.push(last);
    make(py, &PyTuple::new(py, trackers)?).map(Some)
}

fn make(py: Python<'_>, parts: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
    let class = CLASS.get_or_try_init(py, || named(py, "MessageTracker"))?;
    Ok(calling(class.bind(py), parts)?.unbind())
}
