//! What a worker says, when and to whom: each turn looks at what is due.

use std::time::Instant;

use super::super::dispatch::MOST_CREDIT;
use super::super::payload::Payload;
use super::super::wire::{Role, Run, Said};
use super::{Desk, Ended, Line, Side, MOST_BYTES, MOST_RESULTS, REMEMBERED};

impl<P: Payload> Desk<P> {
    pub(super) fn look_for_silence(&mut self, now: Instant) {
        for side in [Side::Jobs, Side::Results] {
            let peer = self.peer(side);
            if peer.here && now >= peer.heard + peer.limit {
                (peer.here, peer.greet_at) = (false, None);
            }
        }
    }

    pub(super) fn greet(&mut self, side: Side, now: Instant) -> Option<Instant> {
        let may = match side {
            Side::Jobs => self.results.here && !self.leaving && !self.is_stuck(now),
            Side::Results => true,
        };
        let peer = self.peer(side);
        if peer.here || peer.gone || !may {
            return None;
        }
        if let Some(at) = peer.greet_at.filter(|at| now < *at) {
            return Some(at);
        }
        // One HELLO at a time, but not for ever: it may have gone to somebody who is no more.
        let next = now + peer.beat;
        peer.greet_at = Some(next);
        peer.said = now;
        let (role, run, held) = match side {
            Side::Jobs => (Role::Producer, self.run.unwrap_or_default(), self.held()),
            Side::Results => (Role::Collector, Run::default(), Vec::new()),
        };
        self.lines.push(Line::Say(side, Said::Hello { role, run, name: self.name.clone(), held }));
        Some(next)
    }

    /// What it has of its producer's run and has not told to be done.
    pub(super) fn held(&self) -> Vec<u64> {
        let hand = self.hand.iter().filter(|(run, ..)| Some(*run) == self.run).map(|(_, head, _)| head.number);
        let made = self.kept.keys().filter(|(run, _)| Some(*run) == self.run).map(|(_, number)| *number);
        let queue = self.queue.iter().map(|given| given.head.number);
        let told = self.acknowledged.iter().filter(|(run, _)| Some(*run) == self.run).map(|(_, number)| *number);
        hand.chain(made).chain(told).chain(queue).take(MOST_CREDIT).collect()
    }

    pub(super) fn send_results(&mut self, now: Instant) {
        while self.results.here && !self.ready.is_empty() {
            let mut numbers = Vec::new();
            let (mut of, mut bytes) = (None, 0);
            while let Some((run, number)) = self.ready.front().copied() {
                if of.is_some_and(|of| of != run) || numbers.len() >= MOST_RESULTS || bytes >= MOST_BYTES {
                    break;
                }
                self.ready.pop_front();
                // Acknowledged meanwhile, if it is not there.
                if let Some(made) = self.kept.get(&(run, number)) {
                    of = Some(run);
                    bytes += made.bytes;
                    numbers.push(number);
                }
            }
            if let Some(run) = of {
                self.results.said = now;
                self.lines.push(Line::Results(run, numbers));
            }
        }
    }

    pub(super) fn tell_producer(&mut self, now: Instant) {
        if !self.jobs.here || self.is_stuck(now) {
            return;
        }
        let Some(run) = self.run else {
            return;
        };
        let own = |all: &mut Vec<(Run, u64)>| -> Vec<u64> {
            all.drain(..).filter(|(of, _)| *of == run).map(|(_, number)| number).collect()
        };
        let (done, again) = (own(&mut self.acknowledged), own(&mut self.again));
        if !done.is_empty() {
            self.told.extend(done.iter().map(|number| (run, *number)));
            self.told.drain(..self.told.len().saturating_sub(REMEMBERED));
            self.lines.push(Line::Say(Side::Jobs, Said::Done { run, numbers: done }));
            self.jobs.said = now;
        }
        if !again.is_empty() {
            self.lines.push(Line::Say(Side::Jobs, Said::Again { run, numbers: again }));
            self.jobs.said = now;
        }
    }

    pub(super) fn ask(&mut self, now: Instant) {
        if !self.jobs.here || self.leaving || self.is_stuck(now) || self.kept.len() > 2 * self.window + 16 {
            return;
        }
        let has = self.credit + self.queue.len() + usize::from(self.hand.is_some());
        let room = self.window.saturating_sub(has);
        if room > 0 && room >= self.window / 4 {
            self.credit += room;
            let jobs = u32::try_from(room).unwrap_or(u32::MAX);
            self.lines.push(Line::Say(Side::Jobs, Said::Want { jobs }));
            self.jobs.said = now;
        }
    }

    pub(super) fn finish(&mut self, now: Instant) -> Option<Instant> {
        if self.hand.is_some() || !(self.leaving || self.jobs.gone) {
            return None;
        }
        let since = *self.dismissed.get_or_insert(now);
        if !self.kept.is_empty() {
            // Nobody will take these, where the collector has gone as well.
            let end = since.max(self.results.heard) + self.results.limit;
            if self.results.here || now < end {
                return Some(end);
            }
        }
        if !self.jobs.gone && self.jobs.here {
            self.lines.push(Line::Say(Side::Jobs, Said::Leave));
        }
        if self.results.here {
            self.lines.push(Line::Say(Side::Results, Said::Leave));
        }
        self.ended = Some(match (self.leaving, self.closed) {
            (true, _) => Ended::Left,
            (false, true) => Ended::Closed,
            (false, false) => Ended::Done,
        });
        None
    }

    pub(super) fn beat(&mut self, side: Side, now: Instant) -> Option<Instant> {
        let stuck = self.is_stuck(now);
        let peer = self.peer(side);
        if !peer.here || peer.gone || (side == Side::Jobs && stuck) {
            return None;
        }
        if now >= peer.said + peer.beat {
            peer.said = now;
            let limit = peer.heard + peer.limit;
            let next = now + peer.beat;
            self.lines.push(Line::Say(side, Said::Beat));
            return Some(next.min(limit));
        }
        Some((peer.said + peer.beat).min(peer.heard + peer.limit))
    }
}
