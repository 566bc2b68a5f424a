//! What an endpoint must look like before libzmq sees it.
//!
//! libzmq takes port 99999 for another one, and its errno for a malformed endpoint says nothing of the cause. Here each
//! mistake gets its own words.

use std::ffi::CString;

use crate::error::{errno, Error, Result};

const TRANSPORTS: [&str; 13] =
    ["tcp", "ipc", "inproc", "udp", "ws", "wss", "pgm", "epgm", "norm", "tipc", "vmci", "vsock", "hvsocket"];

/// The longest path of an ipc endpoint, in bytes: what the system's address has room for, less the NUL at its end.
pub const IPC_PATH_MAX_LEN: usize =
    std::mem::size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path) - 1;

/// An endpoint that may be handed to libzmq.
#[derive(Debug)]
pub struct Endpoint {
    text: CString,
    transport: usize,
}

impl Endpoint {
    /// Checks an endpoint.
    ///
    /// # Errors
    /// EINVAL with its cause; EPROTONOSUPPORT for a transport that libzmq has never heard of.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("{why} (endpoint {text:?})"));
        let c_text = CString::new(text).map_err(|_| wrong("an endpoint has no NUL in it"))?;
        let parts = text.split_once("://").filter(|(transport, _)| !transport.is_empty());
        let Some((transport, address)) = parts else {
            return Err(wrong("an endpoint is transport://address, as in \"tcp://127.0.0.1:5556\""));
        };
        let Some(number) = TRANSPORTS.iter().position(|known| *known == transport) else {
            return Err(Error::explained(
                errno::EPROTONOSUPPORT,
                format!(
                    "there is no transport {transport:?}; tcp, ipc and inproc are the usual ones (endpoint {text:?})"
                ),
            ));
        };
        if address.is_empty() {
            return Err(wrong("nothing follows the ://"));
        }
        if transport == "ipc" && address.len() > IPC_PATH_MAX_LEN {
            return Err(Error::explained(
                errno::ENAMETOOLONG,
                format!(
                    "the path has {} bytes, and an ipc endpoint has room for {IPC_PATH_MAX_LEN} (endpoint {text:?})",
                    address.len()
                ),
            ));
        }
        let with_port = match transport {
            "tcp" | "udp" => address,
            // What follows is the path.
            "ws" | "wss" => address.split('/').next().unwrap_or(address),
            _ => return Ok(Endpoint { text: c_text, transport: number }),
        };
        check_port(with_port).map_err(|why| wrong(&why))?;
        Ok(Endpoint { text: c_text, transport: number })
    }

    /// Refuses an endpoint that can only be bound. libzmq refuses some without a word, and tries others for ever.
    ///
    /// # Errors
    /// EINVAL.
    pub fn check_connect(&self) -> Result<()> {
        let text = self.text.to_str().unwrap_or_default();
        let address = text.split_once("://").map_or("", |(_, address)| address);
        // "source;destination": the latter counts.
        let place = match self.transport() {
            "tcp" => address.rsplit(';').next(),
            // A path may follow.
            "ws" | "wss" => address.rsplit(';').next().and_then(|address| address.split('/').next()),
            _ => return Ok(()),
        };
        let Some((host, port)) = place.and_then(|place| place.rsplit_once(':')) else {
            return Ok(());
        };
        let wrong = |why: &str| Err(Error::invalid(format!("{why} (endpoint {text:?})")));
        match port.parse::<u16>() {
            _ if host == "*" => wrong("connect to one address, such as 127.0.0.1; \"*\" is for binding to all"),
            Ok(0) => {
                wrong("nobody listens at port 0: connect to the port that the other side has bound, from 1 to 65535")
            }
            Err(_) => wrong("connect to the port that the other side has bound, from 1 to 65535"),
            Ok(_) => Ok(()),
        }
    }

    /// What libzmq takes.
    pub fn as_c(&self) -> &std::ffi::CStr {
        &self.text
    }

    /// "tcp", "ipc", ...
    pub fn transport(&self) -> &'static str {
        TRANSPORTS[self.transport]
    }

    /// Whether it is a TCP address that no other machine has.
    pub fn is_loopback(&self) -> bool {
        let text = self.text.to_str().unwrap_or_default();
        // "source;destination": the latter counts.
        let host = text.strip_prefix("tcp://").and_then(|address| address.rsplit(';').next());
        host.is_some_and(|host| ["127.", "localhost:", "[::1]:"].iter().any(|local| host.starts_with(local)))
    }

    /// Whether no other machine can reach it.
    pub fn stays_here(&self) -> bool {
        matches!(self.transport(), "inproc" | "ipc") || self.is_loopback()
    }

    /// Whether it stays inside one context.
    pub fn is_inproc(&self) -> bool {
        self.transport() == "inproc"
    }
}

fn check_port(address: &str) -> std::result::Result<(), String> {
    // "source;destination" is libzmq's way to name the local address of a connection.
    for half in address.split(';') {
        let Some((_, port)) = half.rsplit_once(':') else {
            return Err("the port is missing: write \"tcp://host:port\"".into());
        };
        if matches!(port, "*" | "!") {
            continue;
        }
        // A sign, or a space, is nothing that a port has.
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse::<u16>() {
            Ok(_) if digits => {}
            _ if digits => return Err(format!("port {port} is out of range: ports go from 1 to 65535")),
            _ => return Err(format!("{port:?} is not a port: ports are numbers from 1 to 65535")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> i32 {
        Endpoint::parse(text).expect_err(text).errno()
    }

    #[test]
    fn good_endpoints_pass() {
        for text in [
            "tcp://127.0.0.1:5556",
            "tcp://*:*",
            "tcp://lo:0",
            "tcp://[::1]:5556",
            "tcp://127.0.0.1:0;10.0.0.1:5555",
            "ipc:///tmp/x",
            "ipc://*",
            "inproc://a",
            "udp://239.0.0.1:5555",
            "tcp://127.0.0.1:65535",
            "ws://127.0.0.1:5555/path:1",
            "ws://*:*",
        ] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_is_known() {
        let local = |text: &str| Endpoint::parse(text).unwrap().is_loopback();
        for text in ["tcp://127.0.0.1:5556", "tcp://127.8.9.1:*", "tcp://localhost:1", "tcp://10.0.0.1:0;[::1]:5"] {
            assert!(local(text), "{text}");
        }
        for text in ["tcp://*:5556", "tcp://10.0.0.1:1", "tcp://127.0.0.1:0;10.0.0.1:5", "ipc://127.0.0.1:1"] {
            assert!(!local(text), "{text}");
        }
        let here = |text: &str| Endpoint::parse(text).unwrap().stays_here();
        assert!(here("ipc:///tmp/x") && here("inproc://a") && here("tcp://127.0.0.1:*"));
        assert!(!here("tcp://*:1") && !here("udp://127.0.0.1:1") && !here("ws://*:1"));
    }

    #[test]
    fn some_can_only_be_bound() {
        let check = |text: &str| Endpoint::parse(text).unwrap().check_connect();
        for text in [
            "tcp://127.0.0.1:0",
            "tcp://127.0.0.1:5555;127.0.0.1:0",
            "ws://127.0.0.1:0/path:5",
            "tcp://*:5555",
            "tcp://127.0.0.1:*",
            "tcp://127.0.0.1:!",
            "tcp://lo/x:0",
        ] {
            assert_eq!(check(text).expect_err(text).errno(), errno::EINVAL, "{text}");
        }
        for text in [
            "tcp://127.0.0.1:0;127.0.0.1:5555",
            "tcp://*:0;127.0.0.1:5555",
            "tcp://[::1]:10",
            "ws://127.0.0.1:80/path:0",
            "ipc:///tmp/a:0",
            "inproc://a:0",
            "udp://127.0.0.1:5555",
        ] {
            assert!(check(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn bad_endpoints_say_why() {
        for text in [
            "",
            "tcp",
            "tcp://",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:99999",
            "tcp://127.0.0.1:65536",
            "tcp://127.0.0.1:-1",
            "tcp://127.0.0.1:+1",
            "tcp://127.0.0.1: 1",
            "tcp://127.0.0.1:",
            "tcp://127.0.0.1:http",
            "tcp://127.0.0.1:99999;127.0.0.1:1",
            "udp://239.0.0.1:70000",
            "ws://127.0.0.1:99999/path",
            "tcp://a\0b:1",
            "inproc://",
            "://a",
        ] {
            assert_eq!(refused(text), errno::EINVAL, "{text}");
        }
        assert_eq!(refused("http://example"), errno::EPROTONOSUPPORT);
        let path = |len: usize| format!("ipc://{}", "a".repeat(len));
        assert!(Endpoint::parse(&path(IPC_PATH_MAX_LEN)).is_ok());
        assert_eq!(refused(&path(IPC_PATH_MAX_LEN + 1)), errno::ENAMETOOLONG);
    }
}
