//! Endpoints. What is accepted goes to libzmq as it is, and what is said of it agrees with its text; what is refused has
//! one of few errnos and says why.

#![no_main]

use _core::endpoint::{Endpoint, IPC_PATH_MAX_LEN};
use _core::error::errno;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let endpoint = match Endpoint::parse(text) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let known = [errno::EINVAL, errno::EPROTONOSUPPORT, errno::ENAMETOOLONG];
            assert!(known.contains(&error.errno()), "{error:?}");
            // Quoted: nothing that a stranger has written may break out of the line.
            assert!(!error.to_string().contains(['\n', '\r', '\0', '\u{1b}']), "{error}");
            return;
        }
    };
    assert_eq!(endpoint.as_c().to_bytes(), text.as_bytes());
    let (transport, address) = text.split_once("://").expect("transport://address");
    assert_eq!(endpoint.transport(), transport);
    assert!(!address.is_empty());
    assert_eq!(endpoint.is_inproc(), transport == "inproc");
    assert!(transport != "ipc" || address.len() <= IPC_PATH_MAX_LEN);
    assert!(!endpoint.is_loopback() || transport == "tcp");
    assert_eq!(endpoint.stays_here(), endpoint.is_loopback() || matches!(transport, "inproc" | "ipc"));
    if transport == "tcp" {
        // Each port is a number of 16 bits, or one that the system chooses.
        for half in address.split(';') {
            let (_, port) = half.rsplit_once(':').expect("a port");
            assert!(matches!(port, "*" | "!") || port.parse::<u16>().is_ok(), "{text}");
        }
        let port = address.rsplit_once(':').expect("a port").1.split('/').next();
        let refused = endpoint.check_connect().is_err();
        assert!(refused || port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)), "{text}");
    }
    if let Err(error) = endpoint.check_connect() {
        assert_eq!(error.errno(), errno::EINVAL);
        assert!(matches!(transport, "tcp" | "ws" | "wss"), "{error}");
    }
});
