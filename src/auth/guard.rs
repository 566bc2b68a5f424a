//! The handler that a context has of its own: lists of who may come, one for each server, and a record of who may not.
//!
//! Nobody comes in who is on no list: a server without one lets nobody in. What is decided here needs no program, and what
//! has happened is told in two ways: as lines for a log, and as [`Refusal`]s to look at. Both are bounded, however often a
//! stranger knocks.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};

use super::handler::{Handler, Level, Line};
use super::policy::is_same;
use super::request::{Mechanism, Request, Verdict};
use super::{Judge, ENDPOINT};
use crate::constants::{name_of, EVENTS};
use crate::context::Context;
use crate::error::{errno, Error, Result};
use crate::socket::Socket;
use crate::z85;

/// How many different refusals a context remembers; then the one that was quiet for longest makes room.
pub const MOST_REFUSALS: usize = 256;

/// Who may come to a server.
pub enum List {
    /// CURVE: whoever has a key. The name is the key.
    Anyone,
    /// CURVE: these public keys, and their names.
    Keys(HashMap<[u8; 32], String>),
    /// PLAIN: these names, and their passwords.
    Passwords(HashMap<String, String>),
}

/// Somebody who was sent away, once or several times for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The server's domain.
    pub domain: Vec<u8>,
    /// Where from.
    pub address: String,
    /// How they said who they are; empty if they did not come so far.
    pub mechanism: String,
    /// The public key (Z85), or the name, that they came with; empty if none.
    pub who: String,
    /// Why they were sent away.
    pub why: &'static str,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: SystemTime,
    /// The last time.
    pub last: SystemTime,
}

/// The lists of all servers of a context, and who was refused.
#[derive(Default)]
pub struct Book {
    lists: RwLock<HashMap<Vec<u8>, List>>,
    refusals: Mutex<VecDeque<Refusal>>,
}

impl Book {
    /// Sets who may come to the servers of a domain, in place of who might before.
    pub fn admit(&self, domain: &[u8], list: List) {
        self.lists.write().insert(domain.to_vec(), list);
    }

    /// Whether this domain has a list.
    pub fn has(&self, domain: &[u8]) -> bool {
        self.lists.read().contains_key(domain)
    }

    /// Nobody may come to this domain any more.
    pub fn forget(&self, domain: &[u8]) {
        self.lists.write().remove(domain);
    }

    /// Who was refused there, the latest last.
    pub fn refusals(&self, domain: &[u8]) -> Vec<Refusal> {
        self.refusals.lock().iter().filter(|refusal| refusal.domain == domain).cloned().collect()
    }

    /// Takes note of a refusal. A line for the log comes of the first one, the tenth, the hundredth.
    fn note(&self, domain: &[u8], address: &str, mechanism: &str, who: &str, why: &'static str) -> Option<Line> {
        let now = SystemTime::now();
        let mut refusals = self.refusals.lock();
        let known = refusals.iter().position(|one| {
            one.domain == domain
                && one.address == address
                && one.mechanism == mechanism
                && one.who == who
                && one.why == why
        });
        let mut refusal = known.and_then(|index| refusals.remove(index)).unwrap_or_else(|| Refusal {
            domain: domain.to_vec(),
            address: address.to_owned(),
            mechanism: mechanism.to_owned(),
            who: who.to_owned(),
            why,
            count: 0,
            first: now,
            last: now,
        });
        refusal.count += 1;
        refusal.last = now;
        let line = is_power_of_ten(refusal.count).then(|| Line { level: Level::Warning, text: refusal.to_string() });
        if refusals.len() >= MOST_REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(refusal);
        line
    }
}

/// What a log says. What the client has sent is quoted, so that it cannot forge lines.
impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let domain = String::from_utf8_lossy(&self.domain);
        write!(formatter, "REFUSED at {domain:?}: a client from {}", self.address.escape_debug())?;
        match (&self.mechanism[..], &self.who[..]) {
            ("CURVE", key) if !key.is_empty() => write!(formatter, ", CURVE key {key}")?,
            ("PLAIN", user) => write!(formatter, ", PLAIN user {user:?}")?,
            ("", _) => {}
            (other, _) => write!(formatter, ", {}", other.escape_debug())?,
        }
        write!(formatter, ": {}", self.why)?;
        match self.count {
            1 => Ok(()),
            count => write!(formatter, " ({count} times)"),
        }
    }
}

fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count % 10 == 0 {
        count /= 10;
    }
    count == 1
}

impl Judge for Book {
    fn decide(&self, request: &Request<'_>) -> Option<Verdict> {
        let lists = self.lists.read();
        let Some(list) = lists.get(request.domain) else {
            return Some(Verdict::Denied("this server has no list of who may come"));
        };
        Some(match (list, &request.mechanism) {
            (List::Anyone, Mechanism::Curve { key }) => Verdict::Allowed(z85::encode(key).unwrap_or_default()),
            (List::Keys(names), Mechanism::Curve { key }) => match names.get(*key) {
                Some(name) => Verdict::Allowed(name.clone().into_bytes()),
                None => Verdict::Denied("this key is not one of the server's clients"),
            },
            (List::Passwords(known), Mechanism::Plain { username, password }) => {
                let known = std::str::from_utf8(username).ok().and_then(|name| known.get(name));
                match known {
                    None => Verdict::Denied("there is no such user"),
                    Some(known) if is_same(known.as_bytes(), password) => Verdict::Allowed(username.to_vec()),
                    Some(_) => Verdict::Denied("the password is wrong"),
                }
            }
            _ => Verdict::Denied("the server asks for another mechanism"),
        })
    }

    fn remark(&self, request: &Request<'_>, verdict: &Verdict) -> Option<Line> {
        let Verdict::Denied(why) = verdict else {
            return None;
        };
        let who = match &request.mechanism {
            Mechanism::Curve { key } => String::from_utf8_lossy(&z85::encode(key).unwrap_or_default()).into_owned(),
            Mechanism::Plain { username, .. } => String::from_utf8_lossy(username).into_owned(),
            _ => String::new(),
        };
        let mechanism = String::from_utf8_lossy(request.mechanism.name());
        self.note(request.domain, &String::from_utf8_lossy(request.address), &mechanism, &who, why)
    }
}

/// The native thread that decides by a [`Book`], for one context.
pub struct Guard {
    book: Arc<Book>,
    handler: Handler,
    /// Somebody takes the lines for the log.
    logged: AtomicBool,
}

impl Guard {
    /// Starts it.
    ///
    /// # Errors
    /// EADDRINUSE if the program has a ZAP handler of its own in this context: libzmq asks one.
    pub(crate) fn start(context: &Context) -> Result<Self> {
        // No user's socket: it neither counts nor is told of when the context ends, and ends with it.
        let socket = Socket::internal(context, zmq_sys::ZMQ_REP as i32)?;
        socket.set_i32(zmq_sys::ZMQ_LINGER as i32, 0)?;
        socket.bind(ENDPOINT).map_err(|error| match error.errno() {
            errno::EADDRINUSE => Error::explained(
                errno::EADDRINUSE,
                "an authenticator runs in this context, and libzmq asks one only: stop() it first, let it decide about this \
                 server, too (configure_curve), or make the server in another context",
            ),
            _ => error,
        })?;
        let book = Arc::new(Book::default());
        let handler = Handler::start(socket, book.clone())?;
        Ok(Guard { book, handler, logged: AtomicBool::new(false) })
    }

    /// Who may come, and who was refused.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Whether the caller is the first to ask, and so the one who takes the lines for the log.
    pub fn begin_log(&self) -> bool {
        !self.logged.swap(true, Ordering::AcqRel)
    }

    /// The thread.
    pub fn handler(&self) -> &Handler {
        &self.handler
    }

    /// Takes note of one who came from `remote` to a server of this domain, and failed before anybody had to be asked.
    pub(crate) fn stranger(&self, domain: &[u8], remote: &str, code: u64) {
        let why = match i32::try_from(code).ok().and_then(|code| name_of(EVENTS, code)) {
            Some("PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH") => "it does not use the server's mechanism",
            Some("PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC") => "it does not know the server's public key, or tampers",
            _ => "it does not keep to the protocol",
        };
        let place = remote.split_once("://").map_or(remote, |(_, place)| place);
        // Each attempt has a port of its own.
        let address = place.rsplit_once(':').map_or(place, |(host, _)| host);
        let address = address.trim_start_matches('[').trim_end_matches(']');
        if let Some(line) = self.book.note(domain, address, "", "", why) {
            self.handler.tell(line.level, line.text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::{Deadline, Never};

    const KEY: [u8; 32] = [7; 32];

    fn request<'a>(domain: &'a [u8], mechanism: Mechanism<'a>) -> Request<'a> {
        Request { id: b"1", domain, address: b"10.0.0.1", identity: b"", mechanism }
    }

    fn ask(book: &Book, domain: &[u8], mechanism: Mechanism<'_>) -> Verdict {
        book.decide(&request(domain, mechanism)).unwrap()
    }

    fn plain<'a>(username: &'a [u8], password: &'a [u8]) -> Mechanism<'a> {
        Mechanism::Plain { username, password }
    }

    #[test]
    fn a_context_has_one_guard_which_ends_with_it() {
        let context = Context::new(1).unwrap();
        let (guard, again) = (context.guard().unwrap(), context.guard().unwrap());
        assert!(Arc::ptr_eq(&guard, &again) && guard.begin_log() && !again.begin_log());
        assert!(context.sockets().is_empty());
        let soon = || Deadline::after(Duration::from_secs(10));
        context.term(soon(), &mut Never).unwrap();
        assert!(guard.handler().join(soon(), &mut Never).unwrap());
        assert!(context.guard().is_err());
    }

    #[test]
    fn it_does_not_take_the_place_of_another_handler() {
        let context = Context::new(1).unwrap();
        let theirs = context.socket(zmq_sys::ZMQ_REP as i32).unwrap();
        theirs.bind(ENDPOINT).unwrap();
        assert_eq!(context.guard().err().map(|error| error.errno()), Some(errno::EADDRINUSE));
        theirs.close(Some(0), &mut Never).unwrap();
        assert!(context.guard().is_ok());
    }

    #[test]
    fn who_fails_before_anybody_is_asked_goes_by_the_address() {
        let context = Context::new(1).unwrap();
        let guard = context.guard().unwrap();
        for remote in ["tcp://10.0.0.1:5", "tcp://10.0.0.1:6", "tcp://[::1]:7", "", "ipc://"] {
            guard.stranger(b"a", remote, 0);
        }
        let of = |one: &Refusal| (one.address.clone(), one.count);
        let seen: Vec<_> = guard.book().refusals(b"a").iter().map(of).collect();
        assert_eq!(seen, [("10.0.0.1".into(), 2), ("::1".into(), 1), (String::new(), 2)]);
    }

    fn denied(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Denied(_))
    }

    #[test]
    fn who_is_on_no_list_stays_outside() {
        let book = Book::default();
        let mechanisms = || {
            [Mechanism::Null, plain(b"a", b"b"), Mechanism::Curve { key: &KEY }, Mechanism::Gssapi { principal: b"me" }]
        };
        assert!(mechanisms().into_iter().all(|one| denied(&ask(&book, b"a", one))));
        book.admit(b"a", List::Keys(HashMap::new()));
        assert!(mechanisms().into_iter().all(|one| denied(&ask(&book, b"a", one))));
        book.admit(b"a", List::Passwords(HashMap::new()));
        assert!(mechanisms().into_iter().all(|one| denied(&ask(&book, b"a", one))));
    }

    #[test]
    fn a_list_is_for_its_domain_and_its_mechanism() {
        let book = Book::default();
        book.admit(b"a", List::Keys(HashMap::from([(KEY, "anna".into())])));
        book.admit(b"b", List::Anyone);
        book.admit(b"c", List::Passwords(HashMap::from([("bob".into(), "secret".into())])));
        let curve = |domain: &[u8], key: &[u8]| ask(&book, domain, Mechanism::Curve { key });
        assert_eq!(curve(b"a", &KEY), Verdict::Allowed(b"anna".to_vec()));
        assert!(denied(&curve(b"a", &[8; 32])) && denied(&curve(b"c", &KEY)) && denied(&curve(b"", &KEY)));
        assert_eq!(curve(b"b", &[8; 32]), Verdict::Allowed(z85::encode(&[8; 32]).unwrap()));
        assert_eq!(ask(&book, b"c", plain(b"bob", b"secret")), Verdict::Allowed(b"bob".to_vec()));
        for (name, password) in [(&b"bob"[..], &b"Secret"[..]), (b"bob", b""), (b"eve", b"secret"), (b"\xff", b"")] {
            assert!(denied(&ask(&book, b"c", plain(name, password))));
        }
        assert!(denied(&ask(&book, b"a", plain(b"bob", b"secret"))) && denied(&ask(&book, b"b", Mechanism::Null)));
        assert!(book.has(b"a") && !book.has(b"x"));
        book.forget(b"a");
        assert!(denied(&curve(b"a", &KEY)));
    }

    fn knock(book: &Book, domain: &[u8], mechanism: Mechanism<'_>) -> Option<String> {
        let request = request(domain, mechanism);
        let verdict = book.decide(&request).unwrap();
        book.remark(&request, &verdict).map(|line| line.text)
    }

    #[test]
    fn who_is_refused_is_remembered_once_and_told_less_and_less_often() {
        let book = Book::default();
        book.admit(b"a", List::Keys(HashMap::from([([8; 32], "anna".into())])));
        assert_eq!(knock(&book, b"a", Mechanism::Curve { key: &[8; 32] }), None);
        let told: Vec<bool> = (1..=100).map(|_| knock(&book, b"a", Mechanism::Curve { key: &KEY }).is_some()).collect();
        assert_eq!((told[0], told[9], told[99]), (true, true, true));
        assert_eq!(told.iter().filter(|told| **told).count(), 3);
        let refusals = book.refusals(b"a");
        assert_eq!((refusals.len(), refusals[0].count), (1, 100));
        assert!(refusals[0].first <= refusals[0].last && book.refusals(b"b").is_empty());
        assert_eq!(refusals[0].who.as_bytes(), z85::encode(&KEY).unwrap());
    }

    #[test]
    fn the_record_is_bounded() {
        let book = Book::default();
        for number in 0..MOST_REFUSALS + 10 {
            let name = number.to_string();
            knock(&book, b"a", plain(name.as_bytes(), b""));
        }
        let refusals = book.refusals(b"a");
        assert_eq!((refusals.len(), &refusals[0].who[..]), (MOST_REFUSALS, "10"));
    }

    #[test]
    fn a_line_has_no_password_and_stays_a_line() {
        let book = Book::default();
        let line = knock(&book, b"a\nb", plain(b"eve\nroot", b"hunter2")).unwrap();
        assert!(!line.contains('\n') && !line.contains("hunter2") && line.contains("eve\\nroot"), "{line}");
    }
}
