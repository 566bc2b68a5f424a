//! `AsyncSocket`: the calls of `brokerless.asyncio` that can be done at once, from the arguments to the future, without
//! a frame of Python. What has to wait, and whatever fails, goes the package's way: through a lane of the running loop.

use parking_lot::Mutex;
use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::buffer::{begins_with, call, call_with, is_unshared, of_this_thread};
use super::send::DONTWAIT;
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
    /// `{"loop": event_loop}`, to make futures with.
    with_loop: Py<PyDict>,
    lane: Py<PyAny>,
    waiter: Py<PyWaiter>,
    /// A future that is done, with the result None: for the next send, if nobody has kept it.
    sent: Option<Py<PyAny>>,
}

/// What a call needs that may be done at once.
struct Turn<'py> {
    lane: Bound<'py, PyAny>,
    waiter: Bound<'py, PyWaiter>,
    with_loop: Bound<'py, PyDict>,
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

    /// Knows from now on which loop it is used in, and the lane (and its waiter) that it has there; one at a time.
    fn _enter_loop(
        &self,
        py: Python<'_>,
        event_loop: Py<PyAny>,
        lane: Py<PyAny>,
        waiter: Py<PyWaiter>,
    ) -> PyResult<()> {
        if self.here.lock().as_ref().is_some_and(|here| here.waiter.is(&waiter)) {
            return Ok(());
        }
        let with_loop = PyDict::new(py);
        with_loop.set_item(intern!(py, "loop"), &event_loop)?;
        let here = Here { event_loop, with_loop: with_loop.unbind(), lane, waiter, sent: None };
        // Dropped when the lock is free: what Python frees may run its code.
        let _before = self.here.lock().replace(here);
        Ok(())
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
        let (lane, tried) = match slf.get().turn(py, POLLIN)? {
            None => (call(&slf.getattr(intern!(py, "_lane"))?, &PyTuple::empty(py))?, false),
            Some(Turn { waiter, with_loop, lane, .. }) => {
                let got = waiter.get().receive(py, copy, multipart, first(flags));
                match finished(py, got, finish) {
                    Ok(Some(got)) => return done(&with_loop, &got),
                    Ok(None) => (lane, true),
                    Err(error) => return fail(slf, error),
                }
            }
        };
        let arguments = (slf, flags, copy, multipart, timeout, finish, tried).into_pyobject(py)?;
        call(&lane.getattr(intern!(py, "receive"))?, &arguments)
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
        if let Some(Turn { waiter, with_loop, sent, .. }) = turn {
            let threshold = (!copy).then(|| slf.as_super().get().copy_threshold());
            match waiter.get().send_frame(py, data, flags, threshold, track, routing_id, group, first(flags)) {
                Ok(Sent::Now(tracker)) => return slf.get().sent(&with_loop, tracker, sent),
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
        if let Some(Turn { waiter, with_loop, sent, .. }) = turn {
            let threshold = (!copy).then(|| slf.as_super().get().copy_threshold());
            match waiter.get().send_frames(py, msg_parts, flags, threshold, track, routing_id, group, first(flags)) {
                Ok(Sent::Now(tracker)) => return slf.get().sent(&with_loop, tracker, sent),
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
            visit.call(&here.with_loop)?;
            visit.call(&here.lane)?;
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
        if let Some(holder) = holder(py)? {
            if let Some(here) = self.here.lock().as_ref() {
                if begins_with(&holder, &here.event_loop) {
                    return Ok(here.turn(py, event));
                }
            }
        }
        let running = running_loop(py)?;
        let here = self.here.lock();
        let here = here.as_ref().filter(|here| here.event_loop.is(&running));
        Ok(here.and_then(|here| here.turn(py, event)))
    }

    /// The future of a send that is done.
    ///
    /// A future that is done does not change any more, so that one which nobody but this socket has can serve once more.
    #[inline]
    fn sent<'py>(
        &self,
        with_loop: &Bound<'py, PyDict>,
        tracker: Option<Py<PyAny>>,
        spare: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = with_loop.py();
        if let Some(tracker) = tracker {
            return done(with_loop, tracker.bind(py));
        }
        if let Some(spare) = spare {
            return Ok(spare);
        }
        let sent = done(with_loop, &py.None().into_bound(py))?;
        let mut kept = Some(sent.clone().unbind());
        // Others may have been here meanwhile, from another loop.
        if let Some(here) = self.here.lock().as_mut().filter(|here| here.with_loop.is(with_loop)) {
            std::mem::swap(&mut here.sent, &mut kept);
        }
        Ok(sent)
    }
}

impl Here {
    #[inline]
    fn turn<'py>(&self, py: Python<'py>, event: Events) -> Option<Turn<'py>> {
        if self.waiter.get().listens() & event != 0 {
            return None;
        }
        let spare = |sent: &&Bound<'py, PyAny>| event == POLLOUT && is_unshared(sent);
        Some(Turn {
            lane: self.lane.bind(py).clone(),
            waiter: self.waiter.bind(py).clone(),
            with_loop: self.with_loop.bind(py).clone(),
            sent: self.sent.as_ref().map(|sent| sent.bind(py)).filter(spare).cloned(),
        })
    }
}

/// A call that does not wait must not leave anything listening.
#[inline]
fn first(flags: i32) -> Try {
    if flags & DONTWAIT == 0 {
        Try::First
    } else {
        Try::Only
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

/// The future of a call that failed. Not of one that was interrupted.
#[cold]
fn fail<'py>(slf: &Bound<'py, PyAsyncSocket>, error: PyErr) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    if !error.is_instance_of::<PyException>(py) {
        return Err(error);
    }
    call(&slf.getattr(intern!(py, "_fail"))?, &PyTuple::new(py, [error.into_value(py)])?)
}

/// A future that is done.
#[inline]
fn done<'py>(with_loop: &Bound<'py, PyDict>, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static FUTURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = result.py();
    let class = FUTURE.get_or_try_init(py, || Ok::<_, PyErr>(py.import("asyncio")?.getattr("Future")?.unbind()))?;
    // It asks the loop (in Python) whether it is to be debugged.
    let future = call_with(class.bind(py), &PyTuple::empty(py), Some(with_loop))?;
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

/// In the Pythons whose [`running_loop`] makes a system call each time, up to 3.11: asyncio's own object that has the loop
/// of this thread, before all else. It must not be kept: the garbage collector does not see what it has.
///
/// A forked child finds its parent's there, but can use no socket that knows it.
#[inline]
fn holder(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    static SLOW: PyOnceLock<bool> = PyOnceLock::new();
    match SLOW.get_or_init(py, || py.version_info() < (3, 12)) {
        true => of_this_thread(intern!(py, "__asyncio_running_event_loop__")),
        false => Ok(None),
    }
}
