//! Python's bytes lent to the core, the core's messages lent to Python, the call of Python code that Rust can be left in;
//! and in [`quick`] the short way in for the calls that count most. The only glue with `unsafe`.
#![allow(unsafe_code)]

mod quick;

use std::ffi::c_int;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyMemoryView, PyString, PyTuple};

use super::frame::PyFrame;
use super::loan::is_fixed;
use crate::error::Result;
use crate::message::{Message, Part};
use crate::transfer::LARGE;

pub use quick::shorten;

/// What may be sent: it keeps the Python object alive, and its buffer from being resized.
pub enum Payload<'py> {
    /// The common case.
    Bytes(Bound<'py, PyBytes>),
    /// bytearray, memoryview, array, numpy...
    Buffer(Held),
    /// A frame of ours, shared rather than copied.
    Message(Message),
}

impl<'py> Payload<'py> {
    /// Takes any contiguous bytes-like object.
    ///
    /// # Errors
    /// TypeError for anything else, str above all; BufferError for strides.
    pub fn of(data: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return Ok(Payload::Bytes(bytes.clone()));
        }
        if let Ok(frame) = data.cast::<PyFrame>() {
            return frame.get().share(data.py()).map(Payload::Message);
        }
        if data.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(
                "str objects not allowed: send bytes, or use send_string() which encodes them",
            ));
        }
        contiguous(data).map(Payload::Buffer)
    }

    /// A message of its own: what libzmq does not have yet is copied.
    pub fn into_message(self) -> Result<Message> {
        match self {
            Payload::Bytes(bytes) => Message::from_slice(bytes.as_bytes()),
            Payload::Buffer(buffer) => Message::from_slice(lend(&buffer)),
            Payload::Message(message) => Ok(message),
        }
    }

    /// The part to send.
    pub fn part(&mut self) -> Part<'_> {
        match self {
            Payload::Bytes(bytes) => Part::Bytes(bytes.as_bytes()),
            Payload::Buffer(buffer) => Part::Bytes(lend(buffer)),
            Payload::Message(message) => Part::Message(message),
        }
    }
}

/// The buffer of an object, which keeps its memory in place.
pub struct Held {
    // The order counts: the buffer goes first.
    buffer: PyUntypedBuffer,
    _view: Option<View>,
    /// It had no dimensions, and looks like bytes now.
    scalar: bool,
}

/// What stands between a buffer and an exporter that may be Python code.
struct View(Py<PyMemoryView>);

impl Held {
    /// Asks the object for its buffer. A class made in Python may answer with code of its own (since 3.12), which a
    /// memoryview calls for us.
    fn get(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        // SAFETY: it reads the flags of a type that its object keeps alive.
        let made_in_python = unsafe { ffi::PyType_HasFeature(data.get_type().as_type_ptr(), ffi::Py_TPFLAGS_HEAPTYPE) };
        if made_in_python == 0 {
            match PyUntypedBuffer::get(data) {
                // A scalar's buffer has no dimensions, and PyO3 wants some.
                Err(error) if error.is_instance_of::<PyBufferError>(data.py()) => {}
                got => return Ok(Held { buffer: got?, _view: None, scalar: false }),
            }
        }
        let mut view = call(data.py().get_type::<PyMemoryView>().as_any(), &PyTuple::new(data.py(), [data])?)?;
        let scalar = view.getattr("ndim")?.extract::<usize>()? == 0;
        if scalar {
            view = view.call_method1("cast", ("B",))?;
        }
        Ok(Held { buffer: PyUntypedBuffer::get(&view)?, _view: Some(View(view.cast_into()?.unbind())), scalar })
    }
}

impl std::ops::Deref for Held {
    type Target = PyUntypedBuffer;

    fn deref(&self) -> &PyUntypedBuffer {
        &self.buffer
    }
}

impl Drop for View {
    fn drop(&mut self) {
        Python::try_attach(|py| {
            let view = self.0.bind(py);
            let released = view.getattr("release").and_then(|release| call(&release, &PyTuple::empty(py)));
            if let Err(error) = released {
                // As for whatever fails while Python takes something apart: shown, but there is nobody to raise to.
                error.write_unraisable(py, Some(view));
            }
        });
    }
}

/// The buffer of a bytes-like object, which keeps its memory in place.
///
/// # Errors
/// TypeError for what has none; BufferError for strides.
pub fn contiguous(data: &Bound<'_, PyAny>) -> PyResult<Held> {
    let buffer = Held::get(data).map_err(|error| {
        let kind = data.get_type();
        if error.is_instance_of::<PyTypeError>(data.py()) {
            PyTypeError::new_err(format!("{kind} objects cannot be sent: bytes-like ones can"))
        } else {
            error
        }
    })?;
    if !buffer.is_c_contiguous() {
        return Err(PyBufferError::new_err("the buffer is not contiguous: send a copy, bytes(data)"));
    }
    Ok(buffer)
}

/// Memory of a Python object to be written to.
pub struct Target(Held);

impl Target {
    /// Takes any contiguous, writable buffer.
    ///
    /// # Errors
    /// TypeError for what has no buffer; BufferError for one that is read-only or has strides.
    pub fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = Held::get(data).map_err(|error| {
            let kind = data.get_type();
            if error.is_instance_of::<PyTypeError>(data.py()) {
                PyTypeError::new_err(format!("{kind} objects have no memory to receive into: a bytearray has"))
            } else {
                error
            }
        })?;
        if buffer.readonly() {
            return Err(PyBufferError::new_err("the buffer is read-only: receive into a bytearray, or an array"));
        }
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("the buffer is not contiguous"));
        }
        Ok(Target(buffer))
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.0.len_bytes()
    }

    /// Whether it has no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records it has room for, counted by its first axis, and the bytes of one of them.
    ///
    /// # Errors
    /// ValueError where there is no such axis, or no byte in a record.
    pub fn records(&self) -> PyResult<(usize, usize)> {
        let shape = if self.0.scalar { &[] } else { self.0.shape() };
        let Some((&count, rest)) = shape.split_first() else {
            return Err(PyValueError::new_err("the buffer has no axis that counts records: its shape is ()"));
        };
        let size = rest.iter().product::<usize>() * self.0.item_size();
        if size == 0 {
            return Err(PyValueError::new_err(format!("a record has no bytes in a buffer of the shape {shape:?}")));
        }
        Ok((count, size))
    }

    /// Writes to its beginning; what does not fit is cut off.
    pub fn write(&self, data: &[u8]) {
        self.write_at(0, data);
    }

    /// Writes behind so many bytes; what does not fit is cut off.
    pub fn write_at(&self, start: usize, data: &[u8]) {
        let start = start.min(self.len());
        let count = data.len().min(self.len() - start);
        // SAFETY: a writable C-contiguous buffer has `len` bytes, `start + count` of them at least, which the exporter keeps in place while it is
        // held. Another thread may read or write them meanwhile, as with every user of the buffer protocol; they are bytes,
        // so that such a race garbles the caller's own data and nothing else. `data` is libzmq's memory or, where a frame
        // was sent to oneself without a copy, may be this very memory: hence `copy`, which allows overlap.
        unsafe { std::ptr::copy(data.as_ptr(), self.0.buf_ptr().cast::<u8>().add(start), count) };
    }
}

/// The bytes of a contiguous buffer, for as long as it is held.
pub fn lend(buffer: &PyUntypedBuffer) -> &[u8] {
    let len = buffer.len_bytes();
    if len == 0 {
        return &[];
    }
    // SAFETY: a C-contiguous buffer has `len` bytes at its start, and the exporter keeps them in place while the buffer is
    // held. Another thread may write to them meanwhile, as with every user of the buffer protocol: the bytes are only
    // copied, never interpreted, so that such a race can garble the caller's own data and nothing else.
    unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), len) }
}

#[pymethods]
impl PyFrame {
    /// Lends the frame's bytes: to be written to as well, but where they are those of a `bytes` that was sent without a copy.
    ///
    /// # Safety
    /// CPython alone calls this, with a view for it to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // The lock is not held below: an exception is made there.
        let (data, len) = {
            let message = slf.get().lock();
            let data = message.as_slice();
            (data.as_ptr(), data.len())
        };
        let len = isize::try_from(len)?;
        // For no bytes this is a dangling address, not NULL, which some users of buffers dislike.
        let start = data.cast_mut().cast();
        let readonly = c_int::from(is_fixed(data));
        // SAFETY: `view` is CPython's. The bytes stay in place while the frame lives, whose reference the view takes: the
        // frame never gives its message away, and sharing changes only the message's header. Who writes to them while they
        // are read elsewhere (sent, copied) garbles these bytes, as with every user of the buffer protocol.
        let rc = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, readonly, flags) };
        if rc == -1 {
            return Err(PyErr::fetch(slf.py()));
        }
        Ok(())
    }
}

/// Parts of all payloads, for one message.
pub fn parts<'a>(payloads: &'a mut [Payload<'_>]) -> Vec<Part<'a>> {
    payloads.iter_mut().map(Payload::part).collect()
}

/// Copies the message into a new bytes object.
///
/// # Errors
/// MemoryError, where PyBytes::new would panic: messages can be large.
#[inline]
pub fn to_bytes<'py>(py: Python<'py>, message: &Message) -> PyResult<Bound<'py, PyBytes>> {
    new_bytes(py, message.as_slice())
}

#[inline]
fn new_bytes<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let len = isize::try_from(data.len())?;
    if data.len() >= LARGE {
        return copied_aside(py, data, len);
    }
    // SAFETY: `len` readable bytes, which Python copies; the answer is a new reference to a bytes object, or NULL with an
    // exception set.
    unsafe {
        let bytes = ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), len);
        Ok(Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked())
    }
}

/// Copies what takes long without the GIL.
#[cold]
fn copied_aside<'py>(py: Python<'py>, data: &[u8], len: isize) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: a new bytes object of `len` bytes, or NULL with an exception set. Nobody else knows it yet, so that it may be
    // filled, as Python's C API has it; the slice is not used after.
    unsafe {
        let bytes = ffi::PyBytes_FromStringAndSize(std::ptr::null(), len);
        let bytes = Bound::from_owned_ptr_or_err(py, bytes)?.cast_into_unchecked::<PyBytes>();
        let start = ffi::PyBytes_AsString(bytes.as_ptr()).cast::<u8>();
        // Its bytes are not written yet: a slice of them would be of what is not initialised.
        let start = start.expose_provenance();
        py.detach(|| {
            std::ptr::copy_nonoverlapping(data.as_ptr(), std::ptr::with_exposed_provenance_mut(start), data.len())
        });
        Ok(bytes)
    }
}

/// The frames of a message as a list of bytes.
pub fn to_list<'py>(py: Python<'py>, frames: &[Message]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, frames.iter().map(|frame| to_bytes(py, frame)).collect::<PyResult<Vec<_>>>()?)
}

/// Calls what may run Python code.
///
/// Before 3.14, Python ends daemon threads at the end of the process by unwinding them, wherever they run its code. Rust
/// takes Python's C functions for ones that never unwind: what is to be done then is left out, or the process aborts. So
/// here is the one call whose end is seen to, and nothing of ours stands between it and the code: the thread stays where
/// it is, as Python does itself from 3.14 on.
#[inline]
pub fn call<'py>(function: &Bound<'py, PyAny>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    call_with(function, args, None)
}

/// [`call`] with keyword arguments.
pub fn call_with<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    type Object = *mut ffi::PyObject;
    type Known = unsafe extern "C" fn(Object, Object, Object) -> Object;
    type Unwindable = unsafe extern "C-unwind" fn(Object, Object, Object) -> Object;

    // Called straight and without any landing place but Stay's; the black box keeps the compiler from knowing better.
    #[inline(never)]
    fn unwindable(function: Object, args: Object, kwargs: Object) -> Object {
        let known = std::hint::black_box(ffi::PyObject_Call as Known);
        // SAFETY: the same function with the same arguments; "C-unwind" is "C" that may be unwound.
        let call = unsafe { std::mem::transmute::<Known, Unwindable>(known) };
        let stay = Stay;
        // SAFETY: all are alive (or no keyword arguments: NULL), and the GIL is held: the caller has them from Bound.
        let answer = unsafe { call(function, args, kwargs) };
        std::mem::forget(stay);
        answer
    }

    let kwargs = kwargs.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let answer = unwindable(function.as_ptr(), args.as_ptr(), kwargs);
    // SAFETY: a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), answer) }
}

/// The next object of an iterator, which may be Python code: left like [`call`].
pub fn next<'py>(iterator: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    type Known = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
    type Unwindable = unsafe extern "C-unwind" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

    #[inline(never)]
    fn unwindable(iterator: *mut ffi::PyObject) -> *mut ffi::PyObject {
        let known = std::hint::black_box(ffi::PyIter_Next as Known);
        // SAFETY: as in `call`.
        let call = unsafe { std::mem::transmute::<Known, Unwindable>(known) };
        let stay = Stay;
        // SAFETY: an iterator that is alive, and the GIL is held.
        let answer = unsafe { call(iterator) };
        std::mem::forget(stay);
        answer
    }

    let py = iterator.py();
    let answer = unwindable(iterator.as_ptr());
    // SAFETY: a new reference, or NULL: at the end without an exception, else with one set.
    match unsafe { Bound::from_owned_ptr_or_opt(py, answer) } {
        Some(object) => Ok(Some(object)),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}

/// What this thread keeps under a name for the whole of Python, if it does.
pub fn of_this_thread<'py>(name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = name.py();
    // SAFETY: the GIL is held; the answer is borrowed from the thread, or NULL.
    let kept = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyThreadState_GetDict()) };
    kept.map_or(Ok(None), |kept| kept.cast::<PyDict>()?.get_item(name))
}

/// Whether the first thing that an object of a C type has is a reference to this other one.
#[inline]
pub fn begins_with(object: &Bound<'_, PyAny>, other: &Py<PyAny>) -> bool {
    let head = size_of::<ffi::PyObject>();
    // SAFETY: the object is alive, and its type says that it has room for a pointer there, which is only compared.
    unsafe {
        let room = (*ffi::Py_TYPE(object.as_ptr())).tp_basicsize.unsigned_abs();
        room >= head + size_of::<*mut ffi::PyObject>()
            && *object.as_ptr().cast::<u8>().add(head).cast::<*mut ffi::PyObject>() == other.as_ptr()
    }
}

/// Whether this is the only reference to its object.
///
/// To be trusted where the caller's own one is that reference: what only it has, nobody else can come by meanwhile.
#[inline]
pub fn is_unshared(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive; only its count is read.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

/// Keeps a thread that is unwound where it is: any further, it would drop Python's objects without the GIL.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}
