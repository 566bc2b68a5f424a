//! `Frame`: a message frame that Python reads and writes without a copy.

use std::ffi::{CStr, CString};

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyMemoryView, PyString, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use super::buffer::{self, Payload};
use super::errors::OrRaise;
use super::loan::Loan;
use super::tracker;
use crate::error::{errno, Error};
use crate::message::{Message, Part, GROUP_MAX_LENGTH};
use crate::options::MESSAGE_OPTIONS;

/// Below this many bytes, memory is copied after all unless `copy` says otherwise: sharing would cost more.
pub const COPY_THRESHOLD: usize = 65536;

/// One frame of a message, in libzmq's own memory or, with copy=False, in yours.
///
/// recv(copy=False) returns frames, and send() takes them, any number of times: neither copies a large payload.
/// `memoryview(frame)` reads and writes it in place, and keeps it alive; `bytes(frame)` copies it, `len(frame)` is its size in
/// bytes. `frame["User-Id"]` is get().
///
/// Frame(data) makes one from anything bytes-like. `copy` says whether its bytes are copied; None means those of fewer than
/// `copy_threshold` bytes (`zmq.COPY_THRESHOLD` by default). What is not copied must not be changed until libzmq is done with it: with
/// track=True, `tracker` tells when that is. Raises TypeError for str and for what is not bytes-like, BufferError for what is
/// not contiguous.
#[pyclass(frozen, subclass, weakref, name = "Frame", module = "brokerless._core")]
pub struct PyFrame {
    /// The lock is for the message's header: sharing, groups and routing ids write to it.
    message: Mutex<Message>,
    /// The object whose memory this is; pyzmq's frames hold theirs too, which programs see in its reference count.
    data: Option<Py<PyAny>>,
    tracker: Option<Py<PyAny>>,
    bytes: PyOnceLock<Py<PyBytes>>,
    view: Mutex<Option<Py<PyWeakrefReference>>>,
}

impl PyFrame {
    /// A frame around a message.
    pub fn wrap(message: Message) -> Self {
        PyFrame {
            message: Mutex::new(message),
            data: None,
            tracker: None,
            bytes: PyOnceLock::new(),
            view: Mutex::new(None),
        }
    }

    /// A frame around a message that nobody has to be told about: `tracker` is done.
    pub fn wrap_tracked(py: Python<'_>, message: Message) -> PyResult<Self> {
        Ok(PyFrame { tracker: Some(tracker::finished(py)?), ..Self::wrap(message) })
    }

    /// A frame in the memory of a Python object.
    pub fn lend(data: &Bound<'_, PyAny>, track: bool) -> PyResult<Self> {
        let py = data.py();
        let buffer = buffer::contiguous(data)?;
        let (event, tracker) = match track {
            true => tracker::new(py).map(|(event, tracker)| (Some(event), Some(tracker)))?,
            false => (None, None),
        };
        let message = Message::from_owner(Loan::new(buffer, event)).or_raise(py)?;
        Ok(PyFrame { data: Some(data.clone().unbind()), tracker, ..Self::wrap(message) })
    }

    /// The message, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Message> {
        self.message.lock()
    }

    /// Another message with the same content.
    pub fn share(&self, py: Python<'_>) -> PyResult<Message> {
        // Not in one expression: an exception is made without the lock.
        let shared = self.message.lock().share();
        shared.or_raise(py)
    }

    /// Who tells when libzmq is done with it, if anybody does.
    pub fn tracker(&self) -> Option<&Py<PyAny>> {
        self.tracker.as_ref()
    }
}

#[pymethods]
impl PyFrame {
    #[new]
    #[pyo3(signature = (data=None, track=false, copy=None, copy_threshold=None))]
    fn new(
        py: Python<'_>,
        data: Option<&Bound<'_, PyAny>>,
        track: bool,
        copy: Option<bool>,
        copy_threshold: Option<usize>,
    ) -> PyResult<Self> {
        let Some(data) = data else {
            return if track { Self::wrap_tracked(py, Message::new()) } else { Ok(Self::wrap(Message::new())) };
        };
        let mut payload = Payload::of(data)?;
        let part = payload.part();
        let copied = match (copy, copy_threshold) {
            (Some(copy), _) => copy,
            (None, Some(threshold)) => part.len() < threshold,
            (None, None) => part.len() < usual_threshold(py)?,
        };
        let message = match part {
            Part::Message(message) | Part::Given(message) => message.share(),
            Part::Bytes(bytes) if copied => Message::from_slice(bytes),
            Part::Bytes(_) => return Self::lend(data, track),
        };
        let message = message.or_raise(py)?;
        if track {
            Self::wrap_tracked(py, message)
        } else {
            Ok(Self::wrap(message))
        }
    }

    /// The frame's bytes, copied into a bytes object at the first look, and the same one from then on.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let copy = || buffer::to_bytes(py, &self.message.lock()).map(Bound::unbind);
        Ok(self.bytes.get_or_try_init(py, copy)?.bind(py).clone())
    }

    /// A memoryview of the frame's bytes, in place: one byte each, writable unless they belong to a bytes object.
    #[getter]
    fn buffer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyMemoryView>> {
        let py = slf.py();
        let known = slf.get().view.lock().as_ref().map(|view| view.clone_ref(py));
        if let Some(view) = known.and_then(|view| view.bind(py).call0().ok()) {
            if let Ok(view) = view.cast_into::<PyMemoryView>() {
                return Ok(view);
            }
        }
        let view = PyMemoryView::from(slf)?;
        let weak = PyWeakrefReference::new(&view)?.unbind();
        // The former one is dropped without the lock.
        let _former = slf.get().view.lock().replace(weak);
        Ok(view)
    }

    /// Tells when libzmq is done with the frame's memory: a MessageTracker, or None for a frame made without track=True.
    #[getter]
    #[pyo3(name = "tracker")]
    fn py_tracker(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.tracker.as_ref().map(|tracker| tracker.clone_ref(py))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.bytes(py)
    }

    fn __len__(&self) -> usize {
        self.message.lock().len()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let kind = slf.get_type();
        let name = match kind.is(slf.py().get_type::<PyFrame>()) {
            true => "zmq.Frame".to_owned(),
            false => format!("{}.{}", kind.module()?, kind.name()?),
        };
        let (start, len) = {
            let message = slf.get().message.lock();
            let bytes = message.as_slice();
            (PyBytes::new(slf.py(), if bytes.len() > 16 { &bytes[..12] } else { bytes }), bytes.len())
        };
        let rest = match len {
            0..=16 => String::new(),
            17..=999 => format!("...{len}B"),
            1_000..=999_999 => format!("...{}kB", len / 1_000),
            1_000_000..=999_999_999 => format!("...{}MB", len / 1_000_000),
            _ => format!("...{}GB", len / 1_000_000_000),
        };
        Ok(format!("<{name}({}{rest})>", start.repr()?))
    }

    /// As a table, for a notebook.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("brokerless._repr_html")?.getattr("frame")?.call1((slf,))
    }

    /// Another frame of the same content, which is shared rather than copied where it is large.
    fn __copy__(&self, py: Python<'_>) -> PyResult<Self> {
        self.fast_copy(py)
    }

    /// Another frame of the same content, as copy.copy() makes it.
    fn fast_copy(&self, py: Python<'_>) -> PyResult<Self> {
        let copy = PyFrame {
            data: self.data.as_ref().map(|data| data.clone_ref(py)),
            tracker: self.tracker.as_ref().map(|tracker| tracker.clone_ref(py)),
            ..Self::wrap(self.share(py)?)
        };
        if let Some(bytes) = self.bytes.get(py) {
            copy.bytes.get_or_init(py, || bytes.clone_ref(py));
        }
        Ok(copy)
    }

    /// Whether more frames of the same message follow (zmq_msg_more). Always False for a frame that was not received.
    #[getter]
    fn more(&self) -> bool {
        self.message.lock().more()
    }

    /// The peer that the frame came from, or goes to: a number, for SERVER and PEER sockets (RFC 41).
    ///
    /// Raises ZMQError(EINVAL) for a frame that has none, and when 0 is set.
    #[getter]
    fn routing_id(&self, py: Python<'_>) -> PyResult<u32> {
        let routing_id = self.message.lock().routing_id();
        match routing_id {
            0 => Err(Error::explained(errno::EINVAL, "this frame has no routing id: SERVER and PEER sockets give one")),
            routing_id => Ok(routing_id),
        }
        .or_raise(py)
    }

    #[setter]
    fn set_routing_id(&self, py: Python<'_>, routing_id: u32) -> PyResult<()> {
        let done = set_routing_id(&mut self.message.lock(), routing_id);
        done.or_raise(py)
    }

    /// The group that the frame was sent to, or is to be sent to, for RADIO and DISH sockets (RFC 48); "" is none.
    ///
    /// At most 14 bytes in UTF-8: more raise ZMQError(EINVAL).
    #[getter]
    fn group(&self) -> String {
        self.message.lock().group()
    }

    #[setter]
    fn set_group(&self, py: Python<'_>, group: &Bound<'_, PyAny>) -> PyResult<()> {
        let group = text(group)?;
        let done = set_group(&mut self.message.lock(), &group);
        done.or_raise(py)
    }

    /// A property of the frame: an int for a MessageOption (`zmq.MORE`, `zmq.SHARED`; zmq_msg_get), a str for the name of a
    /// property of the connection that it came by ("Peer-Address", "Socket-Type", "User-Id"...; zmq_msg_gets). "routing_id"
    /// and "group" are the attributes of these names.
    ///
    /// Raises ZMQError(EINVAL) for an option or property that the frame does not have.
    fn get(&self, py: Python<'_>, option: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(number) = option.extract::<i32>() {
            let value = self.message.lock().get(number);
            return Ok(value.or_raise(py)?.into_pyobject(py)?.into_any().unbind());
        }
        let name = text(option)?;
        match name.to_bytes() {
            b"routing_id" => return Ok(self.routing_id(py)?.into_pyobject(py)?.into_any().unbind()),
            b"group" => return Ok(self.group().into_pyobject(py)?.into_any().unbind()),
            _ => {}
        }
        let value = self.message.lock().property(&name);
        match value {
            Some(value) => Ok(value.into_pyobject(py)?.into_any().unbind()),
            None => {
                let why = format!("this frame has no property {name:?}; it must be received with copy=False");
                Err(Error::explained(errno::EINVAL, why)).or_raise(py)
            }
        }
    }

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.get(py, key)
    }

    /// Sets "routing_id" or "group", as the attributes of these names do.
    ///
    /// Raises ZMQError(EINVAL) for the number of an option: libzmq has none that can be set.
    fn set(&self, py: Python<'_>, option: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(number) = option.extract::<i32>() {
            value.extract::<i32>()?;
            let why = format!("the option {number} of a frame cannot be set");
            return Err(Error::explained(errno::EINVAL, why)).or_raise(py);
        }
        let name = text(option)?;
        match name.to_bytes() {
            b"routing_id" => self.set_routing_id(py, value.extract()?),
            b"group" => self.set_group(py, value),
            _ => Err(Error::explained(errno::EINVAL, format!("the property {name:?} of a frame cannot be set")))
                .or_raise(py),
        }
    }

    /// The message options by their names, as sockets have theirs: `frame.MORE`, `frame.SHARED`.
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<i32> {
        let upper = name.to_uppercase();
        let Some(option) = MESSAGE_OPTIONS.iter().find(|option| option.name == upper) else {
            return Err(PyAttributeError::new_err(format!("Frame has no such option: {upper}")));
        };
        let value = self.message.lock().get(option.number);
        value.or_raise(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.data)?;
        visit.call(&self.tracker)
    }
}

/// `zmq.COPY_THRESHOLD`, which programs may set.
fn usual_threshold(py: Python<'_>) -> PyResult<usize> {
    py.import("brokerless")?.getattr("COPY_THRESHOLD")?.extract()
}

/// pyzmq takes names and groups as str and bytes.
fn text(value: &Bound<'_, PyAny>) -> PyResult<CString> {
    let bytes = match value.cast::<PyString>() {
        Ok(text) => text.to_str()?.as_bytes().to_vec(),
        Err(_) => value
            .cast::<PyBytes>()
            .map_err(|_| PyTypeError::new_err(format!("expected str or int, got: {value:?}")))?
            .as_bytes()
            .to_vec(),
    };
    CString::new(bytes).map_err(|_| PyValueError::new_err("there is no NUL in the name of a property or group"))
}

/// Addresses a message to a peer.
pub fn set_routing_id(message: &mut Message, routing_id: u32) -> crate::error::Result<()> {
    message.set_routing_id(routing_id).map_err(|error| error.or_explain(|| "a routing id is not 0".into()))
}

/// Sends a message to a group.
pub fn set_group(message: &mut Message, group: &CStr) -> crate::error::Result<()> {
    message
        .set_group(group)
        .map_err(|error| error.or_explain(|| format!("a group has {GROUP_MAX_LENGTH} bytes at most")))
}

/// `group=` of send().
pub fn group_name(group: &str) -> PyResult<CString> {
    CString::new(group).map_err(|_| PyValueError::new_err("there is no NUL in the name of a group"))
}
