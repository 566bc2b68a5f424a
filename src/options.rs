//! The one table of libzmq's options: what an option is called, which number it has, what its value is and
//! whether it can be read or written.
//!
//! Getting and setting, error texts and Python's enums all look here; nothing else in the project lists options.
//! The first name of a number is the one that is shown, any later one is an alias of it. Options that this build
//! of libzmq leaves out (GSSAPI, VMCI, NORM, WSS) have their rows all the same: libzmq answers EINVAL to them.

use Access::{Never, ReadOnly, ReadWrite, WriteOnly};
use Kind::{Bool, Bytes, Fd, Int, Int64, Key, Text, Uint64};

/// What an option's value is in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A C `int`.
    Int,
    /// A C `int` that means no (0) or yes (1).
    Bool,
    /// An `int64_t`.
    Int64,
    /// A `uint64_t`: a set of bits or a size.
    Uint64,
    /// A file descriptor, a C `int` on Unix.
    Fd,
    /// Any bytes; what libzmq writes is the value, NULs included.
    Bytes,
    /// A string, which libzmq hands out with a NUL at its end.
    Text,
    /// A CURVE key: read into exactly 32 bytes it comes raw, into exactly 41 as Z85 with a NUL; other sizes fail.
    Key,
}

impl Kind {
    /// The name of the type in Python; finer differences matter only to the call into libzmq.
    pub const fn name(self) -> &'static str {
        match self {
            Int | Bool => "int",
            Int64 | Uint64 => "int64",
            Fd => "fd",
            Bytes | Text | Key => "bytes",
        }
    }
}

/// Which way an option goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be read and written.
    ReadWrite,
    /// libzmq tells it, and refuses to be told.
    ReadOnly,
    /// libzmq takes it, and refuses to tell it.
    WriteOnly,
    /// No socket of libzmq 4 knows it, though Python has a name for it.
    Never,
}

/// An option of a socket, a context or a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its name without `ZMQ_`.
    pub name: &'static str,
    /// libzmq's number for it.
    pub number: i32,
    /// What its value is.
    pub kind: Kind,
    /// Whether it can be read and written.
    pub access: Access,
}

impl Opt {
    /// Whether libzmq lets this option be read.
    pub const fn readable(&self) -> bool {
        matches!(self.access, ReadWrite | ReadOnly)
    }

    /// Whether libzmq lets this option be written.
    pub const fn writable(&self) -> bool {
        matches!(self.access, ReadWrite | WriteOnly)
    }
}

/// What a context can be asked and told. Number 3 is two things: read, the limit; written, the priority.
pub const CONTEXT_OPTIONS: &[Opt] = &[
    opt("IO_THREADS", 1, Int, ReadWrite),
    opt("MAX_SOCKETS", 2, Int, ReadWrite),
    opt("SOCKET_LIMIT", 3, Int, ReadOnly),
    opt("THREAD_PRIORITY", 3, Int, WriteOnly),
    opt("THREAD_SCHED_POLICY", 4, Int, ReadWrite),
    opt("MAX_MSGSZ", 5, Int, ReadWrite),
    opt("MSG_T_SIZE", 6, Int, ReadOnly),
    opt("THREAD_AFFINITY_CPU_ADD", 7, Int, WriteOnly),
    opt("THREAD_AFFINITY_CPU_REMOVE", 8, Int, WriteOnly),
    opt("THREAD_NAME_PREFIX", 9, Int, ReadWrite),
];

/// What a socket can be asked and told.
pub const SOCKET_OPTIONS: &[Opt] = &[
    // ZeroMQ 2's one limit for both ways: kept as a name, for `socket.hwm`.
    opt("HWM", 1, Int, Never),
    opt("AFFINITY", 4, Uint64, ReadWrite),
    opt("ROUTING_ID", 5, Bytes, ReadWrite),
    opt("SUBSCRIBE", 6, Bytes, WriteOnly),
    opt("UNSUBSCRIBE", 7, Bytes, WriteOnly),
    opt("RATE", 8, Int, ReadWrite),
    opt("RECOVERY_IVL", 9, Int, ReadWrite),
    opt("SNDBUF", 11, Int, ReadWrite),
    opt("RCVBUF", 12, Int, ReadWrite),
    opt("RCVMORE", 13, Bool, ReadOnly),
    opt("FD", 14, Fd, ReadOnly),
    opt("EVENTS", 15, Int, ReadOnly),
    opt("TYPE", 16, Int, ReadOnly),
    opt("LINGER", 17, Int, ReadWrite),
    opt("RECONNECT_IVL", 18, Int, ReadWrite),
    opt("BACKLOG", 19, Int, ReadWrite),
    opt("RECONNECT_IVL_MAX", 21, Int, ReadWrite),
    opt("MAXMSGSIZE", 22, Int64, ReadWrite),
    opt("SNDHWM", 23, Int, ReadWrite),
    opt("RCVHWM", 24, Int, ReadWrite),
    opt("MULTICAST_HOPS", 25, Int, ReadWrite),
    opt("RCVTIMEO", 27, Int, ReadWrite),
    opt("SNDTIMEO", 28, Int, ReadWrite),
    opt("LAST_ENDPOINT", 32, Text, ReadOnly),
    opt("ROUTER_MANDATORY", 33, Bool, WriteOnly),
    opt("TCP_KEEPALIVE", 34, Int, ReadWrite),
    opt("TCP_KEEPALIVE_CNT", 35, Int, ReadWrite),
    opt("TCP_KEEPALIVE_IDLE", 36, Int, ReadWrite),
    opt("TCP_KEEPALIVE_INTVL", 37, Int, ReadWrite),
    opt("IMMEDIATE", 39, Bool, ReadWrite),
    opt("XPUB_VERBOSE", 40, Bool, WriteOnly),
    opt("ROUTER_RAW", 41, Bool, WriteOnly),
    opt("IPV6", 42, Bool, ReadWrite),
    opt("MECHANISM", 43, Int, ReadOnly),
    opt("PLAIN_SERVER", 44, Bool, ReadWrite),
    opt("PLAIN_USERNAME", 45, Text, ReadWrite),
    opt("PLAIN_PASSWORD", 46, Text, ReadWrite),
    opt("CURVE_SERVER", 47, Bool, ReadWrite),
    opt("CURVE_PUBLICKEY", 48, Key, ReadWrite),
    opt("CURVE_SECRETKEY", 49, Key, ReadWrite),
    opt("CURVE_SERVERKEY", 50, Key, ReadWrite),
    opt("PROBE_ROUTER", 51, Bool, WriteOnly),
    opt("REQ_CORRELATE", 52, Bool, WriteOnly),
    opt("REQ_RELAXED", 53, Bool, WriteOnly),
    opt("CONFLATE", 54, Bool, ReadWrite),
    opt("ZAP_DOMAIN", 55, Text, ReadWrite),
    opt("ROUTER_HANDOVER", 56, Bool, WriteOnly),
    opt("TOS", 57, Int, ReadWrite),
    opt("CONNECT_ROUTING_ID", 61, Bytes, WriteOnly),
    opt("GSSAPI_SERVER", 62, Bool, ReadWrite),
    opt("GSSAPI_PRINCIPAL", 63, Text, ReadWrite),
    opt("GSSAPI_SERVICE_PRINCIPAL", 64, Text, ReadWrite),
    opt("GSSAPI_PLAINTEXT", 65, Bool, ReadWrite),
    opt("HANDSHAKE_IVL", 66, Int, ReadWrite),
    opt("SOCKS_PROXY", 68, Text, ReadWrite),
    opt("XPUB_NODROP", 69, Bool, WriteOnly),
    // A context's, though pyzmq has it here (and IPV6 is both).
    opt("BLOCKY", 70, Bool, Never),
    opt("XPUB_MANUAL", 71, Bool, WriteOnly),
    opt("XPUB_WELCOME_MSG", 72, Bytes, WriteOnly),
    opt("STREAM_NOTIFY", 73, Bool, WriteOnly),
    opt("INVERT_MATCHING", 74, Bool, ReadWrite),
    opt("HEARTBEAT_IVL", 75, Int, ReadWrite),
    opt("HEARTBEAT_TTL", 76, Int, ReadWrite),
    opt("HEARTBEAT_TIMEOUT", 77, Int, ReadWrite),
    opt("XPUB_VERBOSER", 78, Bool, WriteOnly),
    opt("CONNECT_TIMEOUT", 79, Int, ReadWrite),
    opt("TCP_MAXRT", 80, Int, ReadWrite),
    opt("THREAD_SAFE", 81, Bool, ReadOnly),
    opt("MULTICAST_MAXTPDU", 84, Int, ReadWrite),
    opt("VMCI_BUFFER_SIZE", 85, Uint64, WriteOnly),
    opt("VMCI_BUFFER_MIN_SIZE", 86, Uint64, WriteOnly),
    opt("VMCI_BUFFER_MAX_SIZE", 87, Uint64, WriteOnly),
    opt("VMCI_CONNECT_TIMEOUT", 88, Int, WriteOnly),
    opt("USE_FD", 89, Int, ReadWrite),
    opt("GSSAPI_PRINCIPAL_NAMETYPE", 90, Int, ReadWrite),
    opt("GSSAPI_SERVICE_PRINCIPAL_NAMETYPE", 91, Int, ReadWrite),
    opt("BINDTODEVICE", 92, Text, ReadWrite),
    // Older names, and options that libzmq calls deprecated.
    opt("IDENTITY", 5, Bytes, ReadWrite),
    opt("CONNECT_RID", 61, Bytes, WriteOnly),
    opt("TCP_ACCEPT_FILTER", 38, Text, WriteOnly),
    opt("IPC_FILTER_PID", 58, Int, WriteOnly),
    opt("IPC_FILTER_UID", 59, Int, WriteOnly),
    opt("IPC_FILTER_GID", 60, Int, WriteOnly),
    opt("IPV4ONLY", 31, Bool, ReadWrite),
    opt("DELAY_ATTACH_ON_CONNECT", 39, Bool, ReadWrite),
    opt("FAIL_UNROUTABLE", 33, Bool, WriteOnly),
    opt("ROUTER_BEHAVIOR", 33, Bool, WriteOnly),
    // Drafts.
    opt("ZAP_ENFORCE_DOMAIN", 93, Bool, ReadWrite),
    opt("LOOPBACK_FASTPATH", 94, Bool, ReadWrite),
    opt("METADATA", 95, Bytes, WriteOnly),
    opt("MULTICAST_LOOP", 96, Bool, ReadWrite),
    opt("ROUTER_NOTIFY", 97, Int, ReadWrite),
    opt("XPUB_MANUAL_LAST_VALUE", 98, Bool, WriteOnly),
    opt("SOCKS_USERNAME", 99, Text, ReadWrite),
    opt("SOCKS_PASSWORD", 100, Text, ReadWrite),
    opt("IN_BATCH_SIZE", 101, Int, ReadWrite),
    opt("OUT_BATCH_SIZE", 102, Int, ReadWrite),
    opt("WSS_KEY_PEM", 103, Bytes, WriteOnly),
    opt("WSS_CERT_PEM", 104, Bytes, WriteOnly),
    opt("WSS_TRUST_PEM", 105, Bytes, WriteOnly),
    opt("WSS_HOSTNAME", 106, Bytes, WriteOnly),
    opt("WSS_TRUST_SYSTEM", 107, Bool, WriteOnly),
    opt("ONLY_FIRST_SUBSCRIBE", 108, Bool, WriteOnly),
    opt("RECONNECT_STOP", 109, Int, ReadWrite),
    opt("HELLO_MSG", 110, Bytes, WriteOnly),
    opt("DISCONNECT_MSG", 111, Bytes, WriteOnly),
    opt("PRIORITY", 112, Int, ReadWrite),
    // libzmq 4.3.5 has a reader for it too, which fills in the value and then reports EINVAL.
    opt("BUSY_POLL", 113, Int, WriteOnly),
    opt("HICCUP_MSG", 114, Bytes, WriteOnly),
    opt("XSUB_VERBOSE_UNSUBSCRIBE", 115, Bool, WriteOnly),
    opt("TOPICS_COUNT", 116, Int, ReadOnly),
    opt("NORM_MODE", 117, Int, ReadWrite),
    opt("NORM_UNICAST_NACK", 118, Bool, ReadWrite),
    opt("NORM_BUFFER_SIZE", 119, Int, ReadWrite),
    opt("NORM_SEGMENT_SIZE", 120, Int, ReadWrite),
    opt("NORM_BLOCK_SIZE", 121, Int, ReadWrite),
    opt("NORM_NUM_PARITY", 122, Int, ReadWrite),
    opt("NORM_NUM_AUTOPARITY", 123, Int, ReadWrite),
    opt("NORM_PUSH", 124, Bool, ReadWrite),
];

/// What a message can be asked.
pub const MESSAGE_OPTIONS: &[Opt] = &[
    opt("MORE", 1, Bool, ReadOnly),
    opt("SHARED", 3, Bool, ReadOnly),
    // Deprecated.
    opt("SRCFD", 2, Fd, ReadOnly),
];

/// The socket option with this number; aliases share their first row.
pub fn socket_option(number: i32) -> Option<&'static Opt> {
    let row = SOCKET_ROWS.get(usize::try_from(number).ok()?)?;
    SOCKET_OPTIONS.get(usize::from(*row))
}

/// The option of that name among `options`; upper and lower case are alike, as attributes are written in either.
pub fn named(options: &'static [Opt], name: &str) -> Option<&'static Opt> {
    options.iter().find(|option| option.name.eq_ignore_ascii_case(name))
}

/// A row, short enough to stay on one line.
const fn opt(name: &'static str, number: i32, kind: Kind, access: Access) -> Opt {
    Opt { name, number, kind, access }
}

/// Where each number's first row is in SOCKET_OPTIONS, as every read and write of an option goes through it.
/// Made by the compiler, which refuses a number that does not fit.
static SOCKET_ROWS: [u8; 128] = {
    let mut rows = [u8::MAX; 128];
    let mut row = SOCKET_OPTIONS.len();
    assert!(row < u8::MAX as usize);
    while row > 0 {
        row -= 1;
        rows[SOCKET_OPTIONS[row].number as usize] = row as u8;
    }
    rows
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_like_their_option() {
        for opt in SOCKET_OPTIONS {
            let first = socket_option(opt.number).map(|of| (of.kind, of.access));
            assert_eq!(first, Some((opt.kind, opt.access)), "{}", opt.name);
        }
    }

    #[test]
    fn numbers_and_names_find_their_row() {
        let name = |number| socket_option(number).map(|option| option.name);
        assert_eq!(name(17), Some("LINGER"));
        assert_eq!(name(5), Some("ROUTING_ID"));
        assert_eq!(name(124), Some("NORM_PUSH"));
        for unknown in [-1, 0, 2, 10, 125, 127, 128, 255, 256, i32::MAX, i32::MIN] {
            assert_eq!(name(unknown), None, "{unknown}");
        }

        let number = |name| named(SOCKET_OPTIONS, name).map(|option| option.number);
        assert_eq!(number("rcvtimeo"), Some(27));
        assert_eq!(number("IDENTITY"), Some(5));
        assert_eq!(number("io_threads"), None);
    }
}
