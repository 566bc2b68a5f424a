//! `Waiter`: what an event loop needs of a socket, for `brokerless.asyncio`.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList};

use super::buffer::{parts, to_list};
use super::errors::{to_py, OrRaise};
use super::frame::PyFrame;
use super::recv::present;
use super::send::Manner;
use super::socket::PySocket;
use crate::error::{Error, Result};
use crate::explain;
use crate::listener::{Listener, Try};
use crate::message::Part;
use crate::transfer::{LARGE, SNDMORE};

/// A socket in an event loop: tries what can be done now, and has a descriptor that says when to try again.
///
/// What it tells of is what listen() says. With `by_tries`, a try that fails also begins that for its event, and one that
/// does not ends it.
#[pyclass(frozen, name = "Waiter", module = "brokerless._core")]
pub struct PyWaiter {
    pub(super) listener: Listener,
    /// The tries that Python makes.
    pub(super) how: Try,
}

/// What became of a send.
pub enum Sent {
    /// It went; with who tracks it, if anybody does.
    Now(Option<Py<PyAny>>),
    /// There is no room.
    Full,
}

#[pymethods]
impl PyWaiter {
    #[new]
    #[pyo3(signature = (socket, by_tries=false))]
    fn new(py: Python<'_>, socket: &PySocket, by_tries: bool) -> PyResult<Self> {
        let how = if by_tries { Try::Woken } else { Try::Listening };
        Ok(PyWaiter { listener: Listener::new(socket.core().or_raise(py)?), how })
    }

    /// The descriptor to watch for input: this waiter's own, and the same until close().
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        self.listener.fd().or_raise(py)
    }

    /// Makes the descriptor tell of these events from now on (POLLIN, POLLOUT; 0 for none). Then look once more.
    fn listen(&self, py: Python<'_>, events: i32) -> PyResult<()> {
        self.listener.listen(events).or_raise(py)
    }

    /// The events that the descriptor tells of.
    #[getter]
    #[inline]
    pub fn listens(&self) -> i32 {
        self.listener.listens()
    }

    /// Forgets the wake-ups so far; call it before looking at the socket.
    fn drain(&self) {
        self.listener.drain();
    }

    /// Gives the descriptors back. The waiter makes new ones if it is used again.
    fn close(&self) {
        self.listener.close();
    }

    /// RCVTIMEO and SNDTIMEO in milliseconds; negative is for ever.
    #[getter]
    fn timeouts(&self) -> (i64, i64) {
        self.listener.socket().timeouts()
    }

    /// Receives if a message is there, else returns None. A frame, or with `multipart` a list of all frames.
    fn recv(&self, py: Python<'_>, copy: bool, multipart: bool) -> PyResult<Option<Py<PyAny>>> {
        self.receive(py, copy, multipart, self.how)
    }

    /// Sends one frame if there is room. None if there is none, else True or the frame's MessageTracker.
    ///
    /// `threshold`: from so many bytes on memory is lent, not copied; None copies everything.
    #[pyo3(signature = (data, flags, threshold=None, track=false, routing_id=None, group=None))]
    #[allow(clippy::too_many_arguments)]
    fn send(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        flags: i32,
        threshold: Option<usize>,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let sent = self.send_frame(py, data, flags, threshold, track, routing_id, group, self.how)?;
        Ok(sent.told(py))
    }

    /// Sends all frames as one message if there is room. None if there is none, else True or the MessageTracker of them.
    #[pyo3(signature = (msg_parts, flags, threshold=None, track=false, routing_id=None, group=None))]
    #[allow(clippy::too_many_arguments)]
    fn send_multipart(
        &self,
        py: Python<'_>,
        msg_parts: &Bound<'_, PyAny>,
        flags: i32,
        threshold: Option<usize>,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let sent = self.send_frames(py, msg_parts, flags, threshold, track, routing_id, group, self.how)?;
        Ok(sent.told(py))
    }

    /// Puts the frames of a message that nobody got back in front of the socket's queue.
    fn give_back(&self, py: Python<'_>, frames: Vec<PyRef<'_, PyFrame>>) -> PyResult<()> {
        let frames = frames.iter().map(|frame| frame.share(py)).collect::<PyResult<Vec<_>>>()?;
        self.listener.socket().give_back(frames).or_raise(py)
    }

    /// The error of a receive (or a send) that could not be done now or, with `waited`, within so many seconds.
    #[pyo3(signature = (receiving, waited=None))]
    fn again(&self, py: Python<'_>, receiving: bool, waited: Option<f64>) -> Py<PyAny> {
        let socket = self.listener.socket();
        let since = waited.and_then(|seconds| {
            let time = Duration::try_from_secs_f64(seconds).ok()?;
            Instant::now().checked_sub(time)
        });
        let error = match receiving {
            true => explain::recv(socket, Error::again(), since),
            false => explain::send(socket, Error::again(), since),
        };
        to_py(py, error).into_value(py).into_any()
    }
}

impl Sent {
    /// As the package is told: None for "not now", True, or the tracker.
    fn told(self, py: Python<'_>) -> Option<Py<PyAny>> {
        match self {
            Sent::Full => None,
            Sent::Now(tracker) => Some(tracker.unwrap_or_else(|| PyBool::new(py, true).to_owned().into_any().unbind())),
        }
    }
}

impl PyWaiter {
    /// What is there: a frame, or with `multipart` a list of all frames. None if nothing is.
    #[inline]
    pub fn receive(&self, py: Python<'_>, copy: bool, multipart: bool, how: Try) -> PyResult<Option<Py<PyAny>>> {
        let explained = |error| explain::recv(self.listener.socket(), error, None);
        if !multipart {
            let message = now(self.listener.try_recv(how)).map_err(explained).or_raise(py)?;
            return message.map(|message| present(py, message, copy)).transpose();
        }
        let Some(frames) = now(self.listener.try_recv_multipart(how)).map_err(explained).or_raise(py)? else {
            return Ok(None);
        };
        let list = match copy {
            true => to_list(py, &frames)?,
            false => {
                let frames = frames.into_iter().map(|frame| present(py, frame, false));
                PyList::new(py, frames.collect::<PyResult<Vec<_>>>()?)?
            }
        };
        Ok(Some(list.into_any().unbind()))
    }

    /// Sends one frame if there is room.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn send_frame(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        flags: i32,
        threshold: Option<usize>,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        how: Try,
    ) -> PyResult<Sent> {
        let manner = Manner::new(py, self.listener.socket(), threshold, track, routing_id, group)?;
        let (mut payload, tracker) = manner.prepare(data)?;
        match payload.part() {
            Part::Bytes(bytes) if bytes.len() < LARGE => {
                let tried = self.listener.try_send_bytes(bytes, flags & SNDMORE, how);
                self.outcome(py, tried, tracker)
            }
            part => self.send_now(py, &mut [part], tracker, flags, how),
        }
    }

    /// Sends all frames as one message if there is room.
    #[allow(clippy::too_many_arguments)]
    pub fn send_frames(
        &self,
        py: Python<'_>,
        msg_parts: &Bound<'_, PyAny>,
        flags: i32,
        threshold: Option<usize>,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        how: Try,
    ) -> PyResult<Sent> {
        let manner = Manner::new(py, self.listener.socket(), threshold, track, routing_id, group)?;
        let (mut payloads, tracker) = manner.prepare_all(msg_parts)?;
        self.send_now(py, &mut parts(&mut payloads), tracker, flags, how)
    }

    fn send_now(
        &self,
        py: Python<'_>,
        frames: &mut [Part<'_>],
        tracker: Option<Py<PyAny>>,
        flags: i32,
        how: Try,
    ) -> PyResult<Sent> {
        let flags = flags & SNDMORE;
        let tried = match frames.iter().map(Part::len).sum::<usize>() < LARGE {
            true => self.listener.try_send(frames, flags, how),
            false => py.detach(|| self.listener.try_send_large(frames, flags, how)),
        };
        self.outcome(py, tried, tracker)
    }

    #[inline]
    fn outcome(&self, py: Python<'_>, tried: Result<()>, tracker: Option<Py<PyAny>>) -> PyResult<Sent> {
        let sent = now(tried).map_err(|error| explain::send(self.listener.socket(), error, None)).or_raise(py)?;
        Ok(sent.map_or(Sent::Full, |()| Sent::Now(tracker)))
    }
}

/// "Not now" as None.
#[inline]
fn now<T>(tried: Result<T>) -> Result<Option<T>> {
    match tried {
        Err(error) if error.is_again() => Ok(None),
        done => done.map(Some),
    }
}
