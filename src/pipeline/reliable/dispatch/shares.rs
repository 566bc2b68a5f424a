//! Who gets which job: in equal shares to those who have asked, and suspects one at a time.

use std::time::Instant;

use super::super::payload::Payload;
use super::{Dispatch, Order, Place, Session, MESSAGE_BYTES, MOST_BYTES, MOST_JOBS};

impl<P: Payload> Dispatch<P> {
    pub(super) fn hand_out(&mut self, now: Instant) {
        if self.gate > 0 {
            return;
        }
        if !self.suspects.is_empty() {
            self.hand_out_suspects(now);
        } else {
            self.reserved = None;
        }
        while self.again.len() as u64 + (self.end() - self.fresh) > 0 {
            let takes =
                |session: &Session| session.credit > 0 && !session.alone && session.in_flight_bytes < MOST_BYTES;
            let able: Vec<u64> = self
                .turn
                .iter()
                .copied()
                .filter(|id| Some(*id) != self.reserved && self.sessions.get(id).is_some_and(takes))
                .collect();
            if able.is_empty() {
                return;
            }
            let waiting = usize::try_from(self.again.len() as u64 + (self.end() - self.fresh)).unwrap_or(usize::MAX);
            // In equal shares: what is left over goes to whose turn it is.
            let share = waiting.div_ceil(able.len()).min(MOST_JOBS);
            let mut given = false;
            for id in able {
                given |= self.give(id, share, now);
            }
            if let Some(first) = self.turn.pop_front() {
                self.turn.push_back(first);
            }
            if !given {
                return;
            }
        }
    }

    /// Gives a worker so many jobs at most; whether it was any.
    pub(super) fn give(&mut self, id: u64, most: usize, now: Instant) -> bool {
        let mut numbers = Vec::new();
        let (most, before) =
            self.sessions.get(&id).map_or((0, 0), |session| (most.min(session.credit), session.in_flight_bytes));
        let full = |session: &Session| session.in_flight_bytes >= MOST_BYTES.min(before + MESSAGE_BYTES);
        while numbers.len() < most && !self.sessions.get(&id).is_none_or(full) {
            let number = match self.again.pop_first() {
                Some(number) => number,
                None if self.fresh < self.end() => {
                    self.fresh += 1;
                    self.fresh - 1
                }
                None => break,
            };
            // Done meanwhile, by one who was thought to be lost.
            if self.hand(number, id) {
                numbers.push(number);
            }
        }
        self.send(id, numbers, now)
    }

    pub(super) fn send(&mut self, id: u64, numbers: Vec<u64>, now: Instant) -> bool {
        let Some(session) = self.sessions.get_mut(&id).filter(|_| !numbers.is_empty()) else {
            return false;
        };
        session.credit -= numbers.len().min(session.credit);
        session.said = now;
        self.orders.push(Order::Jobs(session.route.clone(), numbers));
        true
    }

    pub(super) fn hand(&mut self, number: u64, id: u64) -> bool {
        let Some(session) = self.sessions.get(&id) else {
            return false;
        };
        let name = session.name.clone();
        let Some(job) = self.job(number).filter(|job| job.place == Place::Waiting) else {
            return false;
        };
        job.place = Place::With(id);
        job.deliveries = job.deliveries.saturating_add(1);
        job.last = Some(name);
        // A try after a failure is counted as that.
        let is_again = job.deliveries > job.failures.saturating_add(1);
        let bytes = job.bytes;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.given.push_back(number);
            session.in_flight += 1;
            session.in_flight_bytes += bytes;
        }
        self.counts.redelivered += u64::from(is_again);
        true
    }

    pub(super) fn hand_out_suspects(&mut self, now: Instant) {
        let busy = |session: &Session| session.in_flight > 0 || session.credit == 0;
        let free: Vec<u64> = self
            .turn
            .iter()
            .copied()
            .filter(|id| self.sessions.get(id).is_some_and(|session| !busy(session)))
            .collect();
        for id in free {
            // One worker is kept for them; others help where they have nothing else to do.
            let others_wait = self.again.len() as u64 + (self.end() - self.fresh) > 0;
            if others_wait && self.reserved.is_some_and(|reserved| reserved != id) {
                continue;
            }
            let Some(number) = self.suspects.pop_first() else {
                break;
            };
            if self.hand(number, id) {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.alone = true;
                }
                self.reserved = self.reserved.or(Some(id));
                self.send(id, vec![number], now);
            }
        }
        if self.reserved.is_none() && !self.suspects.is_empty() {
            self.reserved = self.sessions.iter().min_by_key(|(_, session)| session.in_flight).map(|(id, _)| *id);
        }
    }
}
