//! Counts results by the value of one of their keys, as `collections.Counter` would, without Python.
//!
//! What this file is not certain to read as Python's `json` does (see [`crate::json`]), and whatever cannot be counted, is
//! left to the caller, who may add the label that it finds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::board::{Board, STALE};
use super::stream::{Next, Stream};
use crate::error::Result;
use crate::json::{from_slice, is_surely_float};
use crate::message::Frames;
use crate::wait::{Deadline, Interrupt};

/// How often a tally that never has to wait looks for signals and at its deadline.
const LOOK: Duration = Duration::from_millis(10);
/// How many messages it takes between two looks at the clock.
const BATCH: u64 = 256;

/// What is counted: a JSON value that may be the key of a dict.
#[derive(Clone, Debug, PartialEq)]
pub enum Label<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i128),
    /// The digits of an integer that is larger.
    Big(Cow<'a, str>),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// A string with lone surrogates, in the UTF-8 that allows for them.
    Surrogates(Cow<'a, [u8]>),
}

/// What makes two labels the same: for Python, `1`, `1.0` and `true` are one key.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Same {
    Null,
    Int(i128),
    Big(String),
    /// The bits of a float that is no integer.
    Float(u64),
    Surrogates(Vec<u8>),
}

impl Label<'_> {
    fn same(&self) -> Option<Same> {
        Some(match self {
            Label::Null => Same::Null,
            Label::Bool(flag) => Same::Int(i128::from(*flag)),
            Label::Int(number) => Same::Int(*number),
            Label::Big(digits) => match digits.parse() {
                Ok(number) => Same::Int(number),
                Err(_) => Same::Big(digits.clone().into_owned()),
            },
            Label::Float(number) => whole(*number).unwrap_or(Same::Float(number.to_bits())),
            Label::Surrogates(bytes) => Same::Surrogates(bytes.to_vec()),
            Label::Text(_) => return None,
        })
    }

    fn into_owned(self) -> Label<'static> {
        match self {
            Label::Big(digits) => Label::Big(Cow::Owned(digits.into_owned())),
            Label::Text(text) => Label::Text(Cow::Owned(text.into_owned())),
            Label::Surrogates(bytes) => Label::Surrogates(Cow::Owned(bytes.into_owned())),
            Label::Null => Label::Null,
            Label::Bool(flag) => Label::Bool(flag),
            Label::Int(number) => Label::Int(number),
            Label::Float(number) => Label::Float(number),
        }
    }
}

/// A float that equals an integer, as that integer; and all that are not a number as one.
fn whole(number: f64) -> Option<Same> {
    const INT_END: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if number.is_nan() {
        return Some(Same::Float(f64::NAN.to_bits()));
    }
    if number.is_infinite() || number.fract() != 0.0 {
        return None;
    }
    Some(match number.abs() < INT_END {
        true => Same::Int(number as i128),
        false => Same::Big(format!("{number:.0}")),
    })
}

/// Why a tally paused.
#[derive(Debug)]
pub enum Paused {
    /// It has as many as it was to take.
    Full,
    /// The end of the stream.
    End,
    /// The deadline.
    TimeOver,
    /// A message that the caller has to look at.
    Unsure(Frames),
}

/// Counts, in the order in which the labels first came.
#[derive(Debug)]
pub struct Tally {
    key: String,
    counts: Vec<(Label<'static>, u64)>,
    texts: HashMap<String, usize>,
    others: HashMap<Same, usize>,
    total: u64,
}

impl Tally {
    /// Counts by this key.
    pub fn new(key: impl Into<String>) -> Self {
        let key = key.into();
        Tally { key, counts: Vec::new(), texts: HashMap::new(), others: HashMap::new(), total: 0 }
    }

    /// By which key it counts.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How many results were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Each label and its count.
    pub fn counts(&self) -> &[(Label<'static>, u64)] {
        &self.counts
    }

    /// Counts a result; false, and nothing is counted, if that is not certain to be right.
    pub fn count(&mut self, data: &[u8]) -> bool {
        match from_slice(data, Pick(&self.key)) {
            Ok(Some(label)) => {
                self.add(label);
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Counts a label.
    pub fn add(&mut self, label: Label<'_>) {
        self.total += 1;
        let fresh = self.counts.len();
        let index = match (label.same(), &label) {
            (Some(same), _) => *self.others.entry(same).or_insert(fresh),
            (None, Label::Text(text)) => match self.texts.get(text.as_ref()) {
                Some(index) => *index,
                None => {
                    self.texts.insert(text.clone().into_owned(), fresh);
                    fresh
                }
            },
            (None, _) => fresh,
        };
        match self.counts.get_mut(index) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((label.into_owned(), 1)),
        }
    }

    /// Counts what comes, until there is a reason to pause; and shows meanwhile what it has, if the board is watched.
    ///
    /// # Errors
    /// Those of [`Stream::next`], but for the deadline.
    pub fn take(
        &mut self,
        stream: &Stream,
        board: &Board,
        most: Option<u64>,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<Paused> {
        let mut looked = Instant::now();
        let mut shown = (Instant::now(), 0);
        loop {
            if most.is_some_and(|most| self.total >= most) {
                return Ok(Paused::Full);
            }
            if self.total % BATCH == BATCH - 1 && looked.elapsed() > LOOK {
                interrupt.check()?;
                if deadline.is_over() {
                    return Ok(Paused::TimeOver);
                }
                looked = Instant::now();
                if shown.0.elapsed() > STALE {
                    board.show(self);
                    shown = (looked, self.total);
                }
            }
            let stale = board.is_watched() && self.total != shown.1;
            let next = match stale {
                true => match stream.try_next()? {
                    Some(frames) => Ok(Next::Message(frames)),
                    None => {
                        let due = Deadline::after(STALE.saturating_sub(shown.0.elapsed()));
                        stream.next(deadline.earlier(due), interrupt)
                    }
                },
                false => stream.next(deadline, interrupt),
            };
            match next {
                Ok(Next::Message(frames)) => match &frames[..] {
                    [frame] if self.count(frame.as_slice()) => {}
                    _ => return Ok(Paused::Unsure(frames)),
                },
                // Somebody knows how many there will be: those who left may come back.
                Ok(Next::End) if most.is_some() => {}
                Ok(Next::End) => return Ok(Paused::End),
                Err(error) if error.is_again() && stale && !deadline.is_over() => {
                    board.show(self);
                    shown = (Instant::now(), self.total);
                }
                Err(error) if error.is_again() => return Ok(Paused::TimeOver),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Finds the value of one key of an object; of several, the last, as Python does.
struct Pick<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<Label<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<Label<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = items.next_key_seed(IsKey(self.0))? {
            if is_it {
                found = Some(items.next_value_seed(Read)?);
            } else {
                items.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Reads a label. Lists and objects are none.
struct Read;

impl<'de> DeserializeSeed<'de> for Read {
    type Value = Label<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Label<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Read {
    type Value = Label<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("something to count")
    }

    fn visit_unit<E>(self) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Int(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> std::result::Result<Label<'de>, E> {
        match is_surely_float(number) {
            true => Ok(Label::Float(number)),
            false => Err(E::custom("an integer, perhaps")),
        }
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Label<'de>, E> {
        Ok(Label::Text(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tallied(results: &[&str]) -> Vec<(Label<'static>, u64)> {
        let mut tally = Tally::new("k");
        for result in results {
            assert!(tally.count(result.as_bytes()), "{result}");
        }
        assert_eq!(tally.total(), results.len() as u64);
        tally.counts().to_vec()
    }

    fn text(text: &str) -> Label<'static> {
        Label::Text(Cow::Owned(text.to_owned()))
    }

    #[test]
    fn labels_are_counted_in_the_order_of_their_first_coming() {
        let counts = tallied(&[r#"{"k": "b"}"#, r#"{"k": "a", "n": [1, {"k": 2}]}"#, r#" {"n": null, "k": "b"} "#]);
        assert_eq!(counts, [(text("b"), 2), (text("a"), 1)]);
        assert_eq!(tallied(&[r#"{"k": "\u00e9"}"#, r#"{"\u006b": "é"}"#]), [(text("é"), 2)]);
        let all = tallied(&[r#"{"k": null}"#, r#"{"k": -7}"#, r#"{"k": 0.5}"#, r#"{"k": 18446744073709551615}"#]);
        let labels = [Label::Null, Label::Int(-7), Label::Float(0.5), Label::Int(u64::MAX.into())];
        assert_eq!(all, labels.map(|label| (label, 1)));
    }

    #[test]
    fn labels_are_the_same_when_python_says_so() {
        assert_eq!(tallied(&[r#"{"k": true}"#, r#"{"k": 1}"#, r#"{"k": 1.0}"#]), [(Label::Bool(true), 3)]);
        assert_eq!(tallied(&[r#"{"k": "1"}"#, r#"{"k": 1}"#]).len(), 2);
        let big = |digits: &str| Label::Big(Cow::Owned(digits.to_owned()));
        for (one, other, same) in [
            (Label::Float(-0.0), Label::Bool(false), true),
            (big("9223372036854775808"), Label::Float(9_223_372_036_854_775_808.0), true),
            (big("9223372036854775809"), Label::Float(9_223_372_036_854_775_808.0), false),
            (big(&(1u128 << 127).to_string()), Label::Float(2f64.powi(127)), true),
            (big(&format!("-1{}", "0".repeat(60))), big(&format!("-1{}", "0".repeat(60))), true),
            (Label::Float(f64::NAN), Label::Float(-f64::NAN), true),
            (Label::Float(f64::INFINITY), Label::Float(f64::NEG_INFINITY), false),
            (Label::Null, Label::Int(0), false),
        ] {
            assert_eq!(one.same() == other.same(), same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_last_of_several_equal_keys_counts() {
        assert_eq!(tallied(&[r#"{"k": 1, "k": 2}"#]), [(Label::Int(2), 1)]);
    }

    #[test]
    fn what_is_not_certain_is_not_counted() {
        let mut tally = Tally::new("k");
        for result in [
            "",
            "{",
            "[1]",
            "7",
            r#""k""#,
            "{}",
            r#"{"n": 1}"#,
            r#"{"k": []}"#,
            r#"{"k": {}}"#,
            r#"{"k": 1} {}"#,
            r#"{"k": NaN}"#,
            r#"{"k": 1e400}"#,
            r#"{"k": 18446744073709551616}"#,
            r#"{"k": "\ud800"}"#,
        ] {
            assert!(!tally.count(result.as_bytes()), "{result}");
        }
        assert!(!tally.count(b"{\"k\": \"\xff\"}"));
        assert_eq!((tally.total(), tally.counts().len()), (0, 0));
    }
}
