//! What there is to see of a socket, in one look: for pictures, tables and advice.
//!
//! Nothing here waits or takes a message, so that a look changes nothing.

use std::time::{Duration, Instant};

use crate::advice::{advise, Advice};
use crate::monitor::{Peer, Trouble};
use crate::socket::{Attached, Events, Socket, Stats};

/// Everything that is known of a socket.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its number within its context.
    pub id: u64,
    /// Whether it was closed.
    pub closed: bool,
    /// What it is bound and connected to.
    pub endpoints: Vec<Attached>,
    /// What it has counted.
    pub stats: Stats,
    /// Who is connected; None where nobody watches that.
    pub peers: Option<Vec<Peer>>,
    /// What its threads wait for, and for how long they have.
    pub waits: Vec<(Events, Duration)>,
    /// For how long a REQ has waited for its reply, or a REP has owed one.
    pub owes: Option<Duration>,
    /// The topics of a SUB.
    pub subscribed: Vec<Vec<u8>>,
    /// The topics of a PUB, and how many have subscribed to each.
    pub subscriptions: Option<Vec<(Vec<u8>, usize)>>,
    /// How many messages a PUB has surely sent while there was no subscription.
    pub unheard: Option<u64>,
    /// How the last messages of a PUB began, the latest first.
    pub beginnings: Vec<Vec<u8>>,
    /// How many sends found no room, and how long ago the last one did.
    pub full: Option<(u64, Duration)>,
    /// Where a user's monitor is told of its connections.
    pub monitor: Option<String>,
    /// What went wrong on its connections, and what that means; what still is wrong comes first.
    pub troubles: Vec<(Trouble, Advice)>,
}

impl Socket {
    /// What there is to see now. In a forked child there is nothing.
    pub fn survey(&self) -> Survey {
        let now = Instant::now();
        let own = |state: &crate::socket::State| Survey {
            id: self.id(),
            closed: state.raw.is_none(),
            endpoints: state.endpoints.clone(),
            stats: state.stats,
            waits: state.waiters.iter().map(|waiter| (waiter.want, now - waiter.since)).collect(),
            owes: state.open_since.map(|since| now - since),
            subscribed: state.subscribed_topics(),
            beginnings: state.beginnings(),
            full: state.full.map(|(count, last)| (count, now - last)),
            ..Survey::default()
        };
        let nothing = Survey { id: self.id(), closed: true, ..Survey::default() };
        let mut survey = self.look(nothing, own);
        if !survey.closed {
            // Each of these takes the lock anew; a socket that is closed meanwhile has none of them.
            survey.peers = self.peers_known().and_then(|_| self.peers().ok());
            survey.subscriptions = self.subscriptions().ok();
            survey.unheard = self.unheard();
            let watch = self.look(None, |state| state.watch.clone());
            survey.monitor = watch.and_then(|watch| watch.monitor_endpoint());
            let with_advice = |trouble: Trouble| {
                let advice = advise(self, &trouble, true);
                (trouble, advice)
            };
            survey.troubles = self.troubles().into_iter().map(with_advice).collect();
        }
        survey.waits.retain(|(want, _)| *want != 0);
        survey
    }
}

#[cfg(test)]
mod tests {
    use crate::context::Context;
    use crate::socket::POLLIN;
    use crate::wait::Waker;

    #[test]
    fn it_tells_who_is_there_and_what_is_waited_for() {
        let context = Context::new(1).unwrap();
        let publisher = context.socket(zmq_sys::ZMQ_PUB as i32).unwrap();
        let subscriber = context.socket(zmq_sys::ZMQ_SUB as i32).unwrap();
        publisher.bind("inproc://survey").unwrap();
        subscriber.set_bytes(zmq_sys::ZMQ_SUBSCRIBE as i32, b"weather").unwrap();
        subscriber.connect("inproc://survey").unwrap();
        let waker = Waker::new().unwrap();
        subscriber.listen(&waker, POLLIN).unwrap();
        let seen = subscriber.survey();
        assert_eq!(seen.subscribed, [b"weather"]);
        assert_eq!(seen.peers.unwrap().len(), 1);
        assert_eq!(seen.waits.len(), 1);
        assert!(seen.subscriptions.is_none() && seen.owes.is_none() && !seen.closed);
        subscriber.unlisten(&waker);
        assert!(subscriber.survey().waits.is_empty());
        assert_eq!(publisher.survey().subscriptions.unwrap(), [(b"weather".to_vec(), 1)]);
        publisher.close(Some(0), &mut crate::wait::Never).unwrap();
        assert!(publisher.survey().closed);
    }
}
