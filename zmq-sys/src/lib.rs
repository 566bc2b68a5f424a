//! Raw bindings of the libzmq that this repository builds: 4.3.5 with libsodium, the draft API and its platform's features.
//!
//! It takes the place of the registry's `zmq-sys` under the crate `zmq`, so it offers every name which that crate uses,
//! and what it lacks: draft sockets, versioned monitors, `zmq_msg_copy` and generic context options.

#![allow(non_camel_case_types)]

// Linked for its static library only: libzmq's CURVE stands on it.
extern crate libsodium_sys as _;

mod constants;
pub mod errno;
mod functions;

pub use constants::*;
pub use functions::*;

/// What libzmq calls a file descriptor.
#[cfg(not(windows))]
pub type RawFd = std::os::raw::c_int;
/// What libzmq calls a file descriptor.
#[cfg(windows)]
pub type RawFd = std::os::windows::io::RawSocket;

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn it_is_libzmq_4_3_5_with_every_feature_we_ask_for() {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        unsafe { zmq_version(&mut major, &mut minor, &mut patch) };
        assert_eq!((major, minor, patch), (4, 3, 5));
        for feature in ["curve", "ipc", "draft", "WS"] {
            let name = CString::new(feature).unwrap();
            assert_eq!(unsafe { zmq_has(name.as_ptr()) }, 1, "{feature}");
        }
    }

    #[test]
    fn a_message_has_the_size_and_alignment_of_zmq_h() {
        assert_eq!(std::mem::size_of::<zmq_msg_t>(), 64);
        assert_eq!(std::mem::align_of::<zmq_msg_t>(), std::mem::align_of::<*const u8>());
    }
}
