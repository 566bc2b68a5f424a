//! Arrays as messages: a frame of JSON that says what they are, then a frame with their bytes.
//!
//! That is pyzmq's recipe, `{"dtype": "float64", "shape": [3, 4]}`. Such a header comes from whoever can reach the socket,
//! so it is read with limits, and believed only if it accounts for every byte of the frame behind it. [`dtype`] knows what
//! the items may be: kinds that are nothing but their bytes.

pub mod dtype;

use std::fmt::{self, Write};
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use dtype::Dtype;

/// The longest header, in bytes; a simple one has fifty.
pub const HEADER_MAX_LENGTH: usize = 64 * 1024;

/// The most dimensions that any numpy knows.
pub const DIMENSIONS_MAX: usize = 64;

/// Why a header is not believed, or cannot be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// What this module returns.
pub type Result<T> = std::result::Result<T, Refused>;

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Refused(why.into()))
}

/// What the first frame says of the second.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// What each item is.
    pub dtype: Dtype,
    /// How many there are along each axis.
    pub shape: Vec<usize>,
    /// The bytes of all of them.
    pub bytes: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// Whatever is too long, not JSON, or not the header of an array that could exist.
    pub fn read(frame: &[u8]) -> Result<Self> {
        if frame.len() > HEADER_MAX_LENGTH {
            return refused(format!(
                "the first frame is no header of an array: it has {} bytes, and {HEADER_MAX_LENGTH} are the most",
                frame.len()
            ));
        }
        // Told by its first character: the error about anything else would quote all of it.
        if frame.trim_ascii_start().first() != Some(&b'{') {
            return refused("the first frame is no header of an array: it is not an object of JSON");
        }
        let Entries { dtype, shape } = crate::json::from_slice(frame, PhantomData)
            .map_err(|error| Refused(format!("the first frame is no header of an array: {error}")))?;
        let (Some(dtype), Some(shape)) = (dtype, shape) else {
            return refused("the header has no dtype, or no shape: {\"dtype\": \"uint8\", \"shape\": [2, 3]} has both");
        };
        let dtype = Dtype::read(&dtype)?;
        let shape = read_shape(&shape)?;
        match bytes_of(&shape, dtype.size()) {
            Some(bytes) => Ok(Header { dtype, shape, bytes }),
            None => {
                refused(format!("the header announces {}, which is more than fits into memory", Shown(&dtype, &shape)))
            }
        }
    }

    /// Holds the header against the size of the frame that follows it.
    ///
    /// # Errors
    /// They differ.
    pub fn check(&self, frame: usize) -> Result<()> {
        if self.bytes == frame {
            return Ok(());
        }
        let announced = Shown(&self.dtype, &self.shape);
        refused(format!("the header announces {announced}, {} bytes, and the frame has {frame}", self.bytes))
    }
}

/// The header for an array, whose dtype is JSON already.
#[must_use]
pub fn header(dtype: &str, shape: &[usize]) -> Vec<u8> {
    let mut text = String::with_capacity(48 + dtype.len());
    text.push_str("{\"dtype\": ");
    text.push_str(dtype);
    text.push_str(", \"shape\": [");
    for (axis, length) in shape.iter().enumerate() {
        let comma = if axis == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{length}");
    }
    text.push_str("]}");
    text.into_bytes()
}

/// The two entries of a header that count. Others are allowed and mean nothing here, as in the recipe.
struct Entries {
    dtype: Option<Value>,
    shape: Option<Value>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collector;

        impl<'de> Visitor<'de> for Collector {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with dtype and shape")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
                let mut entries = Entries { dtype: None, shape: None };
                while let Some(key) = map.next_key::<String>()? {
                    let (name, entry) = match key.as_str() {
                        "dtype" => ("dtype", &mut entries.dtype),
                        "shape" => ("shape", &mut entries.shape),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if entry.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom(format!("{name} is there twice")));
                    }
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Collector)
    }
}

/// A list of sizes, each a JSON integer that memory could have.
fn read_shape(value: &Value) -> Result<Vec<usize>> {
    let Value::Array(lengths) = value else {
        return refused("the header's shape is not a list");
    };
    if lengths.len() > DIMENSIONS_MAX {
        return refused(format!(
            "the header's shape has {} dimensions, and {DIMENSIONS_MAX} are the most",
            lengths.len()
        ));
    }
    let length = |value: &Value| match value.as_u64().map(isize::try_from) {
        Some(Ok(length)) => Ok(length.unsigned_abs()),
        _ => refused(format!("{} in the header's shape is no number of items", Excerpt(value))),
    };
    lengths.iter().map(length).collect()
}

/// The bytes of an array, if one could be so large. As in numpy, an axis without items excuses nothing.
fn bytes_of(shape: &[usize], item: usize) -> Option<usize> {
    let mut bytes = item;
    for &length in shape.iter().filter(|length| **length > 0) {
        bytes = bytes.checked_mul(length)?;
    }
    isize::try_from(bytes).ok()?;
    Some(if shape.contains(&0) { 0 } else { bytes })
}

/// "3x4 float64", for errors.
struct Shown<'a>(&'a Dtype, &'a [usize]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (axis, length) in self.1.iter().enumerate() {
            write!(formatter, "{}{length}", if axis == 0 { "" } else { "x" })?;
        }
        write!(formatter, "{}{}", if self.1.is_empty() { "one " } else { " " }, self.0)
    }
}

/// What somebody else has written, short enough to be shown.
struct Excerpt<'a>(&'a Value);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let short: String = text.chars().take(40).collect();
        formatter.write_str(&short)?;
        formatter.write_str(if short.len() < text.len() { "..." } else { "" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Header> {
        Header::read(text.as_bytes())
    }

    fn shaped(shape: &str) -> Result<Header> {
        read(&format!("{{\"dtype\": \"float64\", \"shape\": {shape}}}"))
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [vec![], vec![0], vec![3, 4], vec![1; DIMENSIONS_MAX]] {
            let header = Header::read(&header("\"float64\"", &shape)).unwrap();
            assert_eq!(header.bytes, 8 * shape.iter().product::<usize>());
            assert_eq!(header.shape, shape);
            assert_eq!(header.dtype.to_string(), "float64");
        }
        assert_eq!(header("\"uint8\"", &[2, 3]), b"{\"dtype\": \"uint8\", \"shape\": [2, 3]}");
    }

    #[test]
    fn other_entries_mean_nothing() {
        let header = read(r#" {"a": [[{}]], "shape": [2], "b": 1e5, "a": 7, "dtype": "u1", "": null} "#).unwrap();
        assert_eq!((header.shape, header.bytes), (vec![2], 2));
    }

    #[test]
    fn what_is_no_header() {
        let deep = "[".repeat(60_000);
        for text in [
            "",
            "[]",
            "\"dtype\"",
            "{}",
            "{\"dtype\": \"u1\"}",
            "{\"shape\": [1]}",
            "{\"dtype\": \"u1\", \"shape\": [1]} x",
            "{\"dtype\": \"u1\", \"shape\": [1], \"shape\": [1]}",
            "{\"dtype\": \"u1\", \"shape\": [1], \"dty\\u0070e\": \"u1\"}",
            "{\"dtype\": 1, \"shape\": [1]}",
            "{\"dtype\": null, \"shape\": [1]}",
            deep.as_str(),
        ] {
            assert!(read(text).is_err(), "{text:.60}");
        }
        assert!(Header::read(b"\xff{}").is_err());
        let long = format!("{{\"dtype\": \"u1\", \"shape\": [1], \"x\": \"{}\"}}", " ".repeat(HEADER_MAX_LENGTH));
        assert!(read(&long).unwrap_err().to_string().contains("65536 are the most"));
    }

    #[test]
    fn what_is_refused_is_not_quoted_at_length() {
        let long = "\u{7f}".repeat(60_000);
        for text in [
            format!("\"{long}\""),
            format!("{{\"dtype\": \"{long}\", \"shape\": []}}"),
            format!("{{\"dtype\": {{\"{long}\": 1}}, \"shape\": []}}"),
            format!("{{\"dtype\": \"u1\", \"shape\": [\"{long}\"]}}"),
            format!("{{\"dtype\": [[\"{long}\", \"O\"]], \"shape\": []}}"),
        ] {
            let words = read(&text).unwrap_err().to_string();
            assert!(words.len() < 400, "{words}");
        }
    }

    #[test]
    fn a_shape_is_a_list_of_whole_numbers() {
        for shape in
            ["3", "\"3\"", "null", "{}", "[3.0]", "[true]", "[-1]", "[-0]", "[NaN]", "[1e30]", "[\"1\"]", "[[1]]"]
        {
            assert!(shaped(shape).is_err(), "{shape}");
        }
        assert!(shaped("[9223372036854775808]").is_err());
        assert!(shaped("[18446744073709551616]").is_err());
        assert!(shaped(&format!("{:?}", [1; DIMENSIONS_MAX + 1])).is_err());
    }

    #[test]
    fn no_size_overflows() {
        for shape in ["[1152921504606846976]", "[4294967296, 4294967296]", "[0, 4294967296, 4294967296]"] {
            assert!(shaped(shape).unwrap_err().to_string().contains("more than fits"), "{shape}");
        }
        assert_eq!(shaped("[1152921504606846975]").unwrap().bytes, 9223372036854775800);
        assert_eq!(shaped("[0, 1152921504606846975]").unwrap().bytes, 0);
    }

    #[test]
    fn a_lie_is_named() {
        let header = shaped("[3, 4]").unwrap();
        assert_eq!(header.check(96), Ok(()));
        let lie = header.check(80).unwrap_err().to_string();
        assert_eq!(lie, "the header announces 3x4 float64, 96 bytes, and the frame has 80");
        let lie = shaped("[]").unwrap().check(0).unwrap_err().to_string();
        assert_eq!(lie, "the header announces one float64, 8 bytes, and the frame has 0");
    }
}
