//! How Python objects of the exact types that JSON knows go into serde_json's serializer.

use std::iter::successors;

use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

/// Containers nested deeper than this are left to the standard library, which guards the stack in its own way. It is
/// also as deep as serde_json reads.
const MAX_DEPTH: usize = 127;

/// A Python object on its way into a serializer.
pub(super) struct Node<'a, 'py> {
    value: &'a Bound<'py, PyAny>,
    /// The container it is in, for circles to be seen.
    parent: Option<&'a Node<'a, 'py>>,
    depth: usize,
}

impl<'a, 'py> Node<'a, 'py> {
    pub(super) fn root(value: &'a Bound<'py, PyAny>) -> Self {
        Node { value, parent: None, depth: 0 }
    }

    fn child<'b>(&'b self, value: &'b Bound<'py, PyAny>) -> Node<'b, 'py> {
        Node { value, parent: Some(self), depth: self.depth + 1 }
    }

    /// Refuses a container that is too deep, or that is in itself: writing it would have no end.
    fn enter<E: Error>(&self) -> Result<(), E> {
        let mut ancestors = successors(self.parent, |node| node.parent);
        if self.depth == MAX_DEPTH || ancestors.any(|node| node.value.is(self.value)) {
            return Err(give_up());
        }
        Ok(())
    }

    fn dict<S: Serializer>(&self, dict: &Bound<'py, PyDict>, serializer: S) -> Result<S::Ok, S::Error> {
        self.enter()?;
        // The items go from a list of our own: the dict may change meanwhile, by another thread or by a finalizer that
        // a collection of garbage runs.
        let mut items = Vec::with_capacity(dict.len());
        with_critical_section(self.value, || dict.iter().for_each(|item| items.push(item)));
        let mut map = serializer.serialize_map(Some(items.len()))?;
        for (key, value) in &items {
            map.serialize_entry(&Key(key), &self.child(value))?;
        }
        map.end()
    }

    fn sequence<S: Serializer>(
        &self,
        items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        self.enter()?;
        let mut sequence = serializer.serialize_seq(Some(items.len()))?;
        for value in items {
            sequence.serialize_element(&self.child(&value))?;
        }
        sequence.end()
    }
}

impl Serialize for Node<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if let Ok(text) = value.cast_exact::<PyString>() {
            write_text(text, serializer)
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            write_int(number, serializer)
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict, serializer)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            write_float(number, serializer)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.sequence(list.iter(), serializer)
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            serializer.serialize_bool(flag.is_true())
        } else if value.is_none() {
            serializer.serialize_unit()
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.sequence(tuple.iter(), serializer)
        } else {
            Err(give_up())
        }
    }
}

/// A key of a dict: what JSON has no text for is refused.
struct Key<'a, 'py>(&'a Bound<'py, PyAny>);

impl Serialize for Key<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = self.0;
        if let Ok(text) = key.cast_exact::<PyString>() {
            write_text(text, serializer)
        } else if let Ok(number) = key.cast_exact::<PyInt>() {
            write_int(number, serializer)
        } else if let Ok(number) = key.cast_exact::<PyFloat>() {
            write_float(number, serializer)
        } else if let Ok(flag) = key.cast_exact::<PyBool>() {
            serializer.serialize_bool(flag.is_true())
        } else if key.is_none() {
            serializer.serialize_str("null")
        } else {
            Err(give_up())
        }
    }
}

fn write_text<S: Serializer>(text: &Bound<'_, PyString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.to_str().map_err(S::Error::custom)?)
}

fn write_int<S: Serializer>(number: &Bound<'_, PyInt>, serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(number) = number.extract::<i64>() {
        serializer.serialize_i64(number)
    } else if let Ok(number) = number.extract::<u64>() {
        serializer.serialize_u64(number)
    } else {
        Err(give_up())
    }
}

fn write_float<S: Serializer>(number: &Bound<'_, PyFloat>, serializer: S) -> Result<S::Ok, S::Error> {
    let number = number.value();
    if number.is_finite() {
        serializer.serialize_f64(number)
    } else {
        Err(give_up())
    }
}

fn give_up<E: Error>() -> E {
    E::custom("left to the standard library")
}
