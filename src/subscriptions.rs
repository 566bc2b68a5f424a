//! Who has subscribed to what, seen from the publisher.
//!
//! A libzmq PUB knows its subscriptions and tells nobody; an XPUB delivers them as messages. So the PUB that a user opens
//! is an XPUB underneath, whose subscription messages end up in this table. To its peers, and in every call, it is a PUB:
//! subscribers accept both alike (RFC 29).

use std::collections::{BTreeMap, HashMap};

use crate::error::{errno, Error, Result};
use crate::explain::nobody;
use crate::ffi::RawSocket;
use crate::message::Message;
use crate::socket::{Socket, State, ANY};
use crate::wait::{Deadline, Interrupt};

const SUBSCRIBE: i32 = zmq_sys::ZMQ_SUBSCRIBE as i32;
const UNSUBSCRIBE: i32 = zmq_sys::ZMQ_UNSUBSCRIBE as i32;

/// After how many sends the table is brought up to date, so that libzmq's queue of subscriptions stays short.
const EVERY: u64 = 256;

/// How many of the last messages' beginnings are known, and how much of each: enough to see why a topic matches none.
const LAST: usize = 8;
const BEGINNING: usize = 32;

/// The subscriptions of one publisher.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    topics: BTreeMap<Vec<u8>, usize>,
    sent: Box<Beginnings>,
    /// Messages that were sent while there was no subscription.
    unheard: u64,
    /// How many had been sent at the last look at libzmq's queue of subscriptions.
    looked_at: u64,
}

/// How the last messages began.
#[derive(Debug, Default)]
struct Beginnings {
    last: [(u8, [u8; BEGINNING]); LAST],
    /// Where the next one goes.
    next: usize,
    count: usize,
}

impl Beginnings {
    #[inline]
    fn note(&mut self, frame: &[u8]) {
        let frame = &frame[..frame.len().min(BEGINNING)];
        let (len, bytes) = &self.last[(self.next + LAST - 1) % LAST];
        if bytes[..usize::from(*len)] == *frame && self.count > 0 {
            return;
        }
        let (len, bytes) = &mut self.last[self.next];
        *len = frame.len() as u8;
        bytes[..frame.len()].copy_from_slice(frame);
        self.next = (self.next + 1) % LAST;
        self.count = (self.count + 1).min(LAST);
    }

    /// Each once, the latest first.
    fn all(&self) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for back in 1..=self.count {
            let (len, bytes) = &self.last[(self.next + LAST - back) % LAST];
            let beginning = &bytes[..usize::from(*len)];
            if all.iter().all(|known| known != beginning) {
                all.push(beginning.to_vec());
            }
        }
        all
    }
}

impl Subscriptions {
    pub(crate) fn of(raw: &RawSocket) -> Result<Self> {
        // Every subscription and every end of one, not only the first and last of a topic.
        raw.set(zmq_sys::ZMQ_XPUB_VERBOSER as i32, &1i32.to_ne_bytes())?;
        Ok(Self::default())
    }

    fn learn(&mut self, message: &[u8]) {
        match message.split_first() {
            Some((1, topic)) => *self.topics.entry(topic.to_vec()).or_default() += 1,
            Some((0, topic)) => {
                if let Some(count) = self.topics.get_mut(topic) {
                    *count -= 1;
                    if *count == 0 {
                        self.topics.remove(topic);
                    }
                }
            }
            // An XSUB peer may send anything upstream; a PUB has no use for it.
            _ => {}
        }
    }

    /// How many subscriptions a message on `topic` matches; of any topic, how many there are.
    fn count(&self, topic: Option<&[u8]>) -> usize {
        let matches = |prefix: &[u8]| topic.is_none_or(|topic| topic.starts_with(prefix));
        self.topics.iter().filter(|(prefix, _)| matches(prefix)).map(|(_, count)| count).sum()
    }
}

/// What a SUB has subscribed to, and how often.
///
/// libzmq's SUB tells its publishers of every subscription, also of one to the same topic again, but only of the end of
/// the last. So that they do not count a subscriber that is gone, libzmq hears of the first one only.
#[derive(Debug, Default)]
pub(crate) struct Subscribed(HashMap<Vec<u8>, usize>);

impl Subscribed {
    fn subscribe(&mut self, raw: &RawSocket, topic: &[u8]) -> Result<()> {
        if let Some(count) = self.0.get_mut(topic) {
            *count += 1;
            return Ok(());
        }
        raw.set(SUBSCRIBE, topic)?;
        self.0.insert(topic.to_vec(), 1);
        Ok(())
    }

    fn unsubscribe(&mut self, raw: &RawSocket, topic: &[u8]) -> Result<()> {
        match self.0.get_mut(topic) {
            Some(count) if *count > 1 => {
                *count -= 1;
                Ok(())
            }
            _ => {
                raw.set(UNSUBSCRIBE, topic)?;
                self.0.remove(topic);
                Ok(())
            }
        }
    }
}

impl State {
    /// What a SUB has subscribed to.
    pub(crate) fn subscribed_topics(&self) -> Vec<Vec<u8>> {
        self.subscribed.0.keys().cloned().collect()
    }

    /// Sets an option from bytes; the subscriptions of a SUB are counted here.
    pub(crate) fn set_bytes(&mut self, option: i32, value: &[u8]) -> Result<()> {
        let raw = self.raw.as_ref().ok_or_else(Error::closed)?;
        match (option, self.kind == zmq_sys::ZMQ_SUB as i32) {
            (SUBSCRIBE, true) => self.subscribed.subscribe(raw, value),
            (UNSUBSCRIBE, true) => self.subscribed.unsubscribe(raw, value),
            _ => raw.set(option, value),
        }
    }

    /// Takes note of how a message begins that a PUB sends.
    #[inline]
    pub(crate) fn note_beginning(&mut self, frame: &[u8]) {
        if let Some(table) = &mut self.subscriptions {
            table.sent.note(frame);
        }
    }

    /// How the last messages of a PUB began, the latest first.
    pub(crate) fn beginnings(&self) -> Vec<Vec<u8>> {
        self.subscriptions.as_ref().map_or(Vec::new(), |table| table.sent.all())
    }

    /// Keeps libzmq's queue of subscriptions short; called by every send. The first few messages, of which each may be the
    /// one that comes before its subscribers, are looked at more often.
    pub(crate) fn notice_subscriptions(&mut self) {
        let sent = self.stats.messages_sent;
        if self.subscriptions.is_some() && (sent % EVERY == 0 || sent.is_power_of_two()) {
            // What a send cannot learn now, a later one will.
            let _ = self.read_subscriptions();
        }
    }

    fn read_subscriptions(&mut self) -> Result<&Subscriptions> {
        let Some(raw) = self.raw.as_ref() else {
            return Err(Error::closed());
        };
        let Some(table) = self.subscriptions.as_mut() else {
            return Err(Error::explained(
                errno::ENOTSUP,
                "only a PUB socket counts its subscriptions (an XPUB receives them as messages)",
            ));
        };
        let mut alone = table.topics.is_empty();
        loop {
            let mut message = Message::new();
            match raw.recv(&mut message) {
                Ok(()) => {
                    alone = false;
                    table.learn(message.as_slice());
                }
                Err(error) if error.is_again() => break,
                Err(error) => return Err(error),
            }
        }
        let sent = self.stats.messages_sent;
        if alone {
            table.unheard += sent - table.looked_at;
        }
        table.looked_at = sent;
        Ok(table)
    }
}

impl Socket {
    /// Every topic somebody has subscribed to at this PUB, with the number of subscriptions to it.
    pub fn subscriptions(&self) -> Result<Vec<(Vec<u8>, usize)>> {
        self.once(ANY, |state| {
            let table = state.read_subscriptions()?;
            Ok(table.topics.iter().map(|(topic, count)| (topic.clone(), *count)).collect())
        })
    }

    /// How many messages this PUB has surely sent while there was no subscription; None for other types.
    pub fn unheard(&self) -> Option<u64> {
        self.once(ANY, |state| Ok(state.read_subscriptions()?.unheard)).ok()
    }

    /// How the last messages that this PUB has sent began, each once, the latest first.
    pub fn beginnings(&self) -> Vec<Vec<u8>> {
        self.look(Vec::new(), State::beginnings)
    }

    /// Waits until at least `count` subscriptions match `topic` (of any topic: until there are that many).
    pub fn wait_for_subscribers(
        &self,
        count: usize,
        topic: Option<&[u8]>,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<usize> {
        let mut last = 0;
        let done = self.run(ANY, deadline, interrupt, |state| {
            last = state.read_subscriptions()?.count(topic);
            if last >= count {
                Ok(last)
            } else {
                Err(Error::again())
            }
        });
        done.map_err(|error| {
            if !error.is_again() {
                return error;
            }
            error.or_explain(|| {
                let which = topic.map_or("".into(), |topic| format!(" to {:?}", String::from_utf8_lossy(topic)));
                let why = match self.peers_known() {
                    Some(0) => nobody(self, true),
                    _ => "is every subscriber connected to this publisher, and subscribed?".into(),
                };
                format!("{last} of {count} subscriptions{which} have come so far; {why}")
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    #[test]
    fn it_counts_by_prefix() {
        let mut table = Subscriptions::default();
        for message in [b"\x01a".as_slice(), b"\x01ab", b"\x01a", b"\x01", b"\x02x"] {
            table.learn(message);
        }
        assert_eq!(table.count(None), 4);
        assert_eq!(table.count(Some(b"abc")), 4);
        assert_eq!(table.count(Some(b"b")), 1);
        table.learn(b"\x00a");
        table.learn(b"\x00never seen");
        assert_eq!(table.count(Some(b"a")), 2);
    }

    #[test]
    fn it_knows_how_the_last_messages_began() {
        let mut sent = Beginnings::default();
        assert!(sent.all().is_empty());
        sent.note(b"");
        sent.note(b"");
        assert_eq!(sent.all(), [b""]);
        for number in 0..100u8 {
            sent.note(&[number; 100]);
            sent.note(b"again");
            sent.note(b"again");
        }
        let expected = [b"again".to_vec(), vec![99; 32], vec![98; 32], vec![97; 32], vec![96; 32]];
        assert_eq!(sent.all(), expected);
    }

    #[test]
    fn it_counts_what_nobody_could_hear() {
        let context = Context::new(1).unwrap();
        let publisher = context.socket(zmq_sys::ZMQ_PUB as i32).unwrap();
        publisher.bind("inproc://unheard").unwrap();
        for _ in 0..5 {
            publisher.try_send_bytes(b"too early", 0).unwrap();
        }
        let subscriber = context.socket(zmq_sys::ZMQ_SUB as i32).unwrap();
        subscriber.set_bytes(SUBSCRIBE, b"").unwrap();
        subscriber.connect("inproc://unheard").unwrap();
        publisher.wait_for_subscribers(1, None, Deadline::never(), &mut crate::wait::Never).unwrap();
        publisher.try_send_bytes(b"heard", 0).unwrap();
        // Of those between the last look and the first subscription nobody knows.
        assert_eq!(publisher.unheard(), Some(4));
        subscriber.set_bytes(UNSUBSCRIBE, b"").unwrap();
        while publisher.unheard() == Some(4) {
            publisher.try_send_bytes(b"too late", 0).unwrap();
        }
        assert_eq!(publisher.beginnings(), [b"too late".to_vec(), b"heard".to_vec(), b"too early".to_vec()]);
        assert_eq!(subscriber.unheard(), None);
    }
}
