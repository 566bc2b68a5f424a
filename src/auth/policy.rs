//! What decides who may connect: addresses, passwords, keys.
//!
//! A domain is the server's ZAP_DOMAIN; the empty one goes by the name `*`. Passwords and keys are a copy of what the
//! program has: it counts its changes here ([`Policy::change`]), and from then on until the next [`Policy::load`] nothing
//! is decided without it. So no reply ever depends on what the program has changed already.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::request::{Mechanism, Request, Verdict};
use super::Judge;
use crate::z85;

/// The domain of servers that name none.
const DEFAULT_DOMAIN: &[u8] = b"*";
/// The User-Id of clients that say nothing about themselves.
pub const ANONYMOUS: &[u8] = b"anonymous";

/// The passwords of a domain by user name; `None` in place of one is a password that nobody can give.
pub type Passwords = HashMap<Vec<u8>, Option<Vec<u8>>>;
/// The public keys of a domain, as Z85.
pub type Keys = HashSet<Vec<u8>>;

/// A copy of what the program has configured. `None` in place of a table: only the program can look into it.
#[derive(Default)]
pub struct Rules {
    /// PLAIN, by domain.
    pub passwords: HashMap<Vec<u8>, Option<Passwords>>,
    /// CURVE: any client may come, as long as it has a key at all.
    pub allow_any: bool,
    /// CURVE: domains whose keys the program is asked about. If there is one, `keys` do not count.
    pub asked: HashSet<Vec<u8>>,
    /// CURVE, by domain.
    pub keys: HashMap<Vec<u8>, Option<Keys>>,
    /// The program decides on every request.
    pub by_hand: bool,
    /// The program gives names to clients with a key.
    pub names: bool,
}

/// Decides, from any thread.
pub struct Policy {
    state: RwLock<State>,
    changes: AtomicU64,
}

#[derive(Default)]
struct State {
    allowed: HashSet<String>,
    denied: HashSet<String>,
    rules: Rules,
    /// The count of changes that the rules are a copy of.
    of: u64,
}

impl Default for Policy {
    /// Rules that have not been loaded yet.
    fn default() -> Self {
        Policy { state: RwLock::default(), changes: AtomicU64::new(1) }
    }
}

impl Policy {
    /// Clients from these addresses only. False: others were denied before, and it is one or the other.
    pub fn allow(&self, addresses: &[String]) -> bool {
        let mut state = self.state.write();
        if !state.denied.is_empty() {
            return false;
        }
        state.allowed.extend(addresses.iter().map(|address| canonical(address)));
        true
    }

    /// No client from these addresses. False: others were allowed before, and it is one or the other.
    pub fn deny(&self, addresses: &[String]) -> bool {
        let mut state = self.state.write();
        if !state.allowed.is_empty() {
            return false;
        }
        state.denied.extend(addresses.iter().map(|address| canonical(address)));
        true
    }

    /// The addresses that were allowed, and those that were denied.
    pub fn addresses(&self) -> (HashSet<String>, HashSet<String>) {
        let state = self.state.read();
        (state.allowed.clone(), state.denied.clone())
    }

    /// The program has changed something; the rules are out of date.
    pub fn change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How many changes there were: ask before copying, and load the copy under that count.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether the rules are out of date.
    pub fn is_stale(&self) -> bool {
        self.state.read().of != self.changes()
    }

    /// Takes a copy of what the program had at that count of changes.
    pub fn load(&self, of: u64, rules: Rules) {
        let mut state = self.state.write();
        // Two threads may copy at once; the newer copy stays.
        if of >= state.of {
            (state.of, state.rules) = (of, rules);
        }
    }

    /// Why clients from an address are sent away, whatever else they say.
    pub fn refuses(&self, address: &[u8]) -> Option<&'static str> {
        self.state.read().refuses(address)
    }

    /// The verdict on a name and password; `None`: only the program can tell.
    pub fn plain(&self, domain: &[u8], username: &[u8], password: &[u8]) -> Option<Verdict> {
        self.state.read().rules.plain(domain, username, password)
    }

    /// The verdict on a key of 32 bytes; `None`: only the program can tell.
    pub fn curve(&self, domain: &[u8], key: &[u8]) -> Option<Verdict> {
        self.state.read().rules.curve(domain, key)
    }
}

impl Judge for Policy {
    fn decide(&self, request: &Request<'_>) -> Option<Verdict> {
        let state = self.state.read();
        let rules = &state.rules;
        if state.of != self.changes() || rules.by_hand {
            return None;
        }
        if let Some(why) = state.refuses(request.address) {
            return Some(Verdict::Denied(why));
        }
        match &request.mechanism {
            Mechanism::Null => Some(Verdict::Allowed(ANONYMOUS.to_vec())),
            Mechanism::Plain { username, password } => rules.plain(request.domain, username, password),
            Mechanism::Curve { key } => match rules.curve(request.domain, key) {
                Some(Verdict::Allowed(_)) if rules.names => None,
                verdict => verdict,
            },
            Mechanism::Gssapi { principal } => Some(Verdict::Allowed(principal.to_vec())),
            Mechanism::Other(_) => Some(Verdict::Denied("NO ACCESS")),
        }
    }
}

impl State {
    fn refuses(&self, address: &[u8]) -> Option<&'static str> {
        if self.allowed.is_empty() && self.denied.is_empty() {
            return None;
        }
        let address = canonical(&String::from_utf8_lossy(address));
        if !self.allowed.is_empty() && !self.allowed.contains(&address) {
            return Some("Address not allowed");
        }
        self.denied.contains(&address).then_some("Address denied")
    }
}

impl Rules {
    fn plain(&self, domain: &[u8], username: &[u8], password: &[u8]) -> Option<Verdict> {
        if self.passwords.is_empty() {
            return Some(Verdict::Denied("No passwords defined"));
        }
        let Some(table) = self.passwords.get(named(domain)) else {
            return Some(Verdict::Denied("Invalid domain"));
        };
        let Some(known) = table.as_ref()?.get(username) else {
            return Some(Verdict::Denied("Invalid username"));
        };
        Some(match known {
            Some(known) if is_same(known, password) => Verdict::Allowed(username.to_vec()),
            _ => Verdict::Denied("Invalid password"),
        })
    }

    fn curve(&self, domain: &[u8], key: &[u8]) -> Option<Verdict> {
        // The request has been checked: a key has 32 bytes.
        let text = z85::encode(key).unwrap_or_default();
        if self.allow_any {
            return Some(Verdict::Allowed(text));
        }
        if !self.asked.is_empty() {
            return match self.asked.contains(named(domain)) {
                true => None,
                false => Some(Verdict::Denied("Unknown domain")),
            };
        }
        let Some(keys) = self.keys.get(named(domain)) else {
            return Some(Verdict::Denied("Unknown domain"));
        };
        match keys.as_ref()?.contains(&text) {
            true => Some(Verdict::Allowed(text)),
            false => Some(Verdict::Denied("Unknown key")),
        }
    }
}

fn named(domain: &[u8]) -> &[u8] {
    if domain.is_empty() {
        DEFAULT_DOMAIN
    } else {
        domain
    }
}

/// An address as it is compared: an IPv4 client of a server with IPV6 set comes as `::ffff:10.0.0.1`.
fn canonical(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => address.to_owned(),
    }
}

/// Whether two secrets are the same, in a time that tells nothing but their lengths.
pub fn is_same(known: &[u8], given: &[u8]) -> bool {
    let different = known.iter().zip(given).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    known.len() == given.len() && different == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn text(key: &[u8]) -> Vec<u8> {
        z85::encode(key).unwrap()
    }

    fn loaded(rules: Rules) -> Policy {
        let policy = Policy::default();
        policy.load(policy.changes(), rules);
        policy
    }

    fn request<'a>(domain: &'a [u8], address: &'a [u8], mechanism: Mechanism<'a>) -> Request<'a> {
        Request { id: b"1", domain, address, identity: b"", mechanism }
    }

    fn ask(policy: &Policy, domain: &[u8], mechanism: Mechanism<'_>) -> Option<Verdict> {
        policy.decide(&request(domain, b"10.0.0.1", mechanism))
    }

    fn plain<'a>(username: &'a [u8], password: &'a [u8]) -> Mechanism<'a> {
        Mechanism::Plain { username, password }
    }

    #[test]
    fn nothing_configured_lets_null_in_and_nobody_else() {
        let policy = loaded(Rules::default());
        assert_eq!(ask(&policy, b"", Mechanism::Null), Some(Verdict::Allowed(b"anonymous".to_vec())));
        assert_eq!(ask(&policy, b"", plain(b"a", b"b")), Some(Verdict::Denied("No passwords defined")));
        assert_eq!(ask(&policy, b"", Mechanism::Curve { key: &KEY }), Some(Verdict::Denied("Unknown domain")));
        assert_eq!(ask(&policy, b"", Mechanism::Other(b"FUTURE")), Some(Verdict::Denied("NO ACCESS")));
        let principal = Mechanism::Gssapi { principal: b"me@REALM" };
        assert_eq!(ask(&policy, b"", principal), Some(Verdict::Allowed(b"me@REALM".to_vec())));
    }

    #[test]
    fn passwords_count_in_their_domain_only() {
        let table = |password: &[u8]| Some(Passwords::from([(b"bob".to_vec(), Some(password.to_vec()))]));
        let passwords = HashMap::from([(b"*".to_vec(), table(b"one")), (b"global".to_vec(), table(b"two"))]);
        let policy = loaded(Rules { passwords, ..Rules::default() });
        let bob = || Some(Verdict::Allowed(b"bob".to_vec()));
        assert_eq!(ask(&policy, b"", plain(b"bob", b"one")), bob());
        assert_eq!(ask(&policy, b"*", plain(b"bob", b"one")), bob());
        assert_eq!(ask(&policy, b"global", plain(b"bob", b"two")), bob());
        assert_eq!(ask(&policy, b"global", plain(b"bob", b"one")), Some(Verdict::Denied("Invalid password")));
        assert_eq!(ask(&policy, b"", plain(b"eve", b"one")), Some(Verdict::Denied("Invalid username")));
        assert_eq!(ask(&policy, b"other", plain(b"bob", b"one")), Some(Verdict::Denied("Invalid domain")));
    }

    #[test]
    fn a_password_that_nobody_can_give_is_not_the_empty_one() {
        let table = Some(Passwords::from([(b"bob".to_vec(), None), (b"al".to_vec(), Some(Vec::new()))]));
        let policy = loaded(Rules { passwords: HashMap::from([(b"*".to_vec(), table)]), ..Rules::default() });
        assert_eq!(ask(&policy, b"", plain(b"bob", b"")), Some(Verdict::Denied("Invalid password")));
        assert_eq!(ask(&policy, b"", plain(b"al", b"")), Some(Verdict::Allowed(b"al".to_vec())));
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(is_same(b"", b"") && is_same(b"secret", b"secret"));
        for other in [&b""[..], b"secre", b"secret ", b"sfcret", b"Secret"] {
            assert!(!is_same(b"secret", other) && !is_same(other, b"secret"));
        }
    }

    #[test]
    fn keys_count_in_their_domain_and_give_the_name() {
        let keys =
            HashMap::from([(b"*".to_vec(), Some(Keys::from([text(&KEY)]))), (b"empty".to_vec(), Some(Keys::new()))]);
        let policy = loaded(Rules { keys, ..Rules::default() });
        let curve = |domain: &[u8], key: &[u8]| ask(&policy, domain, Mechanism::Curve { key });
        assert_eq!(curve(b"", &KEY), Some(Verdict::Allowed(text(&KEY))));
        assert_eq!(curve(b"", &[8; 32]), Some(Verdict::Denied("Unknown key")));
        assert_eq!(curve(b"empty", &KEY), Some(Verdict::Denied("Unknown key")));
        assert_eq!(curve(b"other", &KEY), Some(Verdict::Denied("Unknown domain")));
    }

    #[test]
    fn any_key_comes_before_callbacks_and_callbacks_before_keys() {
        let keys = || HashMap::from([(b"*".to_vec(), Some(Keys::from([text(&KEY)])))]);
        let asked = || HashSet::from([b"asked".to_vec()]);
        let curve = || Mechanism::Curve { key: &KEY };
        let policy = loaded(Rules { keys: keys(), asked: asked(), ..Rules::default() });
        assert_eq!(ask(&policy, b"asked", curve()), None);
        assert_eq!(ask(&policy, b"", curve()), Some(Verdict::Denied("Unknown domain")));
        let policy = loaded(Rules { keys: keys(), asked: asked(), allow_any: true, ..Rules::default() });
        assert_eq!(ask(&policy, b"asked", curve()), Some(Verdict::Allowed(text(&KEY))));
    }

    #[test]
    fn what_only_the_program_knows_is_left_to_it() {
        let passwords = HashMap::from([(b"*".to_vec(), None)]);
        let keys = HashMap::from([(b"*".to_vec(), None)]);
        let policy = loaded(Rules { passwords, keys, ..Rules::default() });
        assert_eq!(ask(&policy, b"", plain(b"bob", b"one")), None);
        assert_eq!(ask(&policy, b"", Mechanism::Curve { key: &KEY }), None);
        assert_eq!(ask(&policy, b"x", plain(b"bob", b"one")), Some(Verdict::Denied("Invalid domain")));
        let naming = loaded(Rules { allow_any: true, names: true, ..Rules::default() });
        assert_eq!(ask(&naming, b"", Mechanism::Curve { key: &KEY }), None);
        assert!(ask(&naming, b"", Mechanism::Null).is_some());
        let by_hand = loaded(Rules { by_hand: true, ..Rules::default() });
        assert_eq!(ask(&by_hand, b"", Mechanism::Null), None);
    }

    #[test]
    fn addresses_come_first() {
        let policy = loaded(Rules { allow_any: true, ..Rules::default() });
        assert!(policy.deny(&["10.0.0.1".into()]));
        for mechanism in [Mechanism::Null, Mechanism::Curve { key: &KEY }, Mechanism::Other(b"FUTURE")] {
            assert_eq!(ask(&policy, b"", mechanism), Some(Verdict::Denied("Address denied")));
        }
        let from = |address| policy.decide(&request(b"", address, Mechanism::Null));
        assert!(matches!(from(b"10.0.0.2"), Some(Verdict::Allowed(_))));
        assert_eq!(from(b"::ffff:10.0.0.1"), Some(Verdict::Denied("Address denied")));
        assert!(!policy.allow(&["10.0.0.2".into()]));
    }

    #[test]
    fn an_allowed_address_still_has_to_authenticate() {
        let policy = loaded(Rules::default());
        assert!(policy.allow(&["10.0.0.1".into(), "::1".into()]));
        assert!(policy.allow(&[]) && !policy.deny(&["10.0.0.2".into()]));
        assert!(matches!(ask(&policy, b"", Mechanism::Null), Some(Verdict::Allowed(_))));
        assert!(matches!(ask(&policy, b"", plain(b"a", b"b")), Some(Verdict::Denied("No passwords defined"))));
        let from = |address| policy.decide(&request(b"", address, Mechanism::Null));
        assert!(matches!(from(b"0:0::1"), Some(Verdict::Allowed(_))));
        for other in [&b"10.0.0.2"[..], b"", b"\xff\xff", b"10.0.0.1 "] {
            assert_eq!(from(other), Some(Verdict::Denied("Address not allowed")));
        }
    }

    #[test]
    fn nothing_is_decided_by_rules_that_are_out_of_date() {
        let policy = Policy::default();
        assert!(policy.is_stale());
        assert_eq!(ask(&policy, b"", Mechanism::Null), None);
        let before = policy.changes();
        policy.change();
        let after = policy.changes();
        policy.load(after, Rules { allow_any: true, ..Rules::default() });
        assert!(!policy.is_stale());
        // A copy made before another thread's does not replace it.
        policy.load(before, Rules::default());
        assert!(ask(&policy, b"", Mechanism::Curve { key: &KEY }).is_some_and(|it| matches!(it, Verdict::Allowed(_))));
        policy.change();
        assert_eq!(ask(&policy, b"", Mechanism::Null), None);
    }
}
