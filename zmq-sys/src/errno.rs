//! The errno values that libzmq sets: the platform's own, and those that it makes up above `ZMQ_HAUSNUMERO`.

pub use libc::{
    EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EBUSY, ECONNREFUSED, EFAULT, EHOSTUNREACH, EINPROGRESS, EINTR, EINVAL,
    EMFILE, EMSGSIZE, ENAMETOOLONG, ENETDOWN, ENOBUFS, ENODEV, ENOENT, ENOMEM, ENOTCONN, ENOTSOCK, ENOTSUP, EPROTO,
    EPROTONOSUPPORT,
};

/// libzmq counts its own codes from here, far above any platform's.
pub const ZMQ_HAUSNUMERO: i32 = 156_384_712;

macro_rules! own_codes {
    ($($name:ident = $offset:literal,)*) => { $(pub const $name: i32 = ZMQ_HAUSNUMERO + $offset;)* };
}

own_codes! {
    // Stand-ins for what a platform's errno.h lacks.
    ENOTSUP_ALT = 1,
    EPROTONOSUPPORT_ALT = 2,
    ENOBUFS_ALT = 3,
    ENETDOWN_ALT = 4,
    EADDRINUSE_ALT = 5,
    EADDRNOTAVAIL_ALT = 6,
    ECONNREFUSED_ALT = 7,
    EINPROGRESS_ALT = 8,
    ENOTSOCK_ALT = 9,
    EMSGSIZE_ALT = 10,
    EAFNOSUPPORT_ALT = 11,
    ENETUNREACH_ALT = 12,
    ECONNABORTED_ALT = 13,
    ECONNRESET_ALT = 14,
    ENOTCONN_ALT = 15,
    ETIMEDOUT_ALT = 16,
    EHOSTUNREACH_ALT = 17,
    ENETRESET_ALT = 18,
    // What no platform has.
    EFSM = 51,
    ENOCOMPATPROTO = 52,
    ETERM = 53,
    EMTHREAD = 54,
}
