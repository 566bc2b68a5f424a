//! How another thread ends the work of a worker, whatever it waits for at that moment.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::wait::Interrupt;

/// A request to stop. Whoever makes it also pokes the sockets that the worker may wait in, so that it looks here.
#[derive(Debug, Default)]
pub struct Halt(AtomicBool);

impl Halt {
    /// Asks for the stop, once and for all.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked for.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Does something that may wait, until it is done or the stop is asked for (`None`).
    ///
    /// # Errors
    /// Those of `work`; [`Error::Interrupted`] if a signal handler raised.
    pub fn or<T>(
        &self,
        interrupt: &mut dyn Interrupt,
        work: impl FnOnce(&mut dyn Interrupt) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut halting = Halting { halt: self, inner: interrupt, halted: false };
        match work(&mut halting) {
            Err(Error::Interrupted) if halting.halted => Ok(None),
            done => done.map(Some),
        }
    }
}

struct Halting<'a> {
    halt: &'a Halt,
    inner: &'a mut dyn Interrupt,
    halted: bool,
}

impl Interrupt for Halting<'_> {
    fn check(&mut self) -> Result<()> {
        self.inner.check()?;
        if self.halt.is_set() {
            self.halted = true;
            return Err(Error::Interrupted);
        }
        Ok(())
    }

    fn slice(&self) -> Option<std::time::Duration> {
        self.inner.slice()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wait::{wait, Deadline, Never};

    #[test]
    fn a_stop_ends_a_wait() {
        let halt = Halt::default();
        let again = |interrupt: &mut dyn Interrupt| wait(&mut [], Deadline::now(), interrupt);
        assert!(halt.or(&mut Never, again).unwrap().is_some());
        halt.set();
        assert!(halt.or(&mut Never, again).unwrap().is_none());
    }

    #[test]
    fn a_signal_goes_before_a_stop() {
        struct Raise;
        impl Interrupt for Raise {
            fn check(&mut self) -> Result<()> {
                Err(Error::Interrupted)
            }
            fn slice(&self) -> Option<std::time::Duration> {
                None
            }
        }
        let halt = Halt::default();
        halt.set();
        let done = halt.or(&mut Raise, |interrupt| wait(&mut [], Deadline::now(), interrupt));
        assert!(matches!(done, Err(Error::Interrupted)));
    }
}
