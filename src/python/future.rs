//! `AsyncSocket`: the calls of `brokerless.asyncio` that can be done at once, from the arguments to the future, without
//! a frame of Python. What has to wait, and whatever fails, goes the package's way: through a lane of the running loop.

use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::buffer::{call, is_unshared};
use super::socket::PySocket;
use super::waiter::{PyWaiter, Sent};
use crate::listener::Try;
use crate::socket::{Events, POLLIN, POLLOUT};

/// The core's part of an asyncio socket. Use `brokerless.asyncio.Socket`, which its `Context.socket()` makes.
#[pyclass(extends = PySocket, frozen, subclass, name = "AsyncSocket", module = "brokerless._core")]
pub struct PyAsyncSocket {
    here: Mutex<Option<Here>>,
}

/// The loop that a call was last made in, and what every call in it needs.
struct Here {
    event_loop: Py<PyAny>,
    waiter: Py<PyWaiter>,
    /// A future that is done, with the result None: for the next send, if nobody has kept it.
    sent: Option<Py<PyAny>>,
}

/// What a call needs that may be done at once.
struct Turn<'py> {
    waiter: Bound<'py, PyWaiter>,
    /// A future for a send to return.
    sent: Option<Bound<'py, PyAny>>,
}

#[pymethods]
impl PyAsyncSocket {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(PySocket::unopened()).add_subclass(PyAsyncSocket { here: Mutex::new(None) })
    }

    /// Knows from now on which loop it is used in, and the waiter that this socket has there; one at a time.
    fn _enter_loop(&self, event_loop: Py<PyAny>, waiter: Py<PyWaiter>) {
        let mut known = self.here.lock();
        if known.as_ref().is_some_and(|here| here.event_loop.is(&event_loop) && here.waiter.is(&waiter)) {
            return;
        }
        let here = Here { event_loop, waiter, sent: None };
        // Dropped when the lock is free: what Python frees may run its code.
        let _before = known.replace(here);
        drop(known);
    }

    /// Receives the next frame; see `zmq.Socket.recv`.
    #[pyo3(signature = (flags=0, copy=true, track=false, *, timeout=None))]
    fn recv<'py>(
        slf: &Bound<'py, Self>,
        flags: i32,
        copy: bool,
        track: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::_recv(slf, flags, copy, false, timeout, tracked(slf, copy, track)?.as_ref())
    }

    /// Receives all frames of the next message; see `zmq.Socket.recv_multipart`.
    #[pyo3(signature = (flags=0, copy=true, track=false, *, timeout=None))]
    fn recv_multipart<'py>(
        slf: &Bound<'py, Self>,
        flags: i32,
        copy: bool,
        track: bool,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::_recv(slf, flags, copy, true, timeout, tracked(slf, copy, track)?.as_ref())
    }

    /// A future of the next frame, or with `multipart` of the list of the next message's; or of what `finish` makes of it.
    #[pyo3(signature = (flags, copy, multipart, timeout, finish=None))]
    fn _recv<'py>(
        slf: &Bound<'py, Self>,
        flags: i32,
        copy: bool,
        multipart: bool,
        timeout: Option<&Bound<'py, PyAny>>,
        finish: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let turn = slf.get().turn(py, POLLIN)?;
        let tried = turn.is_some();
        if let Some(turn) = turn {
            let got = turn.waiter.get().receive(py, copy, multipart, Try::First);
            match finished(py, got, finish) {
                Ok(Some(got)) => return done(&got),
                Ok(None) => {}
                Err(error) => return fail(slf, error),
            }
        }
        let wait = slf.getattr(intern!(py, "_recv_wait"))?;
        call(&wait, &(flags, copy, multipart, timeout, finish, tried).into_pyobject(py)?)
    }

    /// Sends one frame; see `zmq.Socket.send`. `data` must not change until this is done.
    #[pyo3(signature = (data, flags=0, copy=true, track=false, routing_id=None, group=None, *, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn send<'py>(
        slf: &Bound<'py, Self>,
        data: &Bound<'py, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let turn = slf.get().turn(py, POLLOUT)?;
        let tried = turn.is_some();
        if let Some(Turn { waiter, sent }) = turn {
            let threshold = (!copy).then(|| slf.as_super().get().copy_threshold());
            match waiter.get().send_frame(py, data, flags, threshold, track, routing_id, group, Try::First) {
                Ok(Sent::Now(tracker)) => return slf.get().sent(py, tracker, sent),
                Ok(Sent::Full) => {}
                Err(error) => return fail(slf, error),
            }
        }
        let wait = slf.getattr(intern!(py, "_send_wait"))?;
        call(&wait, &(data, flags, copy, track, routing_id, group, timeout, tried).into_pyobject(py)?)
    }

    /// Sends all frames as one message, or none; see `zmq.Socket.send_multipart`.
    #[pyo3(signature = (msg_parts, flags=0, copy=true, track=false, *, routing_id=None, group=None, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn send_multipart<'py>(
        slf: &Bound<'py, Self>,
        msg_parts: &Bound<'py, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        // An iterator can be read only once, and a send may be tried several times: the package makes a list of it.
        let lasts = msg_parts.is_instance_of::<PyList>() || msg_parts.is_instance_of::<PyTuple>();
        let turn = if lasts { slf.get().turn(py, POLLOUT)? } else { None };
        let tried = turn.is_some();
        if let Some(Turn { waiter, sent }) = turn {
            let threshold = (!copy).then(|| slf.as_super().get().copy_threshold());
            match waiter.get().send_frames(py, msg_parts, flags, threshold, track, routing_id, group, Try::First) {
                Ok(Sent::Now(tracker)) => return slf.get().sent(py, tracker, sent),
                Ok(Sent::Full) => {}
                Err(error) => return fail(slf, error),
            }
        }
        let wait = slf.getattr(intern!(py, "_send_multipart_wait"))?;
        call(&wait, &(msg_parts, flags, copy, track, routing_id, group, timeout, tried).into_pyobject(py)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Who is using it just now can wait for the next collection.
        if let Some(here) = self.here.try_lock().as_deref().and_then(Option::as_ref) {
            visit.call(&here.event_loop)?;
            visit.call(&here.waiter)?;
            visit.call(&here.sent)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let _before = self.here.lock().take();
    }
}

impl PyAsyncSocket {
    /// What a call needs to be done at once; None if it is the first in its loop, or not its turn: others wait for `event`.
    #[inline]
    fn turn<'py>(&self, py: Python<'py>, event: Events) -> PyResult<Option<Turn<'py>>> {
        let running = running_loop(py)?;
        let here = self.here.lock();
        let Some(Here { event_loop, waiter, sent }) = here.as_ref() else {
            return Ok(None);
        };
        if !event_loop.is(&running) || waiter.get().listens() & event != 0 {
            return Ok(None);
        }
        let spare = |sent: &&Py<PyAny>| event == POLLOUT && is_unshared(sent.bind(py));
        let sent = sent.as_ref().filter(spare).map(|sent| sent.bind(py).clone());
        Ok(Some(Turn { waiter: waiter.bind(py).clone(), sent }))
    }

    /// The future of a send that is done.
    ///
    /// A future that is done does not change any more, so that one which nobody but this socket has can serve once more.
    #[inline]
    fn sent<'py>(
        &self,
        py: Python<'py>,
        tracker: Option<Py<PyAny>>,
        spare: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(tracker) = tracker {
            return done(tracker.bind(py));
        }
        if let Some(spare) = spare {
            return Ok(spare);
        }
        let running = running_loop(py)?;
        let sent = done(&py.None().into_bound(py))?;
        let kept = sent.clone().unbind();
        let mut here = self.here.lock();
        // Python code has run meanwhile, in whatever loop.
        let _before = match here.as_mut() {
            Some(here) if here.event_loop.is(&running) => here.sent.replace(kept),
            _ => None,
        };
        drop(here);
        Ok(sent)
    }
}

/// What was received, as the caller wants it.
#[inline]
fn finished<'py>(
    py: Python<'py>,
    got: PyResult<Option<Py<PyAny>>>,
    finish: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let got = got?.map(|got| got.into_bound(py));
    match (got, finish) {
        (Some(got), Some(finish)) => call(finish, &PyTuple::new(py, [got])?).map(Some),
        (got, _) => Ok(got),
    }
}

/// What gives received frames a tracker, if it is asked for.
#[inline]
fn tracked<'py>(slf: &Bound<'py, PyAsyncSocket>, copy: bool, track: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
    match track && !copy {
        true => slf.getattr(intern!(slf.py(), "_tracked")).map(Some),
        false => Ok(None),
    }
}

/// The future of a call that failed.
#[cold]
fn fail<'py>(slf: &Bound<'py, PyAsyncSocket>, error: PyErr) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    call(&slf.getattr(intern!(py, "_fail"))?, &PyTuple::new(py, [error.into_value(py)])?)
}

/// A future of the running loop that is done.
#[inline]
fn done<'py>(result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static FUTURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = result.py();
    let class = FUTURE.get_or_try_init(py, || Ok::<_, PyErr>(py.import("asyncio")?.getattr("Future")?.unbind()))?;
    // It finds the loop that runs, and asks it (in Python) whether it is to be debugged.
    let future = call(class.bind(py), &PyTuple::empty(py))?;
    future.call_method1(intern!(py, "set_result"), (result,))?;
    Ok(future)
}

/// The loop that runs in this thread, or None.
#[inline]
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let find = || Ok::<_, PyErr>(py.import("asyncio")?.getattr("_get_running_loop")?.unbind());
    RUNNING.get_or_try_init(py, find)?.bind(py).call0()
}
