//! Something that happens once, and whoever waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::wait::{wait, Deadline, Interrupt, Source, Waker};

/// Not set, then set for ever.
#[derive(Default)]
pub struct Event {
    done: AtomicBool,
    waiters: Mutex<Vec<Arc<Waker>>>,
}

impl Event {
    /// It has happened: wakes everybody who waits for it.
    pub fn set(&self) {
        self.done.store(true, Ordering::Release);
        for waiter in self.waiters.lock().drain(..) {
            waiter.wake();
        }
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// EAGAIN (bare) at the deadline, and [`Error::Interrupted`].
    pub fn wait(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        let waker = Waker::of_this_thread()?;
        loop {
            waker.drain();
            {
                let mut waiters = self.waiters.lock();
                if self.is_set() {
                    return Ok(());
                }
                if !waiters.iter().any(|waiter| Arc::ptr_eq(waiter, &waker)) {
                    waiters.push(waker.clone());
                }
            }
            let mut sources = [Source::readable(waker.fd())];
            if !wait(&mut sources, deadline, interrupt)? {
                return Err(Error::again());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::Never;

    #[test]
    fn everybody_who_waits_is_woken_and_who_comes_late_does_not_wait() {
        let event = Event::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| event.wait(Deadline::after(Duration::from_secs(10)), &mut Never)))
                .collect();
            event.set();
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
        });
        assert!(event.is_set());
        event.wait(Deadline::now(), &mut Never).unwrap();
    }

    #[test]
    fn what_does_not_happen_ends_at_the_deadline() {
        let event = Event::default();
        let late = event.wait(Deadline::after(Duration::from_millis(5)), &mut Never);
        assert!(late.is_err_and(|error| error.is_again()));
        assert!(!event.is_set());
    }
}
