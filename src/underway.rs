//! Binds and connects that are under way in a context, and its end, which lets them finish first.
//!
//! Programs start a thread that binds, and end the context soon after. To Python a bind is one step, so that whether it goes
//! well must not depend on how long it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long an end waits at most. libzmq needs a fraction of a millisecond, unless it has to ask for the address of a name.
const LONGEST: Duration = Duration::from_millis(200);

/// How many are under way in a context.
#[derive(Default)]
pub struct Underway(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    none: Condvar,
}

#[derive(Default)]
struct State {
    count: usize,
    ending: bool,
}

/// One that was announced and is not over; over when dropped. Any thread may do that.
pub struct Announced(Arc<Inner>);

impl Underway {
    /// Announces one, without waiting: an end that begins afterwards waits for it. None if the end has begun.
    pub fn announce(&self) -> Option<Announced> {
        let mut state = self.0.state.lock();
        if state.ending {
            return None;
        }
        state.count += 1;
        Some(Announced(self.0.clone()))
    }

    /// Begins the end: no other is announced from now on. Waits for those that were, though never for long.
    pub fn finish(&self) {
        let limit = Instant::now() + LONGEST;
        let mut state = self.0.state.lock();
        state.ending = true;
        while state.count > 0 && !self.0.none.wait_until(&mut state, limit).timed_out() {}
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.count -= 1;
        if state.count == 0 {
            self.0.none.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_waits_for_what_was_announced() {
        let underway = Underway::default();
        let (first, second) = (underway.announce().unwrap(), underway.announce().unwrap());
        let before = Instant::now();
        let (waited, let_go) = std::thread::scope(|scope| {
            let end = scope.spawn(|| {
                underway.finish();
                Instant::now()
            });
            while let Some(third) = underway.announce() {
                drop(third);
                std::thread::yield_now();
            }
            drop(first);
            let let_go = Instant::now();
            drop(second);
            (end.join().unwrap(), let_go)
        });
        assert!(waited >= let_go || waited - before >= LONGEST, "{:?} after {:?}", waited - before, let_go - before);
        assert!(underway.announce().is_none());
    }

    #[test]
    fn an_end_never_waits_for_long() {
        let underway = Underway::default();
        let _forgotten = underway.announce().unwrap();
        let before = Instant::now();
        underway.finish();
        assert!(before.elapsed() >= LONGEST);
    }
}
