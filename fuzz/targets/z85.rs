//! Z85, the text of CURVE keys, both ways: what is decoded is encoded as the same text, and the other way round.

#![no_main]

use _core::z85::{decode, encode, Z85Error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match encode(data) {
        Ok(text) => {
            assert_eq!(text.len(), data.len() / 4 * 5);
            assert!(text.iter().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(decode(&text).as_deref(), Ok(data));
        }
        Err(error) => assert!(error == Z85Error::Bytes(data.len()) && data.len() % 4 != 0),
    }
    match decode(data) {
        Ok(bytes) => assert_eq!(encode(&bytes).as_deref(), Ok(data)),
        Err(Z85Error::Text(length)) => assert!(length == data.len() && length % 5 != 0),
        Err(Z85Error::Character { byte, at }) => assert_eq!(data[at], byte),
        Err(Z85Error::TooLarge(at)) => assert!(at % 5 == 0 && at < data.len()),
        Err(error) => panic!("{error:?} of a text"),
    }
});
