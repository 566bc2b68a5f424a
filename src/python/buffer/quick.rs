//! The short way in for the calls that count most. With its parent the only glue with `unsafe`.

use std::ffi::c_int;
use std::sync::OnceLock;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use pyo3::Borrowed;

use super::super::json;
use super::super::socket::PySocket;
use super::{new_bytes, to_bytes};
use crate::message::Message;
use crate::socket::Socket;
use crate::transfer::LARGE;

/// Gives some methods a short way: `send(bytes)`, `recv()`, `send_json(obj)`, `recv_json()` of what can go, or is there, at
/// once.
///
/// PyO3's way in costs as much as libzmq's own work: it sorts out eight arguments, most of which are never given. All other
/// calls go on to it, and so does whatever cannot be done at once, or fails.
pub fn shorten(class: &Bound<'_, PyType>) -> PyResult<()> {
    put_before(class, "send", &SEND, quick_send)?;
    put_before(class, "recv", &RECV, quick_recv)?;
    put_before(class, "send_json", &SEND_JSON, quick_send_json)?;
    put_before(class, "recv_json", &RECV_JSON, quick_recv_json)
}

/// A method as C has it: the object, its arguments, how many of them are positional, the names of the others.
type Fast = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

static SEND: OnceLock<Whole> = OnceLock::new();
static RECV: OnceLock<Whole> = OnceLock::new();
static SEND_JSON: OnceLock<Whole> = OnceLock::new();
static RECV_JSON: OnceLock<Whole> = OnceLock::new();

/// A method as PyO3 made it: it takes its arguments as C has them or, where there is a `**kwargs`, in a tuple and a dict.
enum Whole {
    Fast(Fast),
    Collected(ffi::PyCFunctionWithKeywords),
}

impl Whole {
    /// Goes on to PyO3's method.
    ///
    /// # Safety
    /// The arguments are those that Python has called a method with, and the GIL is held.
    unsafe fn call(
        &self,
        slf: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        match self {
            // SAFETY: as the caller says.
            Whole::Fast(function) => unsafe { function(slf, args, count, names) },
            Whole::Collected(function) => {
                // SAFETY: as the caller says.
                let py = unsafe { Python::assume_attached() };
                // SAFETY: as the caller says.
                match unsafe { collect(py, args, count.unsigned_abs(), names) } {
                    // SAFETY: these are such a function's arguments.
                    Ok((tuple, dict)) => unsafe { function(slf, tuple.as_ptr(), dict.as_ptr()) },
                    Err(error) => {
                        error.restore(py);
                        std::ptr::null_mut()
                    }
                }
            }
        }
    }
}

/// A call's arguments in a tuple, and a dict of those with names.
///
/// # Safety
/// There are `count` of them, and behind them one for each of `names`: a tuple, or NULL.
unsafe fn collect<'py>(
    py: Python<'py>,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
    // SAFETY: arguments are alive during a call, as the caller says.
    let arg = |index: usize| unsafe { Borrowed::from_ptr(py, *args.add(index)) };
    let tuple = PyTuple::new(py, (0..count).map(arg))?;
    let dict = PyDict::new(py);
    // SAFETY: as the caller says.
    if let Some(names) = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) } {
        for (index, name) in names.cast_into::<PyTuple>()?.iter().enumerate() {
            dict.set_item(name, arg(count + index))?;
        }
    }
    Ok((tuple, dict))
}

/// Puts a function in the place of a method that PyO3 made, which is kept in `whole`. Name, docstring and signature stay.
fn put_before(class: &Bound<'_, PyType>, name: &str, whole: &OnceLock<Whole>, quick: Fast) -> PyResult<()> {
    let wrong = || PyTypeError::new_err(format!("{name} is not made as this version of PyO3 makes methods"));
    let method = class.getattr(name)?;
    let expected = (&raw mut ffi::PyMethodDescr_Type).cast();
    if method.get_type().as_ptr() != expected {
        return Err(wrong());
    }
    // SAFETY: the type has been checked; such an object has its definition for as long as it lives.
    let definition = unsafe { *(*method.as_ptr().cast::<ffi::PyMethodDescrObject>()).d_method };
    const FAST: c_int = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
    const COLLECTED: c_int = ffi::METH_VARARGS | ffi::METH_KEYWORDS;
    let made = match definition.ml_flags {
        // SAFETY: the flags say which of the union's functions it is.
        FAST => Whole::Fast(unsafe { definition.ml_meth.PyCFunctionFastWithKeywords }),
        // SAFETY: as above.
        COLLECTED => Whole::Collected(unsafe { definition.ml_meth.PyCFunctionWithKeywords }),
        _ => return Err(wrong()),
    };
    whole.get_or_init(|| made);
    let ml_meth = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: quick };
    // For ever: descriptors refer to it.
    let definition = Box::leak(Box::new(ffi::PyMethodDef { ml_meth, ml_flags: FAST, ..definition }));
    // SAFETY: a ready type and a definition that stays; a new reference is the answer, or NULL with an exception set.
    let method = unsafe {
        let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(class.py(), method)?
    };
    class.setattr(name, method)
}

unsafe extern "C" fn quick_send(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if count == 1 && names.is_null() {
        // SAFETY: Python calls a method with the GIL, an object of its class, and as many arguments as it says.
        let (py, socket, data) = unsafe {
            let py = Python::assume_attached();
            (py, socket_of(py, slf), Borrowed::from_ptr(py, *args))
        };
        let sent = socket.zip(data.cast::<PyBytes>().ok()).is_some_and(|(socket, data)| {
            let data = data.as_bytes();
            data.len() < LARGE && unpanicked(|| socket.try_send_bytes(data, 0).is_ok())
        });
        if sent {
            return py.None().into_ptr();
        }
    }
    // SAFETY: what Python has called this with, handed on.
    unsafe { hand_on(&SEND, slf, args, count, names) }
}

unsafe extern "C" fn quick_recv(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    fn read(py: Python<'_>, message: Message) -> PyResult<Bound<'_, PyAny>> {
        to_bytes(py, &message).map(Bound::into_any)
    }

    // SAFETY: as in `quick_send`.
    unsafe { take(slf, count, names, read).unwrap_or_else(|| hand_on(&RECV, slf, args, count, names)) }
}

unsafe extern "C" fn quick_send_json(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if count == 1 && names.is_null() {
        // SAFETY: as in `quick_send`.
        let (py, socket, obj) = unsafe {
            let py = Python::assume_attached();
            (py, socket_of(py, slf), Borrowed::from_ptr(py, *args))
        };
        let mut data = None;
        let sent = socket.is_some_and(|socket| {
            unpanicked(|| {
                data = json::dumps(&obj).ok().flatten();
                data.as_ref().is_some_and(|data| data.len() < LARGE && socket.try_send_bytes(data, 0).is_ok())
            })
        });
        if sent {
            return py.None().into_ptr();
        }
        if let Some(data) = data {
            return match new_bytes(py, &data) {
                // SAFETY: the arguments of `send(data)`.
                Ok(data) => unsafe { hand_on(&SEND, slf, &data.as_ptr(), 1, std::ptr::null_mut()) },
                Err(error) => answer(py, Err(error)),
            };
        }
    }
    // SAFETY: as in `quick_send`.
    unsafe { hand_on(&SEND_JSON, slf, args, count, names) }
}

unsafe extern "C" fn quick_recv_json(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `quick_send`.
    unsafe { take(slf, count, names, json::read).unwrap_or_else(|| hand_on(&RECV_JSON, slf, args, count, names)) }
}

/// What a call without arguments makes of the frame that is there; None if the whole method is to see to it.
///
/// # Safety
/// As for [`Fast`].
#[inline]
unsafe fn take(
    slf: *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    make: impl for<'py> FnOnce(Python<'py>, Message) -> PyResult<Bound<'py, PyAny>>,
) -> Option<*mut ffi::PyObject> {
    if count != 0 || !names.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: as the caller says.
    let socket = unsafe { socket_of(py, slf) }?;
    let mut message = Message::new();
    unpanicked(|| socket.try_recv_into(&mut message).is_ok()).then(|| answer(py, make(py, message)))
}

/// What C is given for a result: the object, or NULL with the exception set.
#[inline]
fn answer(py: Python<'_>, made: PyResult<Bound<'_, PyAny>>) -> *mut ffi::PyObject {
    match made {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

/// Leaves the call to the method that PyO3 made.
///
/// # Safety
/// As for [`Fast`].
#[inline]
unsafe fn hand_on(
    whole: &OnceLock<Whole>,
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    match whole.get() {
        // SAFETY: as the caller says.
        Some(whole) => unsafe { whole.call(slf, args, count, names) },
        // Set before this function was put in its place.
        None => std::ptr::null_mut(),
    }
}

/// The core's socket of one of ours; None of one that was never opened.
///
/// # Safety
/// `object` is a live `PySocket`, and stays so for longer than what is returned.
#[inline]
unsafe fn socket_of<'a>(py: Python<'a>, object: *mut ffi::PyObject) -> Option<&'a Socket> {
    // SAFETY: as the caller says.
    let object: Borrowed<'a, 'a, PySocket> = unsafe { Borrowed::from_ptr(py, object).cast_unchecked() };
    // The reference outlives this handle: it is to what the object holds.
    let socket: *const PySocket = object.get();
    // SAFETY: a frozen class is never moved or written to; the object lives, as the caller says.
    unsafe { (*socket).core().ok() }
}

/// False for what panics, which must not be seen by C; nothing of ours does.
#[inline]
fn unpanicked(work: impl FnOnce() -> bool) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(false)
}
