//! Sending from Python. One DONTWAIT try with the GIL held; only what cannot go now waits, without it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::buffer::{parts, Payload};
use super::errors::to_py;
use super::interrupt::{blocking, deadline};
use super::socket::{unsupported, PySocket};
use super::{errors::OrRaise, json};
use crate::explain;
use crate::message::Part;
use crate::socket::Socket;
use crate::transfer::SNDMORE;
use crate::wait::Deadline;

/// Do not wait.
pub const DONTWAIT: i32 = zmq_sys::ZMQ_DONTWAIT as i32;

/// Above this, the copy into libzmq is made without the GIL.
pub const LARGE: usize = 64 * 1024;

#[pymethods]
impl PySocket {
    /// Sends one frame: a message, or with flags=SNDMORE a part of one, which the next send continues (zmq_msg_send).
    ///
    /// `data` is bytes, a Frame, or anything contiguous and bytes-like (bytearray, memoryview, array, numpy), but no str: see
    /// send_string(). It is copied, but for a large Frame, which is shared, whatever `copy` says. track=True together with
    /// copy=False, `routing_id` and `group` are refused (ENOTSUP).
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
    ) -> PyResult<()> {
        refuse_untracked(py, copy, track, routing_id.is_some() || group.is_some())?;
        let socket = self.core().or_raise(py)?;
        let mut payload = Payload::of(data)?;
        let mut part = payload.part();
        let flags_sent = flags & SNDMORE;
        if part.len() < LARGE {
            let tried = match &part {
                Part::Bytes(bytes) => socket.try_send_bytes(bytes, flags_sent),
                Part::Message(_) => socket.try_send(std::slice::from_mut(&mut part), flags_sent),
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
                Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
            }
        }
        send_waiting(py, socket, &mut [part], flags, timeout)
    }

    /// Sends all frames as one message, or none of them.
    ///
    /// `msg_parts` is an iterable of what send() takes, of one frame at least; the rest is as in send(). Other threads' messages
    /// never get between the frames. With flags=SNDMORE the next send continues this message.
    #[pyo3(signature = (msg_parts, flags=0, copy=true, track=false, *, timeout=None))]
    fn send_multipart(
        &self,
        py: Python<'_>,
        msg_parts: &Bound<'_, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        refuse_untracked(py, copy, track, false)?;
        let socket = self.core().or_raise(py)?;
        let mut payloads = payloads(msg_parts)?;
        let mut frames = parts(&mut payloads);
        if frames.iter().map(Part::len).sum::<usize>() < LARGE {
            match socket.try_send(&mut frames, flags & SNDMORE) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
                Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
            }
        }
        send_waiting(py, socket, &mut frames, flags, timeout)
    }

    /// Sends an object as JSON if Rust can write it as Python's json does; False if the caller must.
    #[pyo3(signature = (obj, flags, timeout))]
    fn _send_json(&self, py: Python<'_>, obj: &Bound<'_, PyAny>, flags: i32, timeout: Option<f64>) -> PyResult<bool> {
        let Some(data) = json::dumps(obj)? else {
            return Ok(false);
        };
        let socket = self.core().or_raise(py)?;
        match socket.try_send_bytes(&data, flags & SNDMORE) {
            Ok(()) => return Ok(true),
            Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
            Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
        }
        send_waiting(py, socket, &mut [Part::Bytes(&data)], flags, timeout)?;
        Ok(true)
    }

    /// Sends a request until its reply comes; a list of frames.
    #[pyo3(signature = (msg_parts, timeout, retries))]
    fn _request<'py>(
        &self,
        py: Python<'py>,
        msg_parts: &Bound<'py, PyAny>,
        timeout: Option<f64>,
        retries: u32,
    ) -> PyResult<Vec<Bound<'py, pyo3::types::PyBytes>>> {
        let socket = self.core().or_raise(py)?;
        let timeout = timeout.map(super::interrupt::duration).transpose()?;
        let mut payloads = Vec::new();
        for part in msg_parts.try_iter()? {
            payloads.push(Payload::of(&part?)?);
        }
        let mut frames = parts(&mut payloads);
        let reply = blocking(py, |signals| socket.request(&mut frames, timeout, retries, signals))?;
        Ok(reply.iter().map(|frame| super::buffer::to_bytes(py, frame)).collect())
    }
}

/// What to send as the frames of one message.
pub fn payloads<'py>(msg_parts: &Bound<'py, PyAny>) -> PyResult<Vec<Payload<'py>>> {
    let mut payloads = Vec::with_capacity(msg_parts.len().unwrap_or(0));
    for (index, part) in msg_parts.try_iter()?.enumerate() {
        let part = part?;
        payloads.push(Payload::of(&part).map_err(|error| name_frame(msg_parts.py(), error, index, &part))?);
    }
    if payloads.is_empty() {
        return Err(pyo3::exceptions::PyValueError::new_err(
            "a message has at least one frame: send_multipart([b\"\"]) sends an empty one",
        ));
    }
    Ok(payloads)
}

fn send_waiting(
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

fn refuse_untracked(py: Python<'_>, copy: bool, track: bool, draft: bool) -> PyResult<()> {
    if draft {
        return Err(unsupported("routing_id= and group= belong to draft socket types, which cannot be opened yet"))
            .or_raise(py);
    }
    if !copy && track {
        return Err(unsupported("track=True with copy=False is not offered yet")).or_raise(py);
    }
    Ok(())
}

/// pyzmq's TypeError names the frame that was wrong.
fn name_frame(py: Python<'_>, error: PyErr, index: usize, part: &Bound<'_, PyAny>) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(py) {
        return error;
    }
    let shown = part.repr().map_or_else(|_| "?".into(), |text| text.to_string());
    let short: String = shown.chars().take(40).collect();
    PyTypeError::new_err(format!("Frame {index} ({short}) does not support the buffer interface."))
}
