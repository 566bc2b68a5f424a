//! What the items of an array are: numpy's names for kinds of plain bytes, and structures of them.
//!
//! numpy reads much more as a dtype: names of Python's objects, lists with commas, whatever other packages have
//! registered. None of that may come from a peer, so numpy only sees what this file has understood and written again.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use super::{bytes_of, read_shape, refused, Excerpt, Result};

/// The largest item, in bytes: numpy 1 counts them in a C int.
const ITEM_MAX: usize = i32::MAX as usize;

/// How deep structures may lie in one another.
const DEPTH_MAX: usize = 8;

/// The longest dtype that is no structure, in characters.
const TEXT_MAX: usize = 64;

const UNITS: [&str; 13] = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];

/// What an item is.
#[derive(Debug, PartialEq, Eq)]
pub enum Dtype {
    /// One thing.
    Plain(Plain),
    /// Several, with names.
    Structure(Structure),
}

/// A number, a date, text or bytes of a fixed length.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain {
    /// numpy's letter: b i u f c m M S U V.
    kind: char,
    /// The bytes of one.
    size: usize,
    /// Whether they are in the order that is not this machine's.
    swapped: bool,
    /// "[ns]" for dates that have a unit.
    unit: String,
}

/// What numpy calls a structured dtype.
#[derive(Debug, PartialEq, Eq)]
pub struct Structure {
    /// In their order in memory.
    pub fields: Vec<Field>,
    /// The bytes of all of them, with those between and behind.
    pub size: usize,
}

/// A part of a structure.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, which no other field has.
    pub name: String,
    /// What it is.
    pub dtype: Dtype,
    /// The shape, where it is an array.
    pub shape: Option<Vec<usize>>,
    /// Where it begins.
    pub offset: usize,
}

impl Dtype {
    /// Reads the dtype of a header.
    ///
    /// # Errors
    /// Whatever is not made of plain bytes, has none, or is not understood.
    pub fn read(value: &Value) -> Result<Self> {
        Self::read_at(value, 0)
    }

    fn read_at(value: &Value, depth: usize) -> Result<Self> {
        match value {
            Value::String(text) => Plain::read(text).map(Dtype::Plain),
            Value::Array(_) if depth == DEPTH_MAX => {
                refused(format!("the header's dtype has more than {DEPTH_MAX} structures in one another"))
            }
            Value::Array(fields) => Structure::read(fields, depth).map(Dtype::Structure),
            _ => refused(format!("{} in the header's dtype is no dtype", Excerpt(value))),
        }
    }

    /// The bytes of one item, at least one.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Dtype::Plain(plain) => plain.size,
            Dtype::Structure(structure) => structure.size,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dtype::Plain(plain) => plain.fmt(formatter),
            Dtype::Structure(structure) => write!(formatter, "structures of {} bytes", structure.size),
        }
    }
}

impl Plain {
    /// Reads a name ("float64", "datetime64[ns]") or a code (">f8", "U5") of numpy's.
    ///
    /// # Errors
    /// All others: objects, and names that mean something else on another machine, too.
    pub fn read(text: &str) -> Result<Self> {
        let short = text.len() <= TEXT_MAX;
        match short.then(|| Self::named(text).or_else(|| Self::coded(text))).flatten() {
            Some(plain) => Ok(plain),
            None => refused(format!(
                "{} is no dtype that arrays are sent with: numbers, dates, and text or bytes of a fixed length are",
                Excerpt(&Value::from(text))
            )),
        }
    }

    fn named(text: &str) -> Option<Self> {
        let native = |kind, size, unit| Self::checked(kind, size, false, unit);
        if text == "bool" {
            return native('b', 1, "");
        }
        if let Some(unit) = text.strip_prefix("datetime64") {
            return native('M', 8, unit);
        }
        if let Some(unit) = text.strip_prefix("timedelta64") {
            return native('m', 8, unit);
        }
        for (name, kind) in [("int", 'i'), ("uint", 'u'), ("float", 'f'), ("complex", 'c')] {
            let bits = text.strip_prefix(name).and_then(number);
            if let Some(bits) = bits.filter(|bits| bits % 8 == 0) {
                return native(kind, bits / 8, "");
            }
        }
        None
    }

    fn coded(text: &str) -> Option<Self> {
        let (order, rest) = match text.chars().next()? {
            order @ ('<' | '>' | '=' | '|') => (order, &text[1..]),
            _ => ('=', text),
        };
        let kind = rest.chars().next().filter(char::is_ascii)?;
        let rest = &rest[1..];
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let (count, unit) = rest.split_at(digits);
        let size = number(count)?.checked_mul(if kind == 'U' { 4 } else { 1 })?;
        let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
        // One order or the other: what has several bytes in an order cannot be without.
        let ordered = !matches!(kind, 'S' | 'V' | 'b') && size > 1;
        if ordered && order == '|' {
            return None;
        }
        Self::checked(kind, size, ordered && order == foreign, unit)
    }

    fn checked(kind: char, size: usize, swapped: bool, unit: &str) -> Option<Self> {
        let known = match kind {
            'b' => size == 1,
            'i' | 'u' => matches!(size, 1 | 2 | 4 | 8),
            'f' => matches!(size, 2 | 4 | 8 | 12 | 16),
            'c' => matches!(size, 8 | 16 | 24 | 32),
            'm' | 'M' => size == 8,
            'S' | 'U' | 'V' => (1..=ITEM_MAX).contains(&size),
            _ => false,
        };
        let date = matches!(kind, 'm' | 'M') && is_unit(unit);
        (known && (unit.is_empty() || date)).then(|| Plain { kind, size, swapped, unit: unit.to_owned() })
    }
}

/// As numpy's `str(dtype)` has it, which is what the recipe sends.
impl fmt::Display for Plain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plain { kind, size, swapped, unit } = self;
        let name = match kind {
            _ if *swapped => None,
            'b' => return formatter.write_str("bool"),
            'M' => return write!(formatter, "datetime64{unit}"),
            'm' => return write!(formatter, "timedelta64{unit}"),
            'i' => Some("int"),
            'u' => Some("uint"),
            'f' => Some("float"),
            'c' => Some("complex"),
            _ => None,
        };
        if let Some(name) = name {
            return write!(formatter, "{name}{}", size * 8);
        }
        let order = match kind {
            'S' | 'V' => '|',
            _ if *swapped == cfg!(target_endian = "little") => '>',
            _ => '<',
        };
        let count = if *kind == 'U' { size / 4 } else { *size };
        write!(formatter, "{order}{kind}{count}{unit}")
    }
}

impl Structure {
    fn read(items: &[Value], depth: usize) -> Result<Self> {
        let (mut fields, mut names, mut size) = (Vec::new(), HashSet::new(), 0_usize);
        for item in items {
            let (name, dtype, shape) = match item.as_array().map(Vec::as_slice) {
                Some([Value::String(name), dtype]) => (name, dtype, None),
                Some([Value::String(name), dtype, shape]) => (name, dtype, Some(shape)),
                _ => return refused(format!("{} in the header's dtype is no field", Excerpt(item))),
            };
            let dtype = Dtype::read_at(dtype, depth + 1)?;
            let shape = shape.map(read_shape).transpose()?;
            let offset = size;
            size = bytes_of(shape.as_deref().unwrap_or(&[]), dtype.size())
                .and_then(|bytes| size.checked_add(bytes))
                .filter(|size| *size <= ITEM_MAX)
                .map_or_else(|| refused("the structures that the header announces are too large"), Ok)?;
            if name.is_empty() && matches!(dtype, Dtype::Plain(Plain { kind: 'V', .. })) && shape.is_none() {
                continue; // bytes between the fields
            }
            if name.is_empty() || !names.insert(name) {
                return refused(format!("{} in the header's dtype needs a name of its own", Excerpt(item)));
            }
            fields.push(Field { name: name.clone(), dtype, shape, offset });
        }
        if size == 0 {
            return refused("the structures that the header announces have no bytes");
        }
        Ok(Structure { fields, size })
    }
}

fn number(digits: &str) -> Option<usize> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// "[ns]" or, with a number of them, "[25us]".
fn is_unit(text: &str) -> bool {
    let Some(unit) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return false;
    };
    let name = unit.trim_start_matches(|character: char| character.is_ascii_digit());
    let count = &unit[..unit.len() - name.len()];
    let counted = count.is_empty() || number(count).is_some_and(|count| (1..=i32::MAX as usize).contains(&count));
    counted && UNITS.contains(&name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dtypes_are_written_as_the_recipe_has_them() {
        for (text, written, size) in [
            ("bool", "bool", 1),
            ("|b1", "bool", 1),
            ("|u1", "uint8", 1),
            ("<u1", "uint8", 1),
            ("i8", "int64", 8),
            ("=f2", "float16", 2),
            ("float128", "float128", 16),
            ("c16", "complex128", 16),
            ("|S3", "|S3", 3),
            ("V8", "|V8", 8),
            ("datetime64", "datetime64", 8),
            ("M8[25us]", "datetime64[25us]", 8),
            ("m8[ns]", "timedelta64[ns]", 8),
        ] {
            let plain = Plain::read(text).unwrap();
            assert_eq!((plain.to_string().as_str(), plain.size), (written, size), "{text}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_other_order_of_bytes_keeps_its_code() {
        for (text, written) in [("<f8", "float64"), (">f8", ">f8"), (">M8[D]", ">M8[D]"), (">U5", ">U5"), ("U5", "<U5")]
        {
            assert_eq!(Plain::read(text).unwrap().to_string(), written);
        }
        assert_eq!(Plain::read(">i1").unwrap().to_string(), "int8");
    }

    #[test]
    fn nothing_but_plain_bytes() {
        let long = format!("V{}1", "0".repeat(TEXT_MAX));
        for text in [
            "",
            "O",
            "object",
            "|O",
            "O8",
            "|O8",
            "<O8",
            "T16",
            "i4,O",
            "i4,i4",
            "2f8",
            "(2,)f8",
            "float",
            "f",
            "int",
            "int7",
            "int16 ",
            " int16",
            "float80",
            "i3",
            "f08x",
            "|f8",
            "b2",
            "S",
            "S0",
            "U0",
            "V0",
            "V2147483648",
            "U536870912",
            "S99999999999999999999999",
            "m8[]",
            "m8[x]",
            "m8[0s]",
            "m8[-1s]",
            "m8[s",
            "M8[s/2]",
            "M8[ s]",
            "datetime64[2147483648s]",
            "i4[s]",
            "é8",
            "<é",
            "int+8",
            "i+8",
            "<",
            "bfloat16",
            "StringDType()",
            "void",
            "[('a', '<i4')]",
            &long,
        ] {
            assert!(Plain::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn structures_have_places_for_their_fields() {
        let value = json!([["a", "u1"], ["", "|V3"], ["b", [["x", ">i4"], ["y", "S2"]], [2, 3]], ["c", "f8", []]]);
        let Dtype::Structure(structure) = Dtype::read(&value).unwrap() else {
            unreachable!("a list is a structure");
        };
        assert_eq!(structure.size, 48);
        let places: Vec<_> = structure.fields.iter().map(|field| (field.name.as_str(), field.offset)).collect();
        assert_eq!(places, [("a", 0), ("b", 4), ("c", 40)]);
        assert_eq!(structure.fields[1].shape, Some(vec![2, 3]));
    }

    #[test]
    fn what_is_no_structure() {
        for value in [
            json!([]),
            json!([["a", "O"]]),
            json!([["a", [["b", "object"]]]]),
            json!([["a", "i4"], ["a", "i4"]]),
            json!([["", "i4"]]),
            json!([["", "V4", [2]]]),
            json!([[["title", "a"], "i4"]]),
            json!([["a", "i4", 3]]),
            json!([["a", "i4", [-1]]]),
            json!([["a", "i4", [1.0]]]),
            json!([["a", "i4", [0]]]),
            json!([["a", "i4", [2], 1]]),
            json!([["a"]]),
            json!(["a"]),
            json!([["a", "V2147483647"], ["b", "u1"]]),
            json!([["a", "i4", [4294967296_u64, 4294967296_u64]]]),
            json!({"a": "i4"}),
        ] {
            assert!(Dtype::read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn structures_have_a_floor() {
        let nested = |levels: usize| (0..levels).fold(json!("u1"), |inner, _| json!([["a", inner]]));
        assert!(Dtype::read(&nested(DEPTH_MAX)).is_ok());
        assert!(Dtype::read(&nested(DEPTH_MAX + 1)).is_err());
    }
}
