//! JSON as Python's `json` module writes it by default.
//!
//! Peers compare and store what `send_json` sends, so the bytes must be those of `json.dumps`, to the last space: ", "
//! and ": " between things, ASCII only, floats laid out as `repr` does. serde_json does the work; this file says how it
//! has to write, and which of the numbers it reads are certain to be what Python would have read.

use std::io::{self, Write};

use serde::de::DeserializeSeed;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// From here on, a float that serde_json read may have been an integer too large for it.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

/// The layout of Python's `json.dumps` with its defaults, for serde_json's serializer.
#[derive(Clone, Copy, Debug, Default)]
pub struct PythonFormatter;

impl Formatter for PythonFormatter {
    #[inline]
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    #[inline]
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    #[inline]
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    #[inline]
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        write_float(writer, f64::from(value)) // Python has no shorter floats
    }

    #[inline]
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write_float(writer, value)
    }

    #[inline]
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_ascii(writer, fragment)
    }
}

/// Appends the bytes of `json.dumps(value).encode()`, for any value that serde can serialize.
///
/// NaN and the infinities come out as `null`, as serde_json has it; Python's names for them are not JSON.
///
/// # Errors
/// Those of the value's own `Serialize`, and map keys that JSON has no text for.
#[inline]
pub fn write<T: ?Sized + Serialize>(bytes: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(bytes, PythonFormatter))
}

/// So many bytes are looked at without a branch: the compiler does that at once.
const AT_ONCE: usize = 16;

/// Whether a text stands in JSON as it is, between quotes.
#[inline]
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.last_chunk::<AT_ONCE>() {
        None => bytes.iter().all(|&byte| OUTPUT[usize::from(byte)]),
        Some(last) => bytes.chunks_exact(AT_ONCE).chain([&last[..]]).all(|chunk| all(chunk, is_output)),
    }
}

/// How many bytes of a string there are before the first one that is not to be taken as it is: the quote at its end, an
/// escape, or a control character.
#[inline]
#[must_use]
pub fn plain_prefix(bytes: &[u8]) -> usize {
    let is_plain = |&byte: &u8| INPUT[usize::from(byte)];
    let near = &bytes[..bytes.len().min(AT_ONCE)];
    if let Some(end) = near.iter().position(|byte| !is_plain(byte)) {
        return end;
    }
    let chunks = bytes.chunks_exact(AT_ONCE).take_while(|chunk| all(chunk, is_input)).count() * AT_ONCE;
    let rest = &bytes[chunks..];
    chunks + rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len())
}

#[inline]
fn all(chunk: &[u8], is_plain: impl Fn(u8) -> bool) -> bool {
    chunk.first_chunk::<AT_ONCE>().is_some_and(|chunk| chunk.iter().fold(true, |plain, &byte| plain & is_plain(byte)))
}

const fn is_input(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

const fn is_output(byte: u8) -> bool {
    is_input(byte) & (byte <= b'~')
}

/// The same for each byte: quicker where they are looked at one by one.
const INPUT: [bool; 256] = table(false);
const OUTPUT: [bool; 256] = table(true);

const fn table(output: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = if output { is_output(byte) } else { is_input(byte) };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[inline]
fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Reads one JSON document, with nothing but white space around it, through a seed that builds the result.
///
/// # Errors
/// Whatever is not JSON or not UTF-8, is nested deeper than serde_json goes, or is refused by the seed.
pub fn from_slice<'de, S: DeserializeSeed<'de>>(data: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let text = std::str::from_utf8(data).map_err(serde::de::Error::custom)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Can this float, read by serde_json, have come from nothing but a JSON float?
///
/// serde_json also makes floats of `-0` and of integers beyond 64 bits, which Python reads as integers.
#[must_use]
pub fn is_surely_float(value: f64) -> bool {
    value.abs() < INTEGERS_END && (value != 0.0 || value.is_sign_positive())
}

#[inline]
fn separate<W: ?Sized + Write>(writer: &mut W, first: bool) -> io::Result<()> {
    if first {
        Ok(())
    } else {
        writer.write_all(b", ")
    }
}

/// Writes text without quotes, backslashes and control characters, all that is not printable ASCII as `\uXXXX`.
fn write_ascii<W: ?Sized + Write>(writer: &mut W, mut text: &str) -> io::Result<()> {
    if text.bytes().fold(true, |plain, byte| plain & is_printable(byte)) {
        return writer.write_all(text.as_bytes());
    }
    while let Some(end) = text.bytes().position(|byte| !is_printable(byte)) {
        let (plain, rest) = text.split_at(end);
        writer.write_all(plain.as_bytes())?;
        let mut characters = rest.chars();
        if let Some(character) = characters.next() {
            write_escaped(writer, character)?;
        }
        text = characters.as_str();
    }
    writer.write_all(text.as_bytes())
}

fn write_escaped<W: ?Sized + Write>(writer: &mut W, character: char) -> io::Result<()> {
    for &mut unit in character.encode_utf16(&mut [0; 2]) {
        let digit = |shift: u32| b"0123456789abcdef"[usize::from(unit >> shift & 15)];
        writer.write_all(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)])?;
    }
    Ok(())
}

/// Writes a float that has three decimals at most, if it is one; that takes half of the time of looking for its digits.
///
/// Two decimals of up to 15 digits never have the same nearest float. So where the float is the nearest one to such a
/// decimal, no other one that is as short stands for it, and this is what `repr` writes.
fn write_short<W: ?Sized + Write>(writer: &mut W, value: f64) -> Option<io::Result<()>> {
    let size = value.abs();
    if !(1e-3..1e12).contains(&size) {
        return None;
    }
    let thousandths = (size * 1e3 + 0.5) as u64;
    // Both are exact, and so their quotient is the nearest float.
    if thousandths as f64 / 1e3 != size {
        return None;
    }
    let digit = |place: u64| b'0' + (thousandths / place % 10) as u8;
    let decimals = [b'.', digit(100), digit(10), digit(1)];
    let count = if decimals[3] != b'0' {
        3
    } else if decimals[2] != b'0' {
        2
    } else {
        1
    };
    let sign: &[u8] = if value < 0.0 { b"-" } else { b"" };
    let written = writer
        .write_all(sign)
        .and_then(|()| CompactFormatter.write_u64(writer, thousandths / 1000))
        .and_then(|()| writer.write_all(&decimals[..=count]));
    Some(written)
}

/// Writes a finite float as Python's `repr` does: plain from 1e-4 up to 1e16, with an exponent beyond.
///
/// The digits are those serde_json finds. When two shortest candidates are equally near it takes the even one, as
/// Python does; Rust's own `{:e}` takes the larger one (2**-25 ends in 12 in Python, and in 13 there).
fn write_float<W: ?Sized + Write>(writer: &mut W, value: f64) -> io::Result<()> {
    if let Some(written) = write_short(writer, value) {
        return written;
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return CompactFormatter.write_f64(writer, value);
    }
    let mut text = Vec::with_capacity(32);
    CompactFormatter.write_f64(&mut text, size)?;
    if value.is_sign_negative() {
        writer.write_all(b"-")?;
    }
    write_scientific(writer, std::str::from_utf8(&text).map_err(io::Error::other)?)
}

/// Lays out a positive decimal number, however written, as 1.5e-07.
fn write_scientific<W: ?Sized + Write>(writer: &mut W, text: &str) -> io::Result<()> {
    let (number, power) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, fraction].concat();
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let power: isize = power.parse().map_err(io::Error::other)?;
    let exponent = power + whole.len() as isize - zeros as isize - 1;

    let digits = digits.trim_matches('0');
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(writer, "{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::de::IgnoredAny;
    use serde_json::{json, Value};
    use std::marker::PhantomData;

    use super::*;

    fn written<T: Serialize>(value: T) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, &value).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn read(data: &[u8]) -> serde_json::Result<Value> {
        from_slice(data, PhantomData::<Value>)
    }

    #[test]
    fn separators_are_those_of_python() {
        assert_eq!(written(json!({"consumer": 1234, "num": 5})), r#"{"consumer": 1234, "num": 5}"#);
        assert_eq!(written(json!([1, [], {}, [null, true, false]])), "[1, [], {}, [null, true, false]]");
    }

    #[test]
    fn text_is_ascii() {
        assert_eq!(written("plain ~ text /"), r#""plain ~ text /""#);
        assert_eq!(written("\"\\\n\r\t\u{8}\u{c}\0\u{1f}"), r#""\"\\\n\r\t\b\f\u0000\u001f""#);
        assert_eq!(written("\u{7f}\u{80}é€"), r#""\u007f\u0080\u00e9\u20ac""#);
        assert_eq!(written("a😀b\u{10ffff}"), r#""a\ud83d\ude00b\udbff\udfff""#);
        assert_eq!(written(json!({"é": 1})), r#"{"\u00e9": 1}"#);
    }

    #[test]
    fn text_is_plain_if_nothing_in_it_is_escaped() {
        for size in 0..50 {
            let text = "~".repeat(size);
            assert!(is_plain(&text));
            for at in 0..size {
                for other in ["\"", "\\", "\u{1f}", "\u{7f}", "é"] {
                    assert!(!is_plain(&[&text[..at], other, &text[at + 1..]].concat()), "{other} at {at} of {size}");
                }
            }
        }
    }

    #[test]
    fn a_string_is_taken_up_to_its_end() {
        for size in 0..50 {
            let text = "é~".repeat(size).into_bytes();
            assert_eq!(plain_prefix(&text), text.len());
            for end in [b"\"", b"\\", b"\0", b"\x1f"] {
                assert_eq!(plain_prefix(&[&text[..], end, b"..................."].concat()), text.len());
            }
        }
    }

    #[test]
    fn floats_are_laid_out_as_repr_does() {
        let table = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00009999, "9.999e-05"),
            (0.00001, "1e-05"),
            (-1.5e-7, "-1.5e-07"),
            (1e-10, "1e-10"),
            (1e15, "1000000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (-1e16, "-1e+16"),
            (12345678901234567890.0, "1.2345678901234567e+19"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
        ];
        for (value, text) in table {
            assert_eq!(written(value), text);
        }
    }

    #[test]
    fn short_floats_are_written_as_the_long_ones_they_equal() {
        assert_eq!(written(0.1_f32), "0.10000000149011612");
        assert_eq!(written(1e16_f32), "1.0000000272564224e+16");
    }

    #[test]
    fn of_two_equally_near_candidates_the_even_one_is_written() {
        assert_eq!(written(2.0_f64.powi(-25)), "2.9802322387695312e-08");
        assert_eq!(written(4503599627370497.0 / 4.0), "1125899906842624.2");
        assert_eq!(written(1403473157635889.0 / 8.0), "175434144704486.12");
    }

    #[test]
    fn any_notation_of_the_digits_will_do() {
        for (text, layout) in [
            ("1e16", "1e+16"),
            ("1e+16", "1e+16"),
            ("10000000000000000.0", "1e+16"),
            ("0.00001", "1e-05"),
            ("1.0e-5", "1e-05"),
            ("12.5e20", "1.25e+21"),
        ] {
            let mut bytes = Vec::new();
            write_scientific(&mut bytes, text).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), layout);
        }
    }

    #[test]
    fn map_keys_become_text() {
        let keys = std::collections::BTreeMap::from([(-1, "a"), (7, "b")]);
        assert_eq!(written(keys), r#"{"-1": "a", "7": "b"}"#);
    }

    #[test]
    fn one_document_is_read() {
        assert_eq!(read(b" \t\r\n{\"a\": [1, 2.5, \"\\u00e9\"]}\n").unwrap(), json!({"a": [1, 2.5, "é"]}));
        let broken: [&[u8]; 9] = [b"", b" ", b"{} {}", b"[1,]", b"01", b"1.", b"\x0c1", b"\"\xff\"", b"\xef\xbb\xbf1"];
        for data in broken {
            assert!(read(data).is_err(), "{data:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        assert!(from_slice(&[b'['; 100_000], PhantomData::<IgnoredAny>).is_err());
    }

    #[test]
    fn floats_are_rounded_correctly() {
        let half_way = "0.500000000000000166533453693773481063544750213623046875";
        for text in ["1.7976931348623157e308", "9007199254740993.0", half_way] {
            assert_eq!(read(text.as_bytes()).unwrap().as_f64(), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn floats_that_may_have_been_integers_are_known() {
        let float = |text: &str| read(text.as_bytes()).unwrap().as_f64().unwrap();
        for text in ["0.0", "1.5", "-1e-300", "0e5", "1e18", "-9.2e18"] {
            assert!(is_surely_float(float(text)), "{text}");
        }
        for text in ["-0", "-0.0", "18446744073709551616", "-9223372036854775809", "1e300"] {
            assert!(!is_surely_float(float(text)), "{text}");
        }
        assert!(read(b"18446744073709551615").unwrap().is_u64());
        assert!(read(b"-9223372036854775808").unwrap().is_i64());
    }
}
