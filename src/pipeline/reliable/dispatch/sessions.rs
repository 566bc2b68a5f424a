//! Who is there: how workers come, come back, fall silent and go, and what that means for the jobs that they had.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::super::payload::{Fate, Payload};
use super::super::wire::{bye, status, Role, Run, Said};
use super::super::Route;
use super::{millis, Dispatch, Order, Place, Rules, Session};

/// How a session ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Death,
    Left,
    Replaced,
}

impl<P: Payload> Dispatch<P> {
    pub(super) fn greet(&mut self, route: &Route, run: Run, name: &str, held: &[u64], now: Instant) {
        if self.over {
            let reason = if self.finished { bye::DONE } else { bye::CLOSED };
            return self.say(route, Said::Bye { reason });
        }
        let name: Arc<str> = name.into();
        let is_this = |session: &Session| session.name == name || session.route == *route;
        let before: Vec<u64> =
            self.sessions.iter().filter(|(_, session)| is_this(session)).map(|(id, _)| *id).collect();
        let id = self.next_session;
        self.next_session += 1;
        let mut session = Session {
            route: route.clone(),
            name: name.clone(),
            heard: now,
            said: now,
            credit: 0,
            given: VecDeque::new(),
            in_flight: 0,
            in_flight_bytes: 0,
            alone: false,
        };
        let held = if run == self.run { held } else { &[] };
        let mut kept = Vec::new();
        for number in held {
            let Some(job) = self.job(*number) else {
                continue;
            };
            let is_its_own = job.last.as_ref() == Some(&name);
            let is_free = match job.place {
                Place::Waiting => true,
                Place::With(other) => before.contains(&other),
                Place::Done => false,
            };
            if !is_its_own || !is_free || job.pass == status::CANCELLED {
                continue;
            }
            if job.place == Place::Waiting {
                // It lives: whatever it was silent for, this job did not kill it.
                job.deaths = job.deaths.saturating_sub(1);
            }
            job.place = Place::With(id);
            let bytes = job.bytes;
            self.again.remove(number);
            self.suspects.remove(number);
            session.given.push_back(*number);
            session.in_flight += 1;
            session.in_flight_bytes += bytes;
            kept.push(*number);
        }
        // What it was given and does not have was lost on the way.
        before.into_iter().for_each(|old| self.lose(old, Loss::Replaced));
        self.workers.enter(&name);
        self.routes.insert(route.clone(), id);
        self.sessions.insert(id, session);
        self.turn.push_back(id);
        self.due = None;
        self.open_gate();
        self.welcome(route, kept);
    }

    pub(super) fn welcome(&mut self, route: &Route, kept: Vec<u64>) {
        let Rules { beat, limit, job_limit, codec, .. } = &self.rules;
        let welcome = Said::Welcome {
            role: Role::Producer,
            run: self.run,
            beat_ms: millis(*beat),
            limit_ms: millis(*limit),
            job_ms: job_limit.map_or(0, millis),
            codec: codec.clone(),
            kept,
        };
        self.say(route, welcome);
    }

    pub(super) fn open_gate(&mut self) {
        if self.sessions.len() >= self.gate {
            self.gate = 0;
        }
    }

    pub(super) fn lose(&mut self, id: u64, loss: Loss) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if self.routes.get(&session.route) == Some(&id) {
            self.routes.remove(&session.route);
        }
        self.turn.retain(|other| *other != id);
        if self.reserved == Some(id) {
            self.reserved = None;
        }
        // Who goes at the end goes as it should.
        if loss == Loss::Death && !self.over {
            self.counts.lost += 1;
            self.workers.count(&session.name, |tally| tally.lost += 1);
        }
        let most = self.rules.max_deliveries;
        let was_alone = session.alone || session.in_flight == 1;
        for number in session.given {
            let Some(job) = self.job(number).filter(|job| job.place == Place::With(id)) else {
                continue;
            };
            job.place = Place::Waiting;
            if loss != Loss::Death || job.pass != 0 {
                self.again.insert(number);
                continue;
            }
            job.deaths += 1;
            // What died in company may be somebody else's fault, however often.
            if job.deaths < most || !was_alone {
                self.suspects.insert(number);
                continue;
            }
            let fate = Fate { number, deliveries: job.deaths, worker: &session.name };
            let payload = std::mem::replace(&mut job.payload, P::nothing());
            job.payload = payload.given_up(&fate);
            job.pass = status::ERROR;
            let (before, after) = (job.bytes, job.payload.bytes());
            job.bytes = after;
            self.bytes = self.bytes - before + after;
            self.again.insert(number);
            self.counts.given_up += 1;
        }
    }

    pub(super) fn look_at_clock(&mut self, now: Instant) {
        let Rules { limit, beat, .. } = self.rules;
        let silent: Vec<u64> =
            self.sessions.iter().filter(|(_, one)| now >= one.heard + limit).map(|(id, _)| *id).collect();
        silent.into_iter().for_each(|id| self.lose(id, Loss::Death));
        let mut due: Option<Instant> = None;
        for session in self.sessions.values_mut() {
            if now >= session.said + beat {
                session.said = now;
                self.orders.push(Order::Say(session.route.clone(), Said::Beat));
            }
            let next = (session.said + beat).min(session.heard + limit);
            due = Some(due.map_or(next, |due| due.min(next)));
        }
        self.due = due;
    }
}
