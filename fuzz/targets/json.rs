//! JSON without Python: what is read is written as printable ASCII and read again as the same; and a tally counts what an
//! independent reading of the message finds, or nothing.

#![no_main]

use std::marker::PhantomData;

use _core::json::{from_slice, is_plain, plain_prefix, write};
use _core::pipeline::tally::{Label, Tally};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let marked = |byte: &u8| matches!(byte, 0..=0x1f | b'"' | b'\\');
    assert_eq!(plain_prefix(data), data.iter().position(marked).unwrap_or(data.len()));
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(is_plain(text), data.iter().all(|byte| !marked(byte) && *byte < 0x7f));
        check_written(&Value::from(text));
    }
    let read: Option<Value> = from_slice(data, PhantomData).ok();
    assert_eq!(read, serde_json::from_slice(data).ok());
    let mut tally = Tally::new("k");
    if tally.count(data) {
        let value = read.as_ref().and_then(|object| object.get("k")).expect("what was counted is there");
        let [(label, 1)] = tally.counts() else {
            panic!("one message is one label: {:?}", tally.counts());
        };
        assert!(is_same(label, value), "{label:?} {value}");
        assert!(tally.count(data) && tally.counts().len() == 1 && tally.counts()[0].1 == 2);
    } else {
        assert_eq!((tally.total(), tally.counts().len()), (0, 0));
    }
    if let Some(value) = read {
        check_written(&value);
    }
});

fn check_written(value: &Value) {
    let mut bytes = Vec::new();
    write(&mut bytes, value).expect("a value of JSON");
    assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~')), "{bytes:?}");
    let again: Value = from_slice(&bytes, PhantomData).expect("JSON");
    assert_eq!(&again, value);
}

fn is_same(label: &Label<'_>, value: &Value) -> bool {
    match label {
        Label::Null => value.is_null(),
        Label::Bool(flag) => value.as_bool() == Some(*flag),
        Label::Int(number) => {
            let found = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
            found == Some(*number)
        }
        Label::Float(number) => value.is_f64() && value.as_f64() == Some(*number),
        Label::Text(text) => value.as_str() == Some(text),
        Label::Big(_) | Label::Surrogates(_) => false,
    }
}
