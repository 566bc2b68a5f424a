//! Requests of ZAP, which libzmq makes of what a client has sent. Nobody is let in who is not in the lists, no password
//! gets into a log, and nothing that a client sends breaks out of the log's line.

#![no_main]

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use _core::auth::{Judge, Mechanism, Policy, Request, Rules, Verdict};
use _core::z85;
use brokerless_fuzz::Script;
use libfuzzer_sys::fuzz_target;

const KEY: [u8; 32] = [7; 32];
const DENIED: &str = "10.0.0.1";

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let table = HashMap::from([(b"ada".to_vec(), Some(b"secret".to_vec())), (b"off".to_vec(), None)]);
    let keys = HashSet::from([z85::encode(&KEY).expect("32 bytes")]);
    let policy = Policy::default();
    policy.deny(&[DENIED.to_owned()]);
    let rules = Rules {
        passwords: HashMap::from([(b"*".to_vec(), Some(table))]),
        keys: HashMap::from([(b"*".to_vec(), Some(keys))]),
        ..Rules::default()
    };
    policy.load(policy.changes(), rules);
    policy
});

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let mut frames = Vec::new();
    while !script.is_over() {
        frames.push(script.bytes());
    }
    let request = match Request::parse(&frames) {
        Ok(request) => request,
        Err(refused) => {
            assert_eq!(refused.id, frames.get(1).copied().unwrap_or_default());
            return;
        }
    };
    assert_eq!((frames[0], request.id, request.domain), (&b"1.0"[..], frames[1], frames[2]));
    assert_eq!((request.address, request.identity, request.mechanism.name()), (frames[3], frames[4], frames[5]));
    let verdict = POLICY.decide(&request).expect("rules that ask nobody");
    let is_default = matches!(request.domain, b"" | b"*");
    let allowed = match &request.mechanism {
        _ if request.address == DENIED.as_bytes() => false,
        Mechanism::Null | Mechanism::Gssapi { .. } => true,
        Mechanism::Plain { username, password } => is_default && (*username, *password) == (b"ada", b"secret"),
        Mechanism::Curve { key } => is_default && *key == KEY,
        Mechanism::Other(_) => false,
    };
    match &verdict {
        Verdict::Allowed(_) => assert!(allowed, "{request:?}"),
        Verdict::Denied(why) => assert!(!why.is_empty() && (!allowed || is_mapped(request.address)), "{request:?}"),
    }
    let reply = verdict.reply(request.id);
    assert_eq!((&reply[0][..], &reply[1][..]), (&b"1.0"[..], request.id));
    assert_eq!(reply[2], if matches!(verdict, Verdict::Allowed(_)) { b"200" } else { b"400" });
    let line = verdict.describe(&request);
    assert!(!line.chars().any(char::is_control), "{line:?}");
    if let Mechanism::Plain { username, .. } = request.mechanism {
        let other = Request { mechanism: Mechanism::Plain { username, password: b"another" }, ..request };
        assert_eq!(verdict.describe(&other), line);
    }
});

/// The same address as the one that is denied, as a server with IPV6 sees it.
fn is_mapped(address: &[u8]) -> bool {
    let address = std::str::from_utf8(address).ok().and_then(|text| text.parse::<std::net::IpAddr>().ok());
    address.is_some_and(|address| address.to_canonical().to_string() == DENIED)
}
