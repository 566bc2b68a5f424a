//! What there is to see of a socket, for Python: a dictionary that JSON can carry to another process.

use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::errors::OrRaise;
use super::socket::PySocket;
use crate::advice::Advice;
use crate::explain::name;
use crate::facing::talks_to;
use crate::monitor::{Peer, Trouble};
use crate::socket::{Attached, Stats, POLLIN, POLLOUT};
use crate::survey::Survey;

#[pymethods]
impl PySocket {
    /// Everything that is known of the socket, in plain types: see the package's `_survey`.
    fn _survey<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let socket = self.core().or_raise(py)?;
        let seen = py.detach(|| socket.survey());
        let dict = PyDict::new(py);
        dict.set_item("id", seen.id)?;
        dict.set_item("closed", seen.closed)?;
        dict.set_item("endpoints", list(py, &seen.endpoints, endpoint)?)?;
        dict.set_item("stats", stats(py, &seen.stats)?)?;
        dict.set_item("peers", seen.peers.as_ref().map(|peers| list(py, peers, peer)).transpose()?)?;
        dict.set_item("waits", waits(py, &seen)?)?;
        dict.set_item("owes", seen.owes.map(|time| time.as_secs_f64()))?;
        dict.set_item("subscribed", seen.subscribed.iter().map(|topic| latin(topic)).collect::<Vec<_>>())?;
        let topics = |topics: Vec<(Vec<u8>, usize)>| -> PyResult<Bound<'py, PyDict>> {
            let dict = PyDict::new(py);
            for (topic, count) in topics {
                dict.set_item(latin(&topic), count)?;
            }
            Ok(dict)
        };
        dict.set_item("unheard", seen.unheard)?;
        dict.set_item("beginnings", seen.beginnings.iter().map(|one| latin(one)).collect::<Vec<_>>())?;
        dict.set_item("full", seen.full.map(|full| refusals(py, full)).transpose()?)?;
        dict.set_item("monitor", seen.monitor)?;
        dict.set_item("trouble", list(py, &seen.troubles, trouble)?)?;
        dict.set_item("talks_to", talks_to(socket.kind()).into_iter().map(name).collect::<Vec<_>>())?;
        dict.set_item("subscriptions", seen.subscriptions.map(topics).transpose()?)?;
        Ok(dict)
    }
}

/// Bytes as text that loses none of them: a character for each byte.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn list<'py, T>(
    py: Python<'py>,
    items: &[T],
    show: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, items.iter().map(|item| show(py, item)).collect::<PyResult<Vec<_>>>()?)
}

fn endpoint<'py>(py: Python<'py>, at: &Attached) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("endpoint", &at.endpoint)?;
    dict.set_item("bound", at.bound)?;
    dict.set_item("given", &at.given)?;
    Ok(dict)
}

/// Sends that found no room.
fn refusals(py: Python<'_>, (count, last): (u64, Duration)) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", count)?;
    dict.set_item("last", last.as_secs_f64())?;
    Ok(dict)
}

/// What went wrong, times as seconds ago, with the words for it.
fn trouble<'py>(py: Python<'py>, (trouble, advice): &(Trouble, Advice)) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", trouble.ill.name())?;
    dict.set_item("endpoint", &trouble.endpoint)?;
    dict.set_item("bound", trouble.bound)?;
    dict.set_item("code", trouble.code)?;
    dict.set_item("remote", &trouble.remote)?;
    dict.set_item("count", trouble.count)?;
    dict.set_item("first", trouble.first.elapsed().as_secs_f64())?;
    dict.set_item("last", trouble.last.elapsed().as_secs_f64())?;
    dict.set_item("over", trouble.over)?;
    dict.set_item("what", &advice.what)?;
    dict.set_item("why", &advice.why)?;
    dict.set_item("cure", &advice.cure)?;
    Ok(dict)
}

fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("messages_sent", stats.messages_sent)?;
    dict.set_item("messages_received", stats.messages_received)?;
    dict.set_item("bytes_sent", stats.bytes_sent)?;
    dict.set_item("bytes_received", stats.bytes_received)?;
    Ok(dict)
}

fn peer<'py>(py: Python<'py>, peer: &Peer) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("local", &peer.local)?;
    dict.set_item("remote", &peer.remote)?;
    dict.set_item("connections", peer.connections)?;
    let since = peer.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    dict.set_item("since", since.as_secs_f64())?;
    Ok(dict)
}

fn waits<'py>(py: Python<'py>, seen: &Survey) -> PyResult<Bound<'py, PyList>> {
    list(py, &seen.waits, |py, (want, time)| {
        let what = match *want {
            POLLIN => "recv",
            POLLOUT => "send",
            _ => "events",
        };
        let dict = PyDict::new(py);
        dict.set_item("for", what)?;
        dict.set_item("since", time.as_secs_f64())?;
        Ok(dict)
    })
}
