//! A ZAP request as libzmq sends it, and the reply that it expects.

use std::fmt;

/// The only version of the protocol.
const VERSION: &[u8] = b"1.0";
/// The length of a CURVE key.
const KEY: usize = 32;

/// One question: may this client connect?
#[derive(Debug)]
pub struct Request<'a> {
    /// Echoed in the reply.
    pub id: &'a [u8],
    /// The server's ZAP_DOMAIN; may be empty.
    pub domain: &'a [u8],
    /// The client's address, as text.
    pub address: &'a [u8],
    /// The server's ROUTING_ID; may be empty.
    pub identity: &'a [u8],
    /// How the client says who it is.
    pub mechanism: Mechanism<'a>,
}

/// A mechanism of ZMTP, with its credentials.
pub enum Mechanism<'a> {
    /// Says nothing.
    Null,
    /// A name and a password, in the clear.
    Plain {
        /// The name.
        username: &'a [u8],
        /// The password.
        password: &'a [u8],
    },
    /// Has proved that it owns the secret half of this key.
    Curve {
        /// 32 bytes.
        key: &'a [u8],
    },
    /// Was authenticated by another service already.
    Gssapi {
        /// Who that service says it is.
        principal: &'a [u8],
    },
    /// None that we know.
    Other(&'a [u8]),
}

/// A request that cannot be decided, because it is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// Echoed in the reply; empty if the request has none.
    pub id: &'a [u8],
    /// The status text of the reply.
    pub why: &'static str,
}

/// What the reply says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let in, under this name: the User-Id of its messages.
    Allowed(Vec<u8>),
    /// Sent away, for this reason, which is not told to the client.
    Denied(&'static str),
}

impl<'a> Request<'a> {
    /// Reads the frames that a REP gives.
    pub fn parse(frames: &[&'a [u8]]) -> Result<Self, Refused<'a>> {
        let &[version, id, domain, address, identity, mechanism, ref credentials @ ..] = frames else {
            return Err(Refused { id: frames.get(1).copied().unwrap_or_default(), why: "Not enough frames" });
        };
        if version != VERSION {
            return Err(Refused { id, why: "Invalid version" });
        }
        let mechanism = Mechanism::parse(mechanism, credentials).ok_or(Refused { id, why: "Invalid credentials" })?;
        Ok(Request { id, domain, address, identity, mechanism })
    }
}

impl<'a> Mechanism<'a> {
    fn parse(name: &'a [u8], credentials: &[&'a [u8]]) -> Option<Self> {
        match (name, credentials) {
            (b"NULL", []) => Some(Mechanism::Null),
            (b"PLAIN", &[username, password]) => Some(Mechanism::Plain { username, password }),
            (b"CURVE", &[key]) if key.len() == KEY => Some(Mechanism::Curve { key }),
            // It becomes a User-Id, which is text.
            (b"GSSAPI", &[principal]) if std::str::from_utf8(principal).is_ok() => {
                Some(Mechanism::Gssapi { principal })
            }
            (b"NULL" | b"PLAIN" | b"CURVE" | b"GSSAPI", _) => None,
            _ => Some(Mechanism::Other(name)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'a [u8] {
        match self {
            Mechanism::Null => b"NULL",
            Mechanism::Plain { .. } => b"PLAIN",
            Mechanism::Curve { .. } => b"CURVE",
            Mechanism::Gssapi { .. } => b"GSSAPI",
            Mechanism::Other(name) => name,
        }
    }
}

/// Without passwords, so that none gets into a log.
impl fmt::Debug for Mechanism<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", String::from_utf8_lossy(self.name()).escape_debug())
    }
}

/// The frames of a reply.
pub fn reply(id: &[u8], code: &[u8], text: &[u8], user: &[u8]) -> [Vec<u8>; 6] {
    // The last one is metadata, of which there is none.
    [VERSION, id, code, text, user, b""].map(<[u8]>::to_vec)
}

impl Verdict {
    /// The frames of the reply to the request of this id.
    pub fn reply(&self, id: &[u8]) -> [Vec<u8>; 6] {
        match self {
            Verdict::Allowed(user) => reply(id, b"200", b"OK", user),
            Verdict::Denied(why) => reply(id, b"400", why.as_bytes(), b""),
        }
    }

    /// What a log says about it. What the client has sent is quoted, so that it cannot forge lines.
    pub fn describe(&self, request: &Request<'_>) -> String {
        match self {
            Verdict::Allowed(user) => describe(request, true, b"OK", user),
            Verdict::Denied(why) => describe(request, false, why.as_bytes(), b""),
        }
    }
}

/// What a log says about a decision: the mechanism, who and where from, never a password.
pub fn describe(request: &Request<'_>, allowed: bool, why: &[u8], user: &[u8]) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (domain, address) = (text(request.domain), text(request.address));
    let what = format!("{:?} from {address:?} in domain {domain:?}", request.mechanism);
    match (allowed, &request.mechanism) {
        (true, _) => format!("ALLOWED {what} as {:?}", text(user)),
        (false, Mechanism::Plain { username, .. }) => {
            format!("DENIED {what}, user {:?}: {}", text(username), text(why))
        }
        (false, _) => format!("DENIED {what}: {}", text(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&[u8]; 6] = [b"1.0", b"7", b"global", b"127.0.0.1", b"", b"NULL"];

    fn with<'a>(mechanism: &'a [u8], credentials: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let mut frames = GOOD.to_vec();
        frames[5] = mechanism;
        frames.extend(credentials);
        frames
    }

    #[test]
    fn too_few_frames_are_refused_with_their_id() {
        for count in 0..6 {
            let refused = Request::parse(&GOOD[..count]).unwrap_err();
            let id: &[u8] = if count < 2 { b"" } else { b"7" };
            assert_eq!(refused, Refused { id, why: "Not enough frames" });
        }
        assert!(Request::parse(&GOOD).is_ok());
    }

    #[test]
    fn another_version_is_refused() {
        for version in [&b"2.0"[..], b"", b"1.0 ", b"\xff"] {
            let mut frames = GOOD;
            frames[0] = version;
            assert_eq!(Request::parse(&frames).unwrap_err().why, "Invalid version");
        }
    }

    #[test]
    fn each_mechanism_has_its_number_of_credentials() {
        let key: &[u8] = &[1; 32];
        let counts: [(&[u8], &[u8], usize); 4] =
            [(b"NULL", b"", 0), (b"PLAIN", b"x", 2), (b"CURVE", key, 1), (b"GSSAPI", b"me", 1)];
        for (name, credential, right) in counts {
            for count in 0..4 {
                let frames = with(name, &vec![credential; count]);
                match Request::parse(&frames) {
                    Ok(request) => assert!(count == right && request.mechanism.name() == name),
                    Err(refused) => {
                        assert!(count != right);
                        assert_eq!(refused, Refused { id: b"7", why: "Invalid credentials" });
                    }
                }
            }
        }
        assert!(matches!(
            Request::parse(&with(b"FUTURE", &[b"a", b"b", b"c"])).unwrap().mechanism,
            Mechanism::Other(_)
        ));
    }

    #[test]
    fn a_key_has_32_bytes_and_a_principal_is_text() {
        for size in [0, 31, 33, 40] {
            assert!(Request::parse(&with(b"CURVE", &[&vec![0; size]])).is_err());
        }
        assert!(Request::parse(&with(b"GSSAPI", &[b"\xff\xfe"])).is_err());
    }

    #[test]
    fn a_reply_has_six_frames_and_echoes_the_id() {
        let id = b"\x00\xffid";
        let allowed = Verdict::Allowed(b"me".to_vec()).reply(id);
        assert_eq!(allowed, [&b"1.0"[..], id, b"200", b"OK", b"me", b""].map(<[u8]>::to_vec));
        let denied = Verdict::Denied("Unknown key").reply(id);
        assert_eq!(denied, [&b"1.0"[..], id, b"400", b"Unknown key", b"", b""].map(<[u8]>::to_vec));
    }

    #[test]
    fn what_is_logged_has_no_password_and_stays_on_its_line() {
        let frames = with(b"PLAIN", &[b"bob\nroot", b"hunter2"]);
        let request = Request::parse(&frames).unwrap();
        for verdict in [Verdict::Denied("Invalid password"), Verdict::Allowed(b"bob\nroot".to_vec())] {
            let line = verdict.describe(&request);
            assert!(line.contains(r#""bob\nroot""#) && !line.contains('\n') && !line.contains("hunter2"), "{line}");
        }
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn bytes_that_are_no_text_are_logged_all_the_same() {
        let mut frames = with(b"\xf0\x28", &[b"\xff"]);
        (frames[2], frames[3]) = (b"\xff", b"\xfe");
        let request = Request::parse(&frames).unwrap();
        assert!(Verdict::Denied("NO ACCESS").describe(&request).starts_with("DENIED "));
        let frames = with(b"FUT\nURE", &[]);
        let request = Request::parse(&frames).unwrap();
        assert!(Verdict::Denied("NO ACCESS").describe(&request).starts_with("DENIED FUT\\nURE from"));
    }
}
