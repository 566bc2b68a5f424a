//! What went wrong on a socket's connections: what, where, how often, since when, and whether it is over.
//!
//! libzmq goes on trying in silence, or gives up in silence; its events tell of each step, and here they are added up. A
//! record stands for all troubles of one kind at one endpoint, and there are at most [`MOST`] of them.

use std::collections::HashMap;
use std::time::Instant;

use crate::monitor::event::Event;

/// How many records are kept; then the one that was quiet for longest makes room.
pub const MOST: usize = 64;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// Nobody listens there.
    Refused,
    /// An attempt that did not even begin: the name has no address.
    Unresolved,
    /// An attempt to which nobody has answered yet.
    Unanswered,
    /// A connection on which the other side says nothing of ZeroMQ.
    Silent,
    /// The other side ended the connection in the middle of the handshake.
    HungUp,
    /// The two sides do not agree on the protocol: another mechanism, another key.
    Protocol,
    /// Authentication failed: a status of ZAP's.
    Denied,
    /// The handshake ended without a word: types of sockets that do not go together.
    Mismatch,
    /// A connection whose handshake was done has ended.
    Lost,
    /// A connection could not be accepted.
    Accept,
    /// The endpoint could not be bound.
    Bind,
}

impl Ill {
    /// As Python reads it.
    pub fn name(self) -> &'static str {
        match self {
            Ill::Refused => "refused",
            Ill::Unresolved => "unresolved",
            Ill::Unanswered => "unanswered",
            Ill::Silent => "silent",
            Ill::HungUp => "hung up",
            Ill::Protocol => "protocol",
            Ill::Denied => "denied",
            Ill::Mismatch => "mismatch",
            Ill::Lost => "lost",
            Ill::Accept => "accept",
            Ill::Bind => "bind",
        }
    }
}

/// All troubles of one kind at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What went wrong.
    pub ill: Ill,
    /// This side's endpoint where others connect to it, else the other side's.
    pub endpoint: String,
    /// Whether others connect to it.
    pub bound: bool,
    /// What the last event had to tell: an errno, a status, a `ZMQ_PROTOCOL_ERROR_...`.
    pub code: u64,
    /// Who it was with, the last time; may be empty.
    pub remote: String,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Instant,
    /// The last time.
    pub last: Instant,
    /// Since then a peer was found there.
    pub over: bool,
}

/// A connection whose handshake is not done.
#[derive(Clone, Debug)]
struct Opening {
    count: usize,
    since: Instant,
    accepted: bool,
}

/// How far an endpoint's attempts to connect have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    UnderWay(Instant),
    /// It failed, or the connection ended; that there will be another one is still to be told.
    Ended,
    /// The next one is to come.
    Ahead,
}

/// What went wrong on the connections of one socket.
#[derive(Clone, Debug, Default)]
pub struct History {
    records: Vec<Trouble>,
    opening: HashMap<(String, String), Opening>,
    attempts: HashMap<String, Attempt>,
}

impl History {
    /// A connection was made or accepted, and its handshake begins.
    pub(super) fn opened(&mut self, key: &(String, String), accepted: bool) {
        let now = Instant::now();
        if !accepted {
            self.attempts.remove(&key.1);
        }
        let opening = self.opening.entry(key.clone()).or_insert(Opening { count: 0, since: now, accepted });
        opening.count += 1;
    }

    /// A handshake was done: what was wrong with that endpoint is over. Whether the other side had connected.
    pub(super) fn succeeded(&mut self, key: &(String, String)) -> bool {
        let accepted = self.settled(key).unwrap_or(false);
        for record in &mut self.records {
            record.over |= if accepted {
                // One who got in says nothing of others who did not, but that somebody is here. Who hung up said nothing of
                // himself either, and is told of again if he tries again: it may have been one who only looked.
                record.bound && matches!(record.ill, Ill::Lost | Ill::HungUp)
            } else {
                !record.bound && record.endpoint == key.1
            };
        }
        accepted
    }

    /// A handshake failed, and libzmq said so. Whether the other side had connected.
    pub(super) fn failed(&mut self, ill: Ill, key: &(String, String), code: u64) -> bool {
        let accepted = self.settled(key).unwrap_or(false);
        self.note_connection(ill, key, accepted, code);
        accepted
    }

    /// A connection ended that was told to have failed, or whose handshake was done (it was `lost`).
    pub(super) fn ended(&mut self, key: &(String, String), accepted: bool, lost: bool) {
        if lost {
            self.note_connection(Ill::Lost, key, accepted, 0);
        }
        if !accepted {
            self.attempts.insert(key.1.clone(), Attempt::Ended);
        }
    }

    /// A connection ended of whose handshake nothing was told.
    pub(super) fn ended_untold(&mut self, key: &(String, String)) {
        match self.settled(key) {
            Some(accepted) => {
                self.note_connection(Ill::Mismatch, key, accepted, 0);
                self.ended(key, accepted, false);
            }
            // It was there before anybody watched.
            None if self.attempts.len() < MOST => self.ended(key, false, false),
            None => {}
        }
    }

    /// What libzmq tells of attempts to connect, and of listeners.
    pub(super) fn learn(&mut self, event: &Event) {
        let remote = &event.remote;
        match event.kind {
            zmq_sys::ZMQ_EVENT_CONNECT_DELAYED => {
                self.attempts.insert(remote.clone(), Attempt::UnderWay(Instant::now()));
            }
            zmq_sys::ZMQ_EVENT_CLOSED if !remote.is_empty() => {
                self.attempts.insert(remote.clone(), Attempt::Ended);
                self.note(Ill::Refused, remote, false, 0, "");
            }
            // Without an attempt that could have failed: it did not come to one.
            zmq_sys::ZMQ_EVENT_CONNECT_RETRIED => {
                let before = self.attempts.insert(remote.clone(), Attempt::Ahead);
                if before.is_none_or(|before| before == Attempt::Ahead) {
                    self.note(Ill::Unresolved, remote, false, 0, "");
                }
            }
            zmq_sys::ZMQ_EVENT_ACCEPT_FAILED => self.note(Ill::Accept, &event.local, true, event.value, ""),
            zmq_sys::ZMQ_EVENT_BIND_FAILED => self.note(Ill::Bind, &event.local, true, event.value, ""),
            zmq_sys::ZMQ_EVENT_LISTENING => {
                // The port counts: "*" is told as "0.0.0.0".
                let port = event.local.rsplit(':').next();
                for record in self.records.iter_mut().filter(|record| record.ill == Ill::Bind) {
                    let same = event.local.ends_with(&record.endpoint);
                    record.over |= same || record.endpoint.rsplit(':').next() == port;
                }
            }
            _ => {}
        }
    }

    /// An endpoint was given up: nothing more is told of it, and what was wrong with it concerns nobody.
    pub(super) fn forget(&mut self, endpoint: &str, bound: bool) {
        let side = |key: &(String, String)| if bound { key.0 == endpoint } else { key.1 == endpoint };
        self.opening.retain(|key, _| !side(key));
        self.records.retain(|record| record.bound != bound || record.endpoint != endpoint);
        if !bound {
            self.attempts.remove(endpoint);
        }
    }

    /// All that went wrong, what lasts first and of that the latest; with what goes on just now.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all = self.records.clone();
        let going_on = |ill, endpoint: &String, bound, remote: &String, since| Trouble {
            ill,
            endpoint: endpoint.clone(),
            bound,
            code: 0,
            remote: remote.clone(),
            count: 1,
            first: since,
            last: since,
            over: false,
        };
        for ((local, remote), opening) in &self.opening {
            let (near, far) = if opening.accepted { (local, remote) } else { (remote, remote) };
            all.push(going_on(Ill::Silent, near, opening.accepted, far, opening.since));
        }
        for (endpoint, attempt) in &self.attempts {
            if let Attempt::UnderWay(since) = attempt {
                all.push(going_on(Ill::Unanswered, endpoint, false, endpoint, *since));
            }
        }
        all.sort_by_key(|trouble| (trouble.over, std::cmp::Reverse(trouble.last)));
        all
    }

    /// Takes a connection off those whose handshake is not done. Whether it was accepted; None if it is not known.
    fn settled(&mut self, key: &(String, String)) -> Option<bool> {
        let opening = self.opening.get_mut(key)?;
        let accepted = opening.accepted;
        opening.count -= 1;
        if opening.count == 0 {
            self.opening.remove(key);
        }
        Some(accepted)
    }

    fn note_connection(&mut self, ill: Ill, key: &(String, String), accepted: bool, code: u64) {
        let endpoint = if accepted { &key.0 } else { &key.1 };
        self.note(ill, endpoint, accepted, code, &key.1);
    }

    fn note(&mut self, ill: Ill, endpoint: &str, bound: bool, code: u64, remote: &str) {
        let now = Instant::now();
        let same = |record: &&mut Trouble| record.ill == ill && record.bound == bound && record.endpoint == endpoint;
        if let Some(record) = self.records.iter_mut().find(same) {
            if record.over {
                // It was cured in between: this is another one.
                (record.count, record.first, record.over) = (0, now, false);
            }
            record.count += 1;
            record.code = code;
            record.last = now;
            record.remote = remote.to_owned();
            return;
        }
        if self.records.len() == MOST {
            let quietest = (0..MOST).min_by_key(|index| self.records[*index].last);
            self.records.swap_remove(quietest.unwrap_or_default());
        }
        self.records.push(Trouble {
            ill,
            endpoint: endpoint.to_owned(),
            bound,
            code,
            remote: remote.to_owned(),
            count: 1,
            first: now,
            last: now,
            over: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: &str = "tcp://127.0.0.1:5555";

    fn key(local: &str, remote: &str) -> (String, String) {
        (local.into(), remote.into())
    }

    fn told(history: &mut History, kinds: &[u32]) {
        for kind in kinds {
            history.learn(&Event { kind: *kind, remote: THERE.into(), ..Event::default() });
        }
    }

    fn seen(history: &History) -> Vec<(Ill, u64, bool)> {
        history.troubles().iter().map(|trouble| (trouble.ill, trouble.count, trouble.over)).collect()
    }

    const TRIED: u32 = zmq_sys::ZMQ_EVENT_CONNECT_DELAYED;
    const FAILED: u32 = zmq_sys::ZMQ_EVENT_CLOSED;
    const AGAIN: u32 = zmq_sys::ZMQ_EVENT_CONNECT_RETRIED;

    #[test]
    fn refusals_are_counted_until_somebody_is_there() {
        let mut history = History::default();
        told(&mut history, &[TRIED]);
        assert_eq!(seen(&history), [(Ill::Unanswered, 1, false)]);
        // Over ipc there is no attempt that could take long.
        told(&mut history, &[FAILED, AGAIN, TRIED, FAILED, AGAIN, FAILED, AGAIN, TRIED]);
        let own = key("tcp://127.0.0.1:40000", THERE);
        history.opened(&own, false);
        assert!(!history.succeeded(&own));
        assert_eq!(seen(&history), [(Ill::Refused, 3, true)]);
        history.ended(&own, false, true);
        told(&mut history, &[AGAIN, TRIED, FAILED, AGAIN]);
        assert_eq!(seen(&history), [(Ill::Refused, 1, false), (Ill::Lost, 1, false)]);
    }

    #[test]
    fn an_attempt_that_is_none_has_no_address() {
        let mut history = History::default();
        told(&mut history, &[AGAIN, AGAIN]);
        assert_eq!(seen(&history), [(Ill::Unresolved, 2, false)]);
        told(&mut history, &[TRIED, FAILED, AGAIN]);
        assert_eq!(history.troubles().len(), 2);
    }

    #[test]
    fn a_handshake_that_ends_without_a_word_is_one_of_types() {
        let mut history = History::default();
        let (near, far) = (key(THERE, "tcp://127.0.0.1:40000"), key("tcp://127.0.0.1:40000", THERE));
        history.opened(&near, true);
        history.opened(&far, false);
        assert_eq!(history.troubles().len(), 2);
        history.ended_untold(&near);
        history.ended_untold(&far);
        let troubles = history.troubles();
        assert!(troubles.iter().all(|trouble| trouble.ill == Ill::Mismatch && trouble.endpoint == THERE));
        assert_ne!(troubles[0].bound, troubles[1].bound);
    }

    #[test]
    fn one_who_got_in_says_nothing_of_one_who_did_not() {
        let mut history = History::default();
        let [bad, good] = [1, 2].map(|port| key(THERE, &format!("tcp://127.0.0.1:{port}")));
        history.opened(&bad, true);
        assert!(history.failed(Ill::Denied, &bad, 400));
        history.ended(&bad, true, false);
        history.opened(&good, true);
        assert!(history.succeeded(&good));
        assert_eq!(seen(&history), [(Ill::Denied, 1, false)]);
        assert_eq!(history.troubles()[0].code, 400);
        assert!(history.attempts.is_empty());
    }

    #[test]
    fn who_only_looked_is_forgotten_once_somebody_got_in() {
        let mut history = History::default();
        let [bad, good] = [1, 2].map(|port| key(THERE, &format!("tcp://127.0.0.1:{port}")));
        history.opened(&bad, true);
        assert!(history.failed(Ill::HungUp, &bad, 0));
        history.opened(&good, true);
        assert!(history.succeeded(&good));
        assert_eq!(seen(&history), [(Ill::HungUp, 1, true)]);
        history.opened(&bad, true);
        assert!(history.failed(Ill::HungUp, &bad, 0));
        assert_eq!(seen(&history), [(Ill::HungUp, 1, false)]);
    }

    #[test]
    fn what_was_given_up_is_forgotten() {
        let mut history = History::default();
        told(&mut history, &[TRIED, FAILED, AGAIN, TRIED]);
        history.opened(&key("tcp://127.0.0.1:40000", THERE), false);
        history.forget(THERE, true);
        assert_eq!(history.troubles().len(), 2);
        history.forget(THERE, false);
        assert!(history.troubles().is_empty());
        assert!(history.attempts.is_empty() && history.opening.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut history = History::default();
        for port in 0..MOST + 5 {
            let kind = zmq_sys::ZMQ_EVENT_ACCEPT_FAILED;
            history.learn(&Event { kind, local: format!("tcp://127.0.0.1:{port}"), value: 24, ..Event::default() });
        }
        let troubles = history.troubles();
        assert_eq!(troubles.len(), MOST);
        assert_eq!(troubles[0].endpoint, format!("tcp://127.0.0.1:{}", MOST + 4));
        assert!(!troubles.iter().any(|trouble| trouble.endpoint.ends_with(":0")));
    }

    #[test]
    fn a_bind_that_worked_at_last_is_no_trouble() {
        let mut history = History::default();
        for (address, bound) in [("*:5555", "tcp://0.0.0.0:5555"), ("/tmp/a", "ipc:///tmp/a")] {
            history.learn(&Event { kind: zmq_sys::ZMQ_EVENT_BIND_FAILED, local: address.into(), ..Event::default() });
            assert!(!history.troubles()[0].over);
            history.learn(&Event { kind: zmq_sys::ZMQ_EVENT_LISTENING, local: bound.into(), ..Event::default() });
            assert!(history.troubles().iter().all(|trouble| trouble.over));
        }
    }
}
