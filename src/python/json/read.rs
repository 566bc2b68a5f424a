//! How serde_json's parser builds Python objects.

use std::fmt;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::keys::Keys;
use crate::json::is_surely_float;

/// Builds the Python object of whatever value comes next.
pub(super) struct Builder<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) keys: &'a mut Keys,
}

impl<'de, 'py> DeserializeSeed<'de> for Builder<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Builder<'_, 'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.py, value).to_owned().into_any())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(PyInt::new(self.py, value).into_any())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => PyInt::new(self.py, value), // Python makes small integers faster from this type
            Err(_) => PyInt::new(self.py, value),
        }
        .into_any())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if is_surely_float(value) {
            Ok(PyFloat::new(self.py, value).into_any())
        } else {
            Err(E::custom("an integer, perhaps"))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(new_text(self.py, value)?.into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Builder { py: self.py, keys: self.keys })? {
            values.push(value);
        }
        Ok(PyList::new(self.py, values).map_err(A::Error::custom)?.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.py);
        while let Some(key) = items.next_key_seed(KeyBuilder { py: self.py, keys: self.keys })? {
            let value = items.next_value_seed(Builder { py: self.py, keys: self.keys })?;
            dict.set_item(key, value).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}

/// Builds the str of a dict's key, or finds the one that an earlier message had.
struct KeyBuilder<'a, 'py> {
    py: Python<'py>,
    keys: &'a mut Keys,
}

impl<'de, 'py> DeserializeSeed<'de> for KeyBuilder<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'py> Visitor<'_> for KeyBuilder<'_, 'py> {
    type Value = Bound<'py, PyString>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.keys.get_or_make(self.py, value, || new_text(self.py, value))
    }
}

/// A str from UTF-8, with an error where `PyString::new` would panic when memory is short.
fn new_text<'py, E: Error>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyString>, E> {
    PyString::from_bytes(py, text.as_bytes()).map_err(E::custom)
}
