//! Z85 (RFC 32): bytes as text that is safe in source code and in config files. CURVE keys are written so.

/// The 85 characters, by their value.
const DIGITS: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Why bytes or a text cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Z85Error {
    /// Bytes are encoded in groups of four.
    #[error("bytes are encoded four at a time: {0} is not a multiple of 4")]
    Bytes(usize),
    /// A text is decoded in groups of five.
    #[error("a Z85 text is decoded five characters at a time: its length {0} is not a multiple of 5")]
    Text(usize),
    /// Not one of the 85.
    #[error("byte {byte:#04x} at position {at} is not a Z85 character")]
    Character {
        /// What is there.
        byte: u8,
        /// Where, from 0.
        at: usize,
    },
    /// Five characters that stand for more than 32 bits.
    #[error("the five characters at position {0} stand for more than 32 bits")]
    TooLarge(usize),
}

/// Bytes as text.
pub fn encode(bytes: &[u8]) -> Result<Vec<u8>, Z85Error> {
    if bytes.len() % 4 != 0 {
        return Err(Z85Error::Bytes(bytes.len()));
    }
    let mut text = Vec::with_capacity(bytes.len() / 4 * 5);
    for group in bytes.chunks_exact(4) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
        let digit = |place: u32| DIGITS[(value / 85u32.pow(place) % 85) as usize];
        text.extend([4, 3, 2, 1, 0].map(digit));
    }
    Ok(text)
}

/// Text as bytes.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Z85Error> {
    if text.len() % 5 != 0 {
        return Err(Z85Error::Text(text.len()));
    }
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4);
    for (index, group) in text.chunks_exact(5).enumerate() {
        let mut value = 0u64;
        for (offset, byte) in group.iter().enumerate() {
            let digit = DIGITS.iter().position(|digit| digit == byte);
            let digit = digit.ok_or(Z85Error::Character { byte: *byte, at: index * 5 + offset })?;
            value = value * 85 + digit as u64;
        }
        let value = u32::try_from(value).map_err(|_| Z85Error::TooLarge(index * 5))?;
        bytes.extend(value.to_be_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_example() {
        let bytes = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
        assert_eq!(encode(&bytes).unwrap(), b"HelloWorld");
        assert_eq!(decode(b"HelloWorld").unwrap(), bytes);
    }

    #[test]
    fn the_ends_of_the_range() {
        for bytes in [&[][..], &[0; 4], &[0xFF; 8], &[0x80, 0, 0, 0]] {
            assert_eq!(decode(&encode(bytes).unwrap()).unwrap(), bytes);
        }
        assert_eq!(encode(&[0xFF; 4]).unwrap(), b"%nSc0");
        assert_eq!(decode(b"%nSc1"), Err(Z85Error::TooLarge(0)));
        assert_eq!(decode(b"00000#####"), Err(Z85Error::TooLarge(5)));
    }

    #[test]
    fn what_is_not_z85() {
        assert_eq!(encode(&[1, 2, 3]), Err(Z85Error::Bytes(3)));
        assert_eq!(decode(b"1234"), Err(Z85Error::Text(4)));
        assert_eq!(decode(b"00000 0000"), Err(Z85Error::Character { byte: b' ', at: 5 }));
    }

    #[test]
    fn keys_are_what_libzmq_makes_of_them() {
        let (public, secret) = crate::ffi::curve_keypair().unwrap();
        for key in [public, secret] {
            let raw = decode(&key).unwrap();
            assert_eq!(raw.len(), 32);
            assert_eq!(encode(&raw).unwrap(), key);
        }
    }
}
