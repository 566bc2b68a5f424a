//! Receiving many messages: into a list, as objects, or into an array. Whatever is not handed out goes back to the socket.

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::super::buffer::{to_bytes, to_list, Target};
use super::super::errors::{to_py, OrRaise};
use super::super::interrupt::blocking;
use super::super::send::{until, DONTWAIT};
use super::super::socket::PySocket;
use super::{only_dontwait, read_json};
use crate::batch::{Haul, Limits, Odd, CHUNK_BYTES};
use crate::error::Error;
use crate::explain;
use crate::message::Message;
use crate::socket::Socket;

/// How many chunks are taken with the GIL, before it is given up to wait or to take more.
const AT_ONCE: usize = 4;

#[pymethods]
impl PySocket {
    /// Receives up to `max` messages at once: a list of bytes or, for a message of several frames, lists of bytes.
    ///
    /// Waits until `min` messages are there, and takes what else is there without waiting. It waits with flags=DONTWAIT not at
    /// all, else for `timeout` seconds or, without one, for RCVTIMEO milliseconds (by default for ever). When the time is over
    /// it returns what there is, and raises Again if that is nothing.
    ///
    /// When it raises (a signal came, the socket was closed, see recv()), what it had taken is the socket's again, as the next
    /// to be received. Raises ValueError unless 1 <= min <= max. While messages keep coming it returns after 10 ms, also
    /// with fewer than `max`. A `min` of thousands needs room for so many: see RCVHWM.
    #[pyo3(signature = (max=1000, flags=0, *, min=1, timeout=None))]
    fn recv_many<'py>(
        &self,
        py: Python<'py>,
        max: isize,
        flags: i32,
        min: isize,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let socket = self.core().or_raise(py)?;
        let haul = catch(py, socket, Haul::new(), limits(max, min)?, flags, timeout)?;
        hand_out(py, socket, haul)
    }

    /// Receives up to `max` messages of JSON at once: a list of the objects, each as recv_json() reads it.
    ///
    /// The rest is as in recv_many(), with `timeout` in seconds. A message that is not JSON, or has several frames, ends the
    /// list before it and is the next to be received. If it is the first one, ValueError is raised, and it is gone, as in
    /// recv_json().
    #[pyo3(signature = (max=1000, flags=0, *, min=1, timeout=None))]
    fn recv_json_many<'py>(
        &self,
        py: Python<'py>,
        max: isize,
        flags: i32,
        min: isize,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyList>> {
        let socket = self.core().or_raise(py)?;
        let haul = catch(py, socket, Haul::new(), limits(max, min)?, flags, timeout)?;
        hand_out_json(py, socket, haul)
    }

    /// Receives messages into the records of an array, and returns how many records it filled, from the first one on.
    ///
    /// `buffer` is anything contiguous and writable: a numpy array of any dtype, an array, a memoryview. Its first axis counts
    /// the records, so that each has itemsize times the lengths of the other axes in bytes. Each message fills one record: it
    /// has one frame of exactly that size.
    ///
    /// Waits until `min` messages are there, and takes what else is there, as far as there are records; `timeout` is in
    /// seconds, and the rest is as in recv_many(). A message that is no record is not taken: the call returns the records
    /// before it, also fewer than `min`; if there are none it raises ValueError, and recv_multipart() takes it.
    ///
    /// Raises ValueError for records of no bytes, and unless 1 <= min <= records; BufferError for a buffer that is read-only or
    /// not contiguous, TypeError for what has none.
    #[pyo3(signature = (buffer, flags=0, *, min=1, timeout=None))]
    fn recv_many_into(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        flags: i32,
        min: isize,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        let socket = self.core().or_raise(py)?;
        let (target, count, size) = records(buffer)?;
        let limits = limits(isize::try_from(count)?, min)?;
        let mut haul = catch(py, socket, Haul::of_records(size), limits, flags, timeout)?;
        fill(py, &target, &mut haul, size)
    }
}

/// The numbers of messages, checked.
fn limits(max: isize, min: isize) -> PyResult<Limits> {
    match (usize::try_from(max), usize::try_from(min)) {
        (Ok(max), Ok(min)) if 1 <= min && min <= max => Ok(Limits { min, max }),
        _ => Err(PyValueError::new_err(format!("1 <= min <= max, but min={min} and max={max}"))),
    }
}

/// Memory for records: how many, of how many bytes.
pub(super) fn records(buffer: &Bound<'_, PyAny>) -> PyResult<(Target, usize, usize)> {
    let target = Target::of(buffer)?;
    let (count, size) = target.records()?;
    if count == 0 {
        return Err(PyValueError::new_err("the buffer has no room for a record"));
    }
    Ok((target, count, size))
}

/// Takes messages: at least one, or one that is no record.
fn catch(
    py: Python<'_>,
    socket: &Socket,
    mut haul: Haul,
    limits: Limits,
    flags: i32,
    timeout: Option<f64>,
) -> PyResult<Haul> {
    only_dontwait(flags)?;
    let end = until(flags, timeout, || socket.timeouts().0)?;
    let mut more = true;
    for _ in 0..AT_ONCE {
        match socket.try_recv_many(&mut haul, limits.max) {
            Ok(rest) => more = rest,
            Err(error) if haul.is_empty() && (!error.is_again() || flags & DONTWAIT != 0) => {
                return Err(to_py(py, explain::recv(socket, error, None)));
            }
            // What is wrong after the first messages, whoever waits or the next call finds as well.
            Err(_) => more = false,
        }
        if !more {
            break;
        }
    }
    let enough = haul.len() >= limits.min || haul.odd().is_some() || flags & DONTWAIT != 0;
    if !enough || more {
        blocking(py, |signals| socket.recv_many(&mut haul, limits, end, signals))?;
    }
    Ok(haul)
}

/// Gives back what nobody got.
pub(super) fn give_back(socket: &Socket, frames: Vec<Message>) {
    // What a closed socket has not handed out ends with it; other errors there are none.
    let _: Result<(), Error> = socket.give_back(frames);
}

/// The messages as a list.
pub(super) fn hand_out<'py>(py: Python<'py>, socket: &Socket, mut haul: Haul) -> PyResult<Bound<'py, PyList>> {
    let list = || -> PyResult<_> {
        if let Some(frames) = haul.single() {
            return to_list(py, frames);
        }
        let mut messages = Vec::with_capacity(haul.len());
        for frames in haul.messages() {
            messages.push(match frames {
                [frame] => to_bytes(py, frame)?.into_any(),
                frames => to_list(py, frames)?.into_any(),
            });
        }
        PyList::new(py, messages)
    };
    list().inspect_err(|_| give_back(socket, haul.take()))
}

/// The objects that the messages have as JSON, up to the first that has none.
pub(super) fn hand_out_json<'py>(py: Python<'py>, socket: &Socket, mut haul: Haul) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let read = || haul.messages().try_for_each(|frames| list.append(read_json(py, frames)?));
    match read() {
        Ok(()) => Ok(list),
        Err(error) if !error.is_instance_of::<PyException>(py) => {
            // A signal: it has nothing to do with the message.
            give_back(socket, haul.take());
            Err(error)
        }
        Err(error) if list.is_empty() => {
            give_back(socket, haul.split_off(1));
            Err(error)
        }
        Err(_) => {
            // The next call says what is wrong with it.
            give_back(socket, haul.split_off(list.len()));
            Ok(list)
        }
    }
}

/// Writes the messages to the records.
pub(super) fn fill(py: Python<'_>, target: &Target, haul: &mut Haul, size: usize) -> PyResult<usize> {
    if let (true, Some(odd)) = (haul.is_empty(), haul.odd()) {
        return Err(no_record(odd, size));
    }
    let write = |haul: &mut Haul| {
        for (index, frame) in haul.single().unwrap_or_default().iter().enumerate() {
            target.write_at(index * size, frame.as_slice());
        }
    };
    match haul.len() * size < CHUNK_BYTES {
        true => write(haul),
        false => py.detach(|| write(haul)),
    }
    Ok(haul.len())
}

fn no_record(odd: Odd, size: usize) -> PyErr {
    let frames = if odd.frames == 1 { "1 frame".into() } else { format!("{} frames", odd.frames) };
    PyValueError::new_err(format!(
        "the next message has {} bytes in {frames}, and a record is 1 frame of {size}: recv_multipart() takes it",
        odd.bytes
    ))
}
