//! Headers of arrays. One that is believed has a size that adds up, and is the same when it is written again; one that is
//! not is refused in a short sentence.

#![no_main]

use _core::array::dtype::{Dtype, Structure};
use _core::array::{header, Header, DIMENSIONS_MAX, HEADER_MAX_LENGTH};
use libfuzzer_sys::fuzz_target;
use serde_json::{json, Value};

/// More than that nobody reads, and logs need not have.
const WORDS_MAX: usize = 400;

fuzz_target!(|data: &[u8]| {
    let read = match Header::read(data) {
        Ok(read) => read,
        Err(refused) => {
            let words = refused.to_string();
            assert!(words.len() <= WORDS_MAX, "{words}");
            return;
        }
    };
    assert!(read.shape.len() <= DIMENSIONS_MAX);
    // As many as there are, in numbers that cannot overflow where the real ones have not.
    let items = read.shape.iter().fold(1, |items: u128, length| items.saturating_mul(*length as u128));
    assert!(read.dtype.size() > 0);
    assert_eq!(read.bytes as u128, items.saturating_mul(read.dtype.size() as u128));
    assert_eq!(read.check(read.bytes), Ok(()));
    for other in [read.bytes.wrapping_add(1), read.bytes.wrapping_sub(1), usize::MAX] {
        let words = read.check(other).expect_err("another size").to_string();
        assert!(words.len() <= WORDS_MAX, "{words}");
    }
    let again = header(&again(&read.dtype).to_string(), &read.shape);
    if again.len() <= HEADER_MAX_LENGTH {
        assert_eq!(Header::read(&again), Ok(read));
    }
});

fn again(dtype: &Dtype) -> Value {
    match dtype {
        Dtype::Plain(plain) => Value::from(plain.to_string()),
        Dtype::Structure(structure) => fields(structure),
    }
}

/// A structure's fields, and the bytes between and behind them.
fn fields(structure: &Structure) -> Value {
    let (mut all, mut at) = (Vec::new(), 0);
    let gap = |from: usize, to: usize| (to > from).then(|| json!(["", format!("|V{}", to - from)]));
    for field in &structure.fields {
        all.extend(gap(at, field.offset));
        let items: usize = field.shape.iter().flatten().product();
        at = field.offset + items * field.dtype.size();
        all.push(match &field.shape {
            None => json!([field.name, again(&field.dtype)]),
            Some(shape) => json!([field.name, again(&field.dtype), shape]),
        });
    }
    all.extend(gap(at, structure.size));
    Value::from(all)
}
