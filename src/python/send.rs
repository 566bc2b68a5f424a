//! Sending from Python. One DONTWAIT try with the GIL held; only what cannot go now waits, without it.

use std::ffi::CString;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::buffer::{call, parts, Payload};
use super::errors::to_py;
use super::frame::{group_name, set_group, set_routing_id, PyFrame};
use super::interrupt::{blocking, deadline};
use super::socket::PySocket;
use super::{errors::OrRaise, json, tracker};
use crate::error::{errno, Error, Result};
use crate::explain;
use crate::message::{Message, Part};
use crate::socket::Socket;
use crate::transfer::{LARGE, SNDMORE};
use crate::wait::Deadline;

/// Do not wait.
pub const DONTWAIT: i32 = zmq_sys::ZMQ_DONTWAIT as i32;

#[pymethods]
impl PySocket {
    /// Sends one frame: a message, or with flags=SNDMORE a part of one, which the next send continues (zmq_msg_send).
    ///
    /// `data` is bytes, a Frame, or anything contiguous and bytes-like (bytearray, memoryview, array, numpy), but no str: see
    /// send_string(). It is copied, unless it is a Frame or copy=False; even then, where it has fewer bytes than
    /// `copy_threshold`. What is not copied must not be changed until libzmq is done with it. (Large `bytes` never are copied:
    /// they cannot change.)
    ///
    /// Returns None for what was copied, else the frame's MessageTracker: with track=True it tells when libzmq is done, and
    /// without it is None (or done, for what was too small). track=True with a Frame that is not tracked raises ValueError.
    /// `routing_id` is the peer to send to (SERVER, PEER), `group` the group (RADIO); a Frame keeps them. Other types refuse
    /// them (ENOTSUP).
    ///
    /// Waits for room: with flags=DONTWAIT not at all, else for `timeout` seconds or, without one, for SNDTIMEO milliseconds
    /// (by default for ever). Raises Again when there was none in time, ZMQError(EFSM) for a REQ or REP that is not to send
    /// now, ZMQError(EHOSTUNREACH) for a ROUTER with ROUTER_MANDATORY that has no such peer, SocketClosed, ContextTerminated;
    /// the frame was not sent then. When it returns, libzmq has the frame, and delivers it in the background.
    #[pyo3(signature = (data, flags=0, copy=true, track=false, routing_id=None, group=None, *, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn send(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let socket = self.core().or_raise(py)?;
        if copy && routing_id.is_none() && group.is_none() {
            if let Ok(bytes) = data.cast::<PyBytes>() {
                return send_bytes(py, socket, bytes, flags, timeout);
            }
        }
        let threshold = (!copy).then(|| self.copy_threshold());
        let manner = Manner::new(py, socket, threshold, track, routing_id, group)?;
        let (mut payload, tracker) = manner.prepare(data)?;
        let mut part = payload.part();
        let flags_sent = flags & SNDMORE;
        if part.len() < LARGE || !matches!(part, Part::Bytes(_)) {
            let tried = match &part {
                Part::Bytes(bytes) => socket.try_send_bytes(bytes, flags_sent),
                Part::Message(_) | Part::Given(_) => socket.try_send(std::slice::from_mut(&mut part), flags_sent),
            };
            match tried {
                Ok(()) => return Ok(tracker),
                Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
                Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
            }
        }
        send_waiting(py, socket, &mut [part], flags, timeout)?;
        Ok(tracker)
    }

    /// Sends all frames as one message, or none of them.
    ///
    /// `msg_parts` is an iterable of what send() takes, of one frame at least; the rest is as in send(). Other threads' messages
    /// never get between the frames. With flags=SNDMORE the next send continues this message. Nothing is sent if one of the
    /// parts cannot be. The MessageTracker that is returned, if any, is done when libzmq is done with all of them.
    #[pyo3(signature = (msg_parts, flags=0, copy=true, track=false, *, routing_id=None, group=None, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn send_multipart(
        &self,
        py: Python<'_>,
        msg_parts: &Bound<'_, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let socket = self.core().or_raise(py)?;
        let threshold = (!copy).then(|| self.copy_threshold());
        let manner = Manner::new(py, socket, threshold, track, routing_id, group)?;
        let (mut payloads, tracker) = manner.prepare_all(msg_parts)?;
        let mut frames = parts(&mut payloads);
        if frames.iter().map(Part::len).sum::<usize>() < LARGE {
            match socket.try_send(&mut frames, flags & SNDMORE) {
                Ok(()) => return Ok(tracker),
                Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
                Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
            }
        }
        send_waiting(py, socket, &mut frames, flags, timeout)?;
        Ok(tracker)
    }

    /// Sends an object as one frame of JSON in UTF-8; the rest is as in send(), with `timeout` in seconds.
    ///
    /// The bytes are those of Python's json.dumps(), whose other keyword arguments are taken too. Raises TypeError or
    /// ValueError, as json does, for what JSON cannot express; nothing is sent then.
    #[pyo3(signature = (obj, flags=0, *, timeout=None, **kwargs))]
    fn send_json<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
        flags: i32,
        timeout: Option<f64>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        static OTHERWISE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        if kwargs.is_none() {
            if let Some(data) = json::dumps(obj)? {
                return send_copy(py, slf.get().core().or_raise(py)?, &data, flags, timeout);
            }
        }
        let otherwise = OTHERWISE.get_or_try_init(py, || json::named(py, "brokerless._messages", "_send_json"))?;
        call(otherwise.bind(py), &(slf, obj, flags, timeout, kwargs).into_pyobject(py)?).map(drop)
    }

    /// Sends a request until its reply comes; a list of frames.
    #[pyo3(signature = (msg_parts, timeout, retries))]
    fn _request<'py>(
        &self,
        py: Python<'py>,
        msg_parts: &Bound<'py, PyAny>,
        timeout: Option<f64>,
        retries: u32,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let socket = self.core().or_raise(py)?;
        let timeout = timeout.map(super::interrupt::duration).transpose()?;
        let mut payloads = Vec::new();
        each(msg_parts, |_, part| {
            payloads.push(Payload::of(&part)?);
            Ok(())
        })?;
        let mut frames = parts(&mut payloads);
        let reply = blocking(py, |signals| socket.request(&mut frames, timeout, retries, signals))?;
        reply.iter().map(|frame| super::buffer::to_bytes(py, frame)).collect()
    }

    /// Raises what `_request` raises when no try had a reply.
    fn _no_reply(&self, py: Python<'_>, timeout: Option<f64>, retries: u32) -> PyResult<()> {
        let socket = self.core().or_raise(py)?;
        let timeout = timeout.map(super::interrupt::duration).transpose()?;
        Err(to_py(py, py.detach(|| socket.no_reply(timeout, retries))))
    }
}

/// The types that choose a peer by its routing id.
const TO_PEERS: [i32; 2] = [zmq_sys::ZMQ_SERVER as i32, zmq_sys::ZMQ_PEER as i32];

/// How a message is to be sent.
pub struct Manner<'a> {
    socket: &'a Socket,
    /// From so many bytes on memory is lent, not copied; None copies everything.
    threshold: Option<usize>,
    /// A tracker is wanted for what is lent.
    track: bool,
    /// The peer, for SERVER and PEER.
    routing_id: Option<u32>,
    /// The group, for RADIO.
    group: Option<CString>,
}

impl<'a> Manner<'a> {
    /// From the arguments of a call.
    ///
    /// # Errors
    /// ZMQError(ENOTSUP) for a peer or a group where the type knows none: libzmq would send all the same, to whomever.
    #[inline]
    pub fn new(
        py: Python<'_>,
        socket: &'a Socket,
        threshold: Option<usize>,
        track: bool,
        routing_id: Option<u32>,
        group: Option<&str>,
    ) -> PyResult<Self> {
        let wrong = |what: &str| Err(Error::explained(errno::ENOTSUP, what)).or_raise(py);
        if routing_id.is_some() && !TO_PEERS.contains(&socket.kind()) {
            return wrong("routing_id= is for SERVER and PEER sockets");
        }
        if group.is_some() && socket.kind() != zmq_sys::ZMQ_RADIO as i32 {
            return wrong("group= is for RADIO sockets");
        }
        let group = group.map(group_name).transpose()?;
        Ok(Manner { socket, threshold, track, routing_id, group })
    }

    /// What to send as one frame, and its tracker.
    #[inline]
    pub fn prepare<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<(Payload<'py>, Option<Py<PyAny>>)> {
        let py = data.py();
        let addressed = self.routing_id.is_some() || self.group.is_some();
        if let (Ok(bytes), None, false) = (data.cast::<PyBytes>(), self.threshold, addressed) {
            let payload = match bytes.as_bytes().len() {
                LARGE.. if !self.socket.shares_memory() => Payload::Message(lent(bytes)?),
                _ => Payload::Bytes(bytes.clone()),
            };
            return Ok((payload, None));
        }
        let (payload, tracker) = match data.cast::<PyFrame>() {
            Ok(frame) => self.prepare_frame(frame)?,
            Err(_) => match self.threshold {
                None => (Payload::of(data)?, None),
                Some(threshold) => self.prepare_lent(data, threshold)?,
            },
        };
        if !addressed {
            return Ok((payload, tracker));
        }
        let mut message = payload.into_message().or_raise(py)?;
        self.address(&mut message).or_raise(py)?;
        Ok((Payload::Message(message), tracker))
    }

    /// What to send as the frames of one message, and the tracker of all of them.
    pub fn prepare_all<'py>(&self, msg_parts: &Bound<'py, PyAny>) -> PyResult<(Vec<Payload<'py>>, Option<Py<PyAny>>)> {
        let py = msg_parts.py();
        let mut payloads = Vec::with_capacity(msg_parts.len().unwrap_or(0));
        let mut trackers = Vec::new();
        // A frame that nobody tracks leaves nothing to be said of the message.
        let mut tracked = true;
        each(msg_parts, |index, part| {
            let prepared = self.prepare(&part).map_err(|error| name_frame(py, error, index, &part));
            let (payload, tracker) = prepared?;
            payloads.push(payload);
            tracked &= tracker.is_some();
            trackers.extend(tracker);
            Ok(())
        })?;
        if payloads.is_empty() {
            return Err(PyValueError::new_err(
                "a message has at least one frame: send_multipart([b\"\"]) sends an empty one",
            ));
        }
        let tracker = if tracked { tracker::of_all(py, trackers)? } else { None };
        Ok((payloads, tracker))
    }

    fn prepare_frame<'py>(&self, frame: &Bound<'py, PyFrame>) -> PyResult<(Payload<'py>, Option<Py<PyAny>>)> {
        let py = frame.py();
        let tracker = frame.get().tracker().map(|tracker| tracker.clone_ref(py));
        if self.track && tracker.is_none() {
            return Err(PyValueError::new_err("this frame is not tracked: make it with Frame(data, track=True)"));
        }
        // The frame itself, as in pyzmq: it keeps the peer and the group that it was sent to.
        let shared = {
            let mut message = frame.get().lock();
            self.address(&mut message).and_then(|()| message.share())
        };
        Ok((Payload::Message(shared.or_raise(py)?), tracker))
    }

    fn prepare_lent<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        threshold: usize,
    ) -> PyResult<(Payload<'py>, Option<Py<PyAny>>)> {
        let py = data.py();
        let mut payload = Payload::of(data)?;
        if payload.part().len() < threshold {
            return Ok((payload, Some(tracker::finished(py)?)));
        }
        let frame = PyFrame::lend(data, self.track)?;
        let tracker = frame.tracker().map(|tracker| tracker.clone_ref(py));
        Ok((Payload::Message(frame.share(py)?), tracker))
    }

    fn address(&self, message: &mut Message) -> Result<()> {
        if let Some(routing_id) = self.routing_id {
            set_routing_id(message, routing_id)?;
        }
        if let Some(group) = &self.group {
            set_group(message, group)?;
        }
        Ok(())
    }
}

/// The common case: bytes, of which most can go at once.
#[inline]
fn send_bytes(
    py: Python<'_>,
    socket: &Socket,
    bytes: &Bound<'_, PyBytes>,
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<Option<Py<PyAny>>> {
    let data = bytes.as_bytes();
    if data.len() >= LARGE && !socket.shares_memory() {
        return send_message(py, socket, &mut lent(bytes)?, flags, timeout);
    }
    send_copy(py, socket, data, flags, timeout).map(|()| None)
}

#[inline]
fn send_copy(py: Python<'_>, socket: &Socket, data: &[u8], flags: i32, timeout: Option<f64>) -> PyResult<()> {
    if data.len() < LARGE {
        match socket.try_send_bytes(data, flags & SNDMORE) {
            Ok(()) => return Ok(()),
            Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
            Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
        }
    }
    send_waiting(py, socket, &mut [Part::Bytes(data)], flags, timeout)
}

/// Bytes in a message without a copy: they never change, so that nobody can tell. (A receiver in the same context could: it
/// would get this very memory, and must not write to it.)
fn lent(bytes: &Bound<'_, PyBytes>) -> PyResult<Message> {
    PyFrame::lend(bytes.as_any(), false)?.share(bytes.py())
}

fn send_message(
    py: Python<'_>,
    socket: &Socket,
    message: &mut Message,
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<Option<Py<PyAny>>> {
    let parts = &mut [Part::Given(message)];
    match socket.try_send(parts, flags & SNDMORE) {
        Ok(()) => return Ok(None),
        Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
        Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
    }
    send_waiting(py, socket, parts, flags, timeout)?;
    Ok(None)
}

/// Sends what could not go at once, waiting for room without the GIL.
#[cold]
pub fn send_waiting(
    py: Python<'_>,
    socket: &Socket,
    parts: &mut [Part<'_>],
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<()> {
    let end = until(flags, timeout, || socket.timeouts().1)?;
    blocking(py, |signals| socket.send(parts, flags & SNDMORE, end, signals))
}

/// When a call gives up: DONTWAIT, our `timeout=`, or the socket's own option.
pub fn until(flags: i32, timeout: Option<f64>, option: impl FnOnce() -> i64) -> PyResult<Deadline> {
    if flags & DONTWAIT != 0 {
        return Ok(Deadline::now());
    }
    match timeout {
        Some(_) => deadline(timeout),
        None => Ok(Deadline::from_ms(option())),
    }
}

/// Does something with each object of an iterable, and its number.
///
/// A list or a tuple is walked through as it is; what may run Python code to find the next one is made a list first.
fn each<'py>(
    iterable: &Bound<'py, PyAny>,
    mut work: impl FnMut(usize, Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        return tuple.iter().enumerate().try_for_each(|(index, object)| work(index, object));
    }
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        return list.iter().enumerate().try_for_each(|(index, object)| work(index, object));
    }
    let py = iterable.py();
    let list = call(py.get_type::<PyList>().as_any(), &PyTuple::new(py, [iterable])?)?;
    list.cast::<PyList>()?.iter().enumerate().try_for_each(|(index, object)| work(index, object))
}

/// pyzmq's TypeError names the frame that was wrong.
fn name_frame(py: Python<'_>, error: PyErr, index: usize, part: &Bound<'_, PyAny>) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(py) {
        return error;
    }
    let shown = repr(part).map_or_else(|_| "?".into(), |text| text.to_string());
    let short: String = shown.chars().take(40).collect();
    PyTypeError::new_err(format!("Frame {index} ({short}) does not support the buffer interface."))
}

fn repr<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    call(&py.import("builtins")?.getattr("repr")?, &PyTuple::new(py, [object])?)
}
