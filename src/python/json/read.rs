//! How JSON becomes Python objects.
//!
//! serde_json's visitors cost as much here as Python's own work, so the plain part of the grammar is read by hand: what is
//! in it is exact, strings with escapes go to serde_json, and all else to the standard library.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use super::keys::Keys;
use super::write::MAX_DEPTH;
use crate::json::{is_surely_float, plain_prefix};

/// Where a document is read, and what is needed for it.
///
/// None is what this file does not know how to read, everywhere.
pub(super) struct Reader<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    at: usize,
    keys: &'a mut Keys,
}

impl<'a, 'py> Reader<'a, 'py> {
    pub(super) fn new(py: Python<'py>, text: &'a str, keys: &'a mut Keys) -> Self {
        Reader { py, text, at: 0, keys }
    }

    /// The one object of the text, with nothing but white space around it.
    pub(super) fn document(mut self) -> Option<Bound<'py, PyAny>> {
        let value = self.value(0)?;
        self.next();
        (self.at == self.text.len()).then_some(value)
    }

    /// The byte here, 0 at the end: neither begins or continues anything.
    #[inline]
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is not white space.
    #[inline]
    fn next(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Bound<'py, PyAny>> {
        match self.next() {
            b'"' => {
                let text = self.string()?;
                Some(new_text(self.py, &text)?.into_any())
            }
            b'{' if depth < MAX_DEPTH => self.dict(depth),
            b'[' if depth < MAX_DEPTH => self.list(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true").map(|()| PyBool::new(self.py, true).to_owned().into_any()),
            b'f' => self.word("false").map(|()| PyBool::new(self.py, false).to_owned().into_any()),
            b'n' => self.word("null").map(|()| self.py.None().into_bound(self.py)),
            _ => None,
        }
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(())
    }

    fn dict(&mut self, depth: usize) -> Option<Bound<'py, PyAny>> {
        let dict = PyDict::new(self.py);
        self.at += 1;
        if self.next() == b'}' {
            self.at += 1;
            return Some(dict.into_any());
        }
        while self.next() == b'"' {
            let key = self.string()?;
            let key = self.keys.get_or_make(self.py, &key, || new_text(self.py, &key))?;
            if self.next() != b':' {
                return None;
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            dict.set_item(key, value).ok()?;
            let end = self.next();
            self.at += 1;
            match end {
                b',' => {}
                b'}' => return Some(dict.into_any()),
                _ => return None,
            }
        }
        None
    }

    fn list(&mut self, depth: usize) -> Option<Bound<'py, PyAny>> {
        let list = PyList::empty(self.py);
        self.at += 1;
        if self.next() == b']' {
            self.at += 1;
            return Some(list.into_any());
        }
        loop {
            let value = self.value(depth + 1)?;
            list.append(value).ok()?;
            let end = self.next();
            self.at += 1;
            match end {
                b',' => {}
                b']' => return Some(list.into_any()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at + 1;
        let end = start + plain_prefix(&self.text.as_bytes()[start..]);
        match self.text.as_bytes().get(end)? {
            b'"' => {
                self.at = end + 1;
                Some(Cow::Borrowed(&self.text[start..end]))
            }
            b'\\' => self.escaped().map(Cow::Owned),
            _ => None,
        }
    }

    #[inline(never)]
    fn escaped(&mut self) -> Option<String> {
        let mut strings = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter();
        let string = strings.next()?.ok()?;
        self.at += strings.byte_offset();
        Some(string)
    }

    fn number(&mut self) -> Option<Bound<'py, PyAny>> {
        /// As many digits fit into a float as they are.
        const EXACT: usize = 15;
        const POWERS: [f64; EXACT + 1] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        /// As many digits fit into an `i64`.
        const SAFE: usize = 18;
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let zero = self.peek() == b'0';
        let mut number = 0;
        let whole = self.digits(&mut number);
        if whole == 0 || zero && whole > 1 {
            return None;
        }
        let mut decimals = 0;
        let is_float = matches!(self.peek(), b'.' | b'e' | b'E');
        if self.peek() == b'.' {
            self.at += 1;
            decimals = self.digits(&mut number);
            if decimals == 0 {
                return None;
            }
        }
        let exponent = matches!(self.peek(), b'e' | b'E');
        if exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            if self.digits(&mut 0) == 0 {
                return None;
            }
        }
        if !is_float {
            // Python knows no -0, which JSON may have meant as a float.
            return if whole <= SAFE && !(negative && zero) {
                Some(PyInt::new(self.py, if negative { -number } else { number }).into_any())
            } else {
                self.large(start)
            };
        }
        let value = if whole + decimals <= EXACT && !exponent {
            // Both are exact, and so their quotient is the float that is nearest to the text.
            let size = number as f64 / POWERS[decimals];
            if negative {
                -size
            } else {
                size
            }
        } else {
            self.text[start..self.at].parse().ok()?
        };
        is_surely_float(value).then(|| PyFloat::new(self.py, value).into_any())
    }

    /// The digits here, behind those of `number`, which is right as long as there are few; how many they are.
    #[inline]
    fn digits(&mut self, number: &mut i64) -> usize {
        let start = self.at;
        while let digit @ b'0'..=b'9' = self.peek() {
            *number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        self.at - start
    }

    /// An integer of many digits, of which 64 bits are known.
    #[cold]
    fn large(&self, start: usize) -> Option<Bound<'py, PyAny>> {
        let text = &self.text[start..self.at];
        if let Ok(number) = text.parse::<i64>() {
            return (number != 0).then(|| PyInt::new(self.py, number).into_any());
        }
        Some(PyInt::new(self.py, text.parse::<u64>().ok()?).into_any())
    }
}

/// A str from UTF-8, with None where `PyString::new` would panic when memory is short.
#[inline]
fn new_text<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyString>> {
    PyString::from_bytes(py, text.as_bytes()).ok()
}
