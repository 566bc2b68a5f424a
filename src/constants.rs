//! Every constant of libzmq that Python shows: the plain numbers are listed here, the options in `options`.
//!
//! Python's enums are made from `rows()` and the core names things by `name_of`; nothing else in the project lists
//! constants. The groups and the order in them are those of pyzmq's enums. The first name of a number is the one
//! that is shown, any later one is an alias of it.

use zmq_sys::errno;

use crate::options::{Kind, Opt, CONTEXT_OPTIONS, MESSAGE_OPTIONS, SOCKET_OPTIONS};
use Members::{Numbers, Options};

/// A constant that is only a number: its name without `ZMQ_` and without its group's prefix, and the number.
pub type Number = (&'static str, i32);

/// The rows of a group: options have a value of some kind, other constants are numbers only.
#[derive(Clone, Copy, Debug)]
enum Members {
    Options(&'static [Opt]),
    Numbers(&'static [Number]),
}

/// Every constant there is, under the names of Python's enums.
static GROUPS: &[(&str, Members)] = &[
    ("Errno", Numbers(ERRNOS)),
    ("ContextOption", Options(CONTEXT_OPTIONS)),
    ("SocketType", Numbers(SOCKET_TYPES)),
    ("SocketOption", Options(SOCKET_OPTIONS)),
    ("MessageOption", Options(MESSAGE_OPTIONS)),
    ("Flag", Numbers(FLAGS)),
    ("RouterNotify", Numbers(ROUTER_NOTIFY)),
    ("NormMode", Numbers(NORM_MODES)),
    ("SecurityMechanism", Numbers(SECURITY_MECHANISMS)),
    ("ReconnectStop", Numbers(RECONNECT_STOP)),
    ("Event", Numbers(EVENTS)),
    ("PollEvent", Numbers(POLL_EVENTS)),
    ("DeviceType", Numbers(DEVICE_TYPES)),
];

/// The errors that libzmq's documentation names. Most are the platform's, with its numbers.
pub const ERRNOS: &[Number] = &[
    ("EAGAIN", libc::EAGAIN),
    ("EFAULT", libc::EFAULT),
    ("EINVAL", libc::EINVAL),
    ("ENOTSUP", libc::ENOTSUP),
    ("EPROTONOSUPPORT", libc::EPROTONOSUPPORT),
    ("ENOBUFS", libc::ENOBUFS),
    ("ENETDOWN", libc::ENETDOWN),
    ("EADDRINUSE", libc::EADDRINUSE),
    ("EADDRNOTAVAIL", libc::EADDRNOTAVAIL),
    ("ECONNREFUSED", libc::ECONNREFUSED),
    ("EINPROGRESS", libc::EINPROGRESS),
    ("ENOTSOCK", libc::ENOTSOCK),
    ("EMSGSIZE", libc::EMSGSIZE),
    ("EAFNOSUPPORT", libc::EAFNOSUPPORT),
    ("ENETUNREACH", libc::ENETUNREACH),
    ("ECONNABORTED", libc::ECONNABORTED),
    ("ECONNRESET", libc::ECONNRESET),
    ("ENOTCONN", libc::ENOTCONN),
    ("ETIMEDOUT", libc::ETIMEDOUT),
    ("EHOSTUNREACH", libc::EHOSTUNREACH),
    ("ENETRESET", libc::ENETRESET),
    ("EFSM", errno::EFSM),
    ("ENOCOMPATPROTO", errno::ENOCOMPATPROTO),
    ("ETERM", errno::ETERM),
    ("EMTHREAD", errno::EMTHREAD),
];

/// The types of sockets.
pub const SOCKET_TYPES: &[Number] = &[
    ("PAIR", 0),
    ("PUB", 1),
    ("SUB", 2),
    ("REQ", 3),
    ("REP", 4),
    ("DEALER", 5),
    ("ROUTER", 6),
    ("PULL", 7),
    ("PUSH", 8),
    ("XPUB", 9),
    ("XSUB", 10),
    ("STREAM", 11),
    // The names of ZeroMQ 2.
    ("XREQ", 5),
    ("XREP", 6),
    // Drafts.
    ("SERVER", 12),
    ("CLIENT", 13),
    ("RADIO", 14),
    ("DISH", 15),
    ("GATHER", 16),
    ("SCATTER", 17),
    ("DGRAM", 18),
    ("PEER", 19),
    ("CHANNEL", 20),
];

/// Flags of send and receive.
pub const FLAGS: &[Number] = &[("DONTWAIT", 1), ("SNDMORE", 2), ("NOBLOCK", 1)];

/// Values of ROUTER_NOTIFY; their prefix is `NOTIFY_`.
pub const ROUTER_NOTIFY: &[Number] = &[("CONNECT", 1), ("DISCONNECT", 2)];

/// Values of NORM_MODE; their prefix is `NORM_`.
pub const NORM_MODES: &[Number] = &[("FIXED", 0), ("CC", 1), ("CCL", 2), ("CCE", 3), ("CCE_ECNONLY", 4)];

/// Values of MECHANISM.
pub const SECURITY_MECHANISMS: &[Number] = &[("NULL", 0), ("PLAIN", 1), ("CURVE", 2), ("GSSAPI", 3)];

/// Values of RECONNECT_STOP; their prefix is `RECONNECT_STOP_`.
pub const RECONNECT_STOP: &[Number] = &[("CONN_REFUSED", 1), ("HANDSHAKE_FAILED", 2), ("AFTER_DISCONNECT", 4)];

/// What a socket's monitor reports, and why a handshake failed. The prefix is `EVENT_`, but for the reasons'.
///
/// The reasons come first, as they share bits with the events.
pub const EVENTS: &[Number] = &[
    ("PROTOCOL_ERROR_WS_UNSPECIFIED", 0x3000_0000),
    ("PROTOCOL_ERROR_ZMTP_UNSPECIFIED", 0x1000_0000),
    ("PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND", 0x1000_0001),
    ("PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE", 0x1000_0002),
    ("PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE", 0x1000_0003),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED", 0x1000_0011),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE", 0x1000_0012),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO", 0x1000_0013),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE", 0x1000_0014),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR", 0x1000_0015),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY", 0x1000_0016),
    ("PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME", 0x1000_0017),
    ("PROTOCOL_ERROR_ZMTP_INVALID_METADATA", 0x1000_0018),
    ("PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC", 0x1100_0001),
    ("PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH", 0x1100_0002),
    ("PROTOCOL_ERROR_ZAP_UNSPECIFIED", 0x2000_0000),
    ("PROTOCOL_ERROR_ZAP_MALFORMED_REPLY", 0x2000_0001),
    ("PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID", 0x2000_0002),
    ("PROTOCOL_ERROR_ZAP_BAD_VERSION", 0x2000_0003),
    ("PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE", 0x2000_0004),
    ("PROTOCOL_ERROR_ZAP_INVALID_METADATA", 0x2000_0005),
    ("CONNECTED", 0x0001),
    ("CONNECT_DELAYED", 0x0002),
    ("CONNECT_RETRIED", 0x0004),
    ("LISTENING", 0x0008),
    ("BIND_FAILED", 0x0010),
    ("ACCEPTED", 0x0020),
    ("ACCEPT_FAILED", 0x0040),
    ("CLOSED", 0x0080),
    ("CLOSE_FAILED", 0x0100),
    ("DISCONNECTED", 0x0200),
    ("MONITOR_STOPPED", 0x0400),
    ("HANDSHAKE_FAILED_NO_DETAIL", 0x0800),
    ("HANDSHAKE_SUCCEEDED", 0x1000),
    ("HANDSHAKE_FAILED_PROTOCOL", 0x2000),
    ("HANDSHAKE_FAILED_AUTH", 0x4000),
    ("ALL_V1", 0xFFFF),
    ("ALL", 0xFFFF),
    // Drafts.
    ("PIPES_STATS", 0x1_0000),
    ("ALL_V2", 0x1_FFFF),
];

/// What to poll for.
pub const POLL_EVENTS: &[Number] = &[("POLLIN", 1), ("POLLOUT", 2), ("POLLERR", 4), ("POLLPRI", 8)];

/// Kinds of devices.
pub const DEVICE_TYPES: &[Number] = &[("STREAMER", 1), ("FORWARDER", 2), ("QUEUE", 3)];

/// One constant: its group, its name, its number and, if it is an option, the kind of its value.
pub type Row = (&'static str, &'static str, i32, Option<Kind>);

/// The whole table, a row a constant.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for &(group, members) in GROUPS {
        match members {
            Options(options) => {
                rows.extend(options.iter().map(|o| (group, o.name, o.number, Some(o.kind))));
            }
            Numbers(numbers) => rows.extend(numbers.iter().map(|n| (group, n.0, n.1, None))),
        }
    }
    rows
}

/// What a number is called in one of the lists above: `name_of(SOCKET_TYPES, 3)` is `REQ`.
pub fn name_of(numbers: &'static [Number], number: i32) -> Option<&'static str> {
    numbers.iter().find(|row| row.1 == number).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn names_are_unique_in_a_group() {
        let rows = rows();
        let names: HashSet<_> = rows.iter().map(|row| (row.0, row.1)).collect();
        assert_eq!(names.len(), rows.len());
    }

    /// A number that stands twice is a slip of the pen unless it is one of these.
    #[test]
    fn numbers_are_unique_but_for_aliases() {
        let mut first = HashMap::new();
        let mut aliases = Vec::new();
        for (group, name, number, _) in rows() {
            let of = *first.entry((group, number)).or_insert(name);
            if of != name {
                aliases.push((name, of));
            }
        }
        assert_eq!(
            aliases,
            [
                ("THREAD_PRIORITY", "SOCKET_LIMIT"),
                ("XREQ", "DEALER"),
                ("XREP", "ROUTER"),
                ("IDENTITY", "ROUTING_ID"),
                ("CONNECT_RID", "CONNECT_ROUTING_ID"),
                ("DELAY_ATTACH_ON_CONNECT", "IMMEDIATE"),
                ("FAIL_UNROUTABLE", "ROUTER_MANDATORY"),
                ("ROUTER_BEHAVIOR", "ROUTER_MANDATORY"),
                ("NOBLOCK", "DONTWAIT"),
                ("ALL", "ALL_V1"),
            ]
        );
    }

    #[test]
    fn a_number_is_called_by_its_first_name() {
        assert_eq!(name_of(SOCKET_TYPES, 6), Some("ROUTER"));
        assert_eq!(name_of(EVENTS, 0x0200), Some("DISCONNECTED"));
        assert_eq!(name_of(ERRNOS, errno::ETERM), Some("ETERM"));
        assert_eq!(name_of(SOCKET_TYPES, 99), None);
    }
}
