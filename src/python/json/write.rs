//! How Python objects of the exact types that JSON knows become its bytes.

use std::iter::successors;

use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::json::{is_plain, write};

/// Containers nested deeper than this are left to the standard library, which guards the stack in its own way. It is
/// also as deep as messages are read.
pub(super) const MAX_DEPTH: usize = 127;

/// Room for what most programs send.
const ROOM: usize = 128;

/// The items of smaller dicts need no memory of their own.
const FEW: usize = 8;

/// The bytes so far.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A container that is being written, and the one it is in, for circles to be seen.
#[derive(Clone, Copy)]
struct Level<'a, 'py> {
    container: &'a Bound<'py, PyAny>,
    parent: Option<&'a Level<'a, 'py>>,
    depth: usize,
}

impl<'a, 'py> Level<'a, 'py> {
    /// None for a container that is too deep, or that is in itself: writing it would have no end.
    fn enter(container: &'a Bound<'py, PyAny>, parent: Option<&'a Level<'a, 'py>>) -> Option<Self> {
        let depth = parent.map_or(0, |parent| parent.depth + 1);
        let mut ancestors = successors(parent, |level| level.parent);
        let endless = depth == MAX_DEPTH || ancestors.any(|level| level.container.is(container));
        (!endless).then_some(Level { container, parent, depth })
    }
}

/// None is what this file does not know how to write, everywhere.
impl Writer {
    pub(super) fn new() -> Self {
        Writer { bytes: Vec::with_capacity(ROOM) }
    }

    #[inline]
    pub(super) fn object<'py>(&mut self, value: &Bound<'py, PyAny>) -> Option<()> {
        self.value(value, None)
    }

    fn value<'py>(&mut self, value: &Bound<'py, PyAny>, parent: Option<&Level<'_, 'py>>) -> Option<()> {
        if let Some(text) = exact::<PyString>(value) {
            self.text(text, b"\"")
        } else if let Some(number) = exact::<PyInt>(value) {
            self.int(number)
        } else if let Some(dict) = exact::<PyDict>(value) {
            self.dict(dict, &Level::enter(value, parent)?)
        } else if let Some(number) = exact::<PyFloat>(value) {
            self.float(number)
        } else if let Some(list) = exact::<PyList>(value) {
            self.sequence(list.iter(), &Level::enter(value, parent)?)
        } else if let Some(flag) = exact::<PyBool>(value) {
            self.flag(flag)
        } else if value.is_none() {
            self.put(b"null")
        } else if let Some(tuple) = exact::<PyTuple>(value) {
            self.sequence(tuple.iter(), &Level::enter(value, parent)?)
        } else {
            None
        }
    }

    fn dict<'py>(&mut self, dict: &Bound<'py, PyDict>, level: &Level<'_, 'py>) -> Option<()> {
        // All items first: the dict may change meanwhile, by another thread or by a finalizer that a collection of garbage
        // runs.
        let mut few = [const { None }; FEW];
        let many = with_critical_section(level.container, || {
            if dict.len() > FEW {
                return Some(dict.iter().collect::<Vec<_>>());
            }
            few.iter_mut().zip(dict.iter()).for_each(|(place, item)| *place = Some(item));
            None
        });
        self.bytes.push(b'{');
        match many {
            None => self.items(few.into_iter().flatten(), level)?,
            Some(many) => self.items(many.into_iter(), level)?,
        }
        self.put(b"}")
    }

    #[inline]
    fn items<'py>(&mut self, items: impl Iterator<Item = Item<'py>>, level: &Level<'_, 'py>) -> Option<()> {
        for (index, (key, value)) in items.enumerate() {
            if index > 0 {
                self.put(b", ")?;
            }
            self.key(&key)?;
            self.value(&value, Some(level))?;
        }
        Some(())
    }

    fn sequence<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, level: &Level<'_, 'py>) -> Option<()> {
        self.bytes.push(b'[');
        for (index, value) in items.enumerate() {
            if index > 0 {
                self.put(b", ")?;
            }
            self.value(&value, Some(level))?;
        }
        self.put(b"]")
    }

    #[inline]
    fn key(&mut self, key: &Bound<'_, PyAny>) -> Option<()> {
        if let Some(text) = exact::<PyString>(key) {
            return self.text(text, b"\": ");
        }
        self.bytes.push(b'"');
        if let Some(number) = exact::<PyInt>(key) {
            self.int(number)?;
        } else if let Some(number) = exact::<PyFloat>(key) {
            self.float(number)?;
        } else if let Some(flag) = exact::<PyBool>(key) {
            self.flag(flag)?;
        } else if key.is_none() {
            self.put(b"null")?;
        } else {
            return None;
        }
        self.put(b"\": ")
    }

    /// Text, and what ends it: its quote, and what comes next.
    #[inline]
    fn text<const N: usize>(&mut self, text: &Bound<'_, PyString>, end: &[u8; N]) -> Option<()> {
        let text = text.to_str().ok()?;
        if is_plain(text) {
            self.bytes.reserve(1 + text.len() + N);
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(text.as_bytes());
        } else {
            write(&mut self.bytes, text).ok()?;
            self.bytes.pop();
        }
        self.put(end)
    }

    fn flag(&mut self, flag: &Bound<'_, PyBool>) -> Option<()> {
        if flag.is_true() {
            self.put(b"true")
        } else {
            self.put(b"false")
        }
    }

    fn int(&mut self, number: &Bound<'_, PyInt>) -> Option<()> {
        if let Ok(number) = number.extract::<i64>() {
            write(&mut self.bytes, &number).ok()
        } else {
            write(&mut self.bytes, &number.extract::<u64>().ok()?).ok()
        }
    }

    fn float(&mut self, number: &Bound<'_, PyFloat>) -> Option<()> {
        let number = number.value();
        number.is_finite().then(|| write(&mut self.bytes, &number).ok())?
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        self.bytes.extend_from_slice(bytes);
        Some(())
    }
}

/// The object as one of this very type. (`cast_exact` alone makes an error of each other one.)
#[inline]
fn exact<'a, 'py, T: PyTypeInfo>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, T>> {
    object.is_exact_instance_of::<T>().then(|| object.cast_exact().ok()).flatten()
}
