//! Receiving into Python. One DONTWAIT try with the GIL held; only what is not there yet waits, without it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::buffer::{call, to_bytes, to_list, Target};
use super::errors::{to_py, OrRaise};
use super::frame::PyFrame;
use super::interrupt::blocking;
use super::json;
use super::send::{until, DONTWAIT};
use super::socket::PySocket;
use crate::error::Error;
use crate::explain;
use crate::message::{Frames, Message};
use crate::socket::Socket;
use crate::transfer::LARGE;

#[pymethods]
impl PySocket {
    /// Receives one frame: bytes, or with copy=False a Frame, which does not copy a large payload (zmq_msg_recv).
    ///
    /// Of a message with several frames, the next recv() returns the next one while `rcvmore` is 1; recv_multipart() receives
    /// them all. With track=True a Frame has a `tracker`, which is done: what is received is libzmq's own memory.
    ///
    /// Waits for a message: with flags=DONTWAIT not at all, else for `timeout` seconds or, without one, for RCVTIMEO
    /// milliseconds (by default for ever). Raises Again when none came in time, ZMQError(EFSM) for a REQ or REP that is not to
    /// receive now, SocketClosed if it is or gets closed, ContextTerminated. A signal (Ctrl-C) ends the wait, too, and the
    /// socket is still usable.
    #[pyo3(signature = (flags=0, copy=true, track=false, *, timeout=None))]
    fn recv(&self, py: Python<'_>, flags: i32, copy: bool, track: bool, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        let mut message = Message::new();
        recv_frame(py, self.core().or_raise(py)?, &mut message, flags, timeout)?;
        if copy {
            return Ok(to_bytes(py, &message)?.into_any().unbind());
        }
        if track {
            return Ok(Py::new(py, PyFrame::wrap_tracked(py, message)?)?.into_any());
        }
        present(py, message, copy)
    }

    /// Receives all frames of a message: a list of bytes, or of Frame with copy=False.
    ///
    /// No other thread gets a frame of it. Limits and errors are those of recv().
    #[pyo3(signature = (flags=0, copy=true, track=false, *, timeout=None))]
    fn recv_multipart<'py>(
        &self,
        py: Python<'py>,
        flags: i32,
        copy: bool,
        track: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let frames = recv_frames(py, self.core().or_raise(py)?, flags, timeout)?;
        if copy {
            return to_list(py, &frames);
        }
        let list = PyList::empty(py);
        for frame in frames {
            if track {
                list.append(Py::new(py, PyFrame::wrap_tracked(py, frame)?)?)?;
            } else {
                list.append(present(py, frame, false)?)?;
            }
        }
        Ok(list)
    }

    /// Receives one frame into memory that is there already, and returns the frame's size in bytes.
    ///
    /// `buffer` is anything contiguous and writable: a bytearray, an array, a numpy array of any dtype and shape. At most
    /// `nbytes` bytes are written, or as many as it has room for (0, the default). A larger frame is cut off, and its rest
    /// is gone: then the size that is returned is more than what was written. An empty buffer discards the frame.
    ///
    /// The rest is as in recv(), with `timeout` in seconds. Raises BufferError for a buffer that is read-only or not
    /// contiguous, TypeError for what has none, ValueError for an `nbytes` below 0 or above the buffer's size; nothing is
    /// received then.
    #[pyo3(signature = (buffer, /, *, nbytes=0, flags=0, timeout=None))]
    fn recv_into(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        nbytes: isize,
        flags: i32,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        let socket = self.core().or_raise(py)?;
        let target = Target::of(buffer)?;
        let room = target.len();
        let limit = match usize::try_from(nbytes) {
            Ok(0) => room,
            Ok(limit) if limit <= room => limit,
            Ok(_) => {
                return Err(PyValueError::new_err(format!("nbytes={nbytes} is more than the buffer's {room} bytes")))
            }
            Err(_) => return Err(PyValueError::new_err(format!("nbytes={nbytes} is negative"))),
        };
        let mut message = Message::new();
        recv_frame(py, socket, &mut message, flags, timeout)?;
        let data = &message.as_slice()[..limit.min(message.len())];
        if data.len() < LARGE {
            target.write(data);
        } else {
            py.detach(|| target.write(data));
        }
        Ok(message.len())
    }

    /// Receives one frame of JSON as the object that it stands for; the rest is as in recv(), `timeout` in seconds.
    ///
    /// The object is that of Python's json.loads(), whose other keyword arguments are taken too. Raises ValueError for a
    /// frame that is not JSON; the frame is gone then.
    #[pyo3(signature = (flags=0, *, timeout=None, **kwargs))]
    fn recv_json<'py>(
        slf: &Bound<'py, Self>,
        flags: i32,
        timeout: Option<f64>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static OTHERWISE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        if kwargs.is_some() {
            let otherwise = OTHERWISE.get_or_try_init(py, || json::named(py, "brokerless._messages", "_recv_json"))?;
            return call(otherwise.bind(py), &(slf, flags, timeout, kwargs).into_pyobject(py)?);
        }
        let mut message = Message::new();
        recv_frame(py, slf.get().core().or_raise(py)?, &mut message, flags, timeout)?;
        json::read(py, message)
    }

    /// The next message: bytes, or a list of bytes if it has several frames. None when the socket or context is gone.
    fn _next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let socket = self.core().or_raise(py)?;
        let done = match socket.try_recv_multipart() {
            Err(error) if error.is_again() => {
                let end = until(0, None, || socket.timeouts().0)?;
                let waited = blocking(py, |signals| match socket.recv_multipart(end, signals) {
                    Err(error) if crate::socket::is_gone(&error) => Ok(None),
                    done => done.map(Some),
                })?;
                waited.map(|frames| unless_interrupted(py, socket, frames)).transpose()?
            }
            Err(error) if crate::socket::is_gone(&error) => None,
            Err(error) => return Err(to_py(py, explain::recv(socket, error, None))),
            Ok(frames) => Some(frames),
        };
        Ok(match done.as_deref() {
            None => None,
            Some([frame]) => Some(to_bytes(py, frame)?.into_any()),
            Some(frames) => Some(to_list(py, frames)?.into_any()),
        })
    }

    /// Waits for events, and returns those that are there: POLLIN (something to receive), POLLOUT (room to send), or 0.
    ///
    /// `timeout` is in milliseconds, as pyzmq has it here; None and negative wait for ever. `flags` are the events to wait for.
    #[pyo3(signature = (timeout=None, flags=1))]
    fn poll(&self, py: Python<'_>, timeout: Option<f64>, flags: i32) -> PyResult<i32> {
        let socket = self.core().or_raise(py)?;
        let end = super::poller::deadline_ms(timeout)?;
        blocking(py, |signals| socket.poll(flags, end, signals))
    }
}

/// Takes a frame, in place of `message`.
#[inline]
fn recv_frame(
    py: Python<'_>,
    socket: &Socket,
    message: &mut Message,
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<()> {
    match socket.try_recv_into(message) {
        Ok(()) => Ok(()),
        Err(error) => {
            *message = wait_for_frame(py, socket, error, flags, timeout)?;
            Ok(())
        }
    }
}

#[cold]
fn wait_for_frame(
    py: Python<'_>,
    socket: &Socket,
    error: Error,
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<Message> {
    if !error.is_again() || flags & DONTWAIT != 0 {
        return Err(to_py(py, explain::recv(socket, error, None)));
    }
    let end = until(flags, timeout, || socket.timeouts().0)?;
    let message = blocking(py, |signals| socket.recv(end, signals))?;
    match py.check_signals() {
        Ok(()) => Ok(message),
        Err(raised) => Err(given_back(socket, vec![message], raised)),
    }
}

/// What a wait has brought, unless a signal came with it: Python would raise KeyboardInterrupt as soon as the call returns, before
/// the program has the message. It is then the next one to be received.
fn unless_interrupted(py: Python<'_>, socket: &Socket, frames: Frames) -> PyResult<Frames> {
    match py.check_signals() {
        Ok(()) => Ok(frames),
        Err(raised) => Err(given_back(socket, frames, raised)),
    }
}

fn given_back(socket: &Socket, frames: Frames, raised: PyErr) -> PyErr {
    // Of a socket that was closed meanwhile nothing can be received any more, this no more than the rest.
    let _: Result<(), Error> = socket.give_back(frames);
    raised
}

/// Takes a whole message: at once with the GIL held, or waiting without it.
pub fn recv_frames(py: Python<'_>, socket: &Socket, flags: i32, timeout: Option<f64>) -> PyResult<Frames> {
    match socket.try_recv_multipart() {
        Ok(frames) => Ok(frames),
        Err(error) if error.is_again() && flags & DONTWAIT == 0 => {
            let end = until(flags, timeout, || socket.timeouts().0)?;
            let frames = blocking(py, |signals| socket.recv_multipart(end, signals))?;
            unless_interrupted(py, socket, frames)
        }
        Err(error) => Err(to_py(py, explain::recv(socket, error, None))),
    }
}

/// A received frame as Python gets it: bytes, or a Frame around it.
#[inline]
pub fn present(py: Python<'_>, message: Message, copy: bool) -> PyResult<Py<PyAny>> {
    if copy {
        let bytes: Bound<'_, PyBytes> = to_bytes(py, &message)?;
        return Ok(bytes.into_any().unbind());
    }
    // The class that Python knows, whose methods the package adds.
    Ok(Py::new(py, PyFrame::wrap(message))?.into_any())
}
