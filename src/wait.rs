//! The one place where a thread of this process waits.
//!
//! Every blocking call ends up in [`wait`]: it sleeps in poll(2) on descriptors, never inside libzmq, so that it can
//! honour a deadline, be woken by another thread, and let the embedding language look for signals. Nobody may hold a
//! socket's lock (or, in Python, the GIL) here.

use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::ffi;

/// How a wait lets the embedding language handle signals.
pub trait Interrupt {
    /// Runs pending signal handlers. An error ends the wait.
    fn check(&mut self) -> Result<()>;
    /// The longest sleep between two checks. A signal that arrives just before the sleep, or that another thread of the
    /// process takes, does not end poll(2); this bounds how late it is noticed.
    fn slice(&self) -> Option<Duration>;
}

/// No signals: for native threads.
pub struct Never;

impl Interrupt for Never {
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn slice(&self) -> Option<Duration> {
        None
    }
}

/// When a wait gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Waits for ever.
    pub fn never() -> Self {
        Deadline(None)
    }

    /// Does not wait.
    pub fn now() -> Self {
        Deadline(Some(Instant::now()))
    }

    /// Waits that long. What is too far for the clock counts as for ever.
    pub fn after(time: Duration) -> Self {
        Deadline(Instant::now().checked_add(time))
    }

    /// Milliseconds as libzmq counts them: negative is for ever.
    pub fn from_ms(ms: i64) -> Self {
        match u64::try_from(ms) {
            Ok(ms) => Self::after(Duration::from_millis(ms)),
            Err(_) => Self::never(),
        }
    }

    /// The earlier of two.
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// How long is left; `None` is for ever.
    pub fn left(&self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}

/// Wakes a thread that sleeps in [`wait`]: an eventfd, one for each waiting thread.
#[derive(Debug)]
pub struct Waker {
    eventfd: OwnedFd,
    /// It was woken since it was drained: most drains come after another's wake, and are spared the system call.
    rung: AtomicBool,
}

impl Waker {
    /// A new waker.
    pub fn new() -> Result<Arc<Self>> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).map_err(|e| Error::zmq(e.raw_os_error()))?;
        Ok(Arc::new(Waker { eventfd: fd, rung: AtomicBool::new(false) }))
    }

    /// This thread's own waker, made once. Whoever shares it may find it already awake: a woken thread looks again.
    pub fn of_this_thread() -> Result<Arc<Self>> {
        thread_local! {
            static OWN: RefCell<Option<(u64, Arc<Waker>)>> = const { RefCell::new(None) };
        }
        let mine = OWN.try_with(|own| {
            let mut own = own.borrow_mut();
            // A forked child shares its parent's eventfd: it must not be woken by it, nor wake it.
            let generation = ffi::fork_generation();
            if let Some((made, waker)) = own.as_ref() {
                if *made == generation {
                    return Ok(waker.clone());
                }
            }
            let waker = Waker::new()?;
            *own = Some((generation, waker.clone()));
            Ok(waker)
        });
        // A thread that is ending (and drops a socket as it does) has no more room for its own.
        mine.unwrap_or_else(|_| Waker::new())
    }

    /// Wakes its thread, now or at its next wait.
    pub fn wake(&self) {
        // The counter can only overflow after 2^64 wakes; a full counter is awake already.
        let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
        // Last: a drain that comes before this leaves the descriptor awake, to be drained again.
        self.rung.store(true, Ordering::Release);
    }

    /// Forgets the wakes so far.
    pub fn drain(&self) {
        if self.rung.swap(false, Ordering::AcqRel) {
            drain(self.fd());
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.eventfd.as_fd().as_raw_fd()
    }
}

/// Takes back all that an eventfd was written so far.
pub(crate) fn drain(fd: RawFd) {
    let mut count = [0u8; 8];
    // Nothing to read means nothing to take back.
    let _ = rustix::io::read(ffi::borrow_fd(fd), &mut count);
}

/// A descriptor to wait for, and what of it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The descriptor.
    pub fd: RawFd,
    /// What to wait for.
    pub want: PollFlags,
    /// What was there when the wait ended.
    pub seen: PollFlags,
}

impl Source {
    /// Waits for input.
    pub fn readable(fd: RawFd) -> Self {
        Self::new(fd, PollFlags::IN)
    }

    /// Waits for what `want` says.
    pub fn new(fd: RawFd, want: PollFlags) -> Self {
        Source { fd, want, seen: PollFlags::empty() }
    }
}

/// Sleeps until a source is ready or a signal was looked for (true: look again), or the deadline is over (false).
///
/// A signal handler may have used up what this wait was to be woken by (it may even have used the same socket), so that
/// the caller looks again after each chance it had to run.
///
/// # Errors
/// What [`Interrupt::check`] returns; errno of poll(2).
pub fn wait(sources: &mut [Source], deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
    interrupt.check()?;
    let left = deadline.left();
    let nap = match (left, interrupt.slice()) {
        (Some(left), Some(slice)) => Some(left.min(slice)),
        (left, slice) => left.or(slice),
    };
    match poll_once(sources, nap) {
        Ok(0) => {
            interrupt.check()?;
            Ok(!deadline.is_over())
        }
        Err(Errno::INTR) => {
            interrupt.check()?;
            Ok(true)
        }
        Ok(_) => Ok(true),
        Err(error) => Err(Error::zmq(error.raw_os_error())),
    }
}

fn poll_once(sources: &mut [Source], nap: Option<Duration>) -> rustix::io::Result<usize> {
    let timeout = nap.map(|nap| Timespec {
        tv_sec: i64::try_from(nap.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: nap.subsec_nanos().into(),
    });
    let item = |source: &Source| PollFd::from_borrowed_fd(ffi::borrow_fd(source.fd), source.want);
    // Nearly every wait has two sources: spare it the allocation.
    if let [first, second] = sources {
        let mut items = [item(first), item(second)];
        let count = poll(&mut items, timeout.as_ref())?;
        (first.seen, second.seen) = (items[0].revents(), items[1].revents());
        return Ok(count);
    }
    let mut items: Vec<PollFd<'_>> = sources.iter().map(item).collect();
    let count = poll(&mut items, timeout.as_ref())?;
    for (source, item) in sources.iter_mut().zip(&items) {
        source.seen = item.revents();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let waker = Waker::new().unwrap();
        let mut sources = [Source::readable(waker.fd())];
        let deadline = Deadline::after(Duration::from_millis(5));
        assert!(!wait(&mut sources, deadline, &mut Never).unwrap());
        assert!(deadline.is_over());
    }

    #[test]
    fn a_wake_before_the_wait_is_not_lost() {
        let waker = Waker::new().unwrap();
        waker.wake();
        let mut sources = [Source::readable(waker.fd())];
        assert!(wait(&mut sources, Deadline::never(), &mut Never).unwrap());
        assert!(sources[0].seen.contains(PollFlags::IN));
        waker.drain();
        assert!(!wait(&mut sources, Deadline::now(), &mut Never).unwrap());
    }

    #[test]
    fn a_signal_handler_that_raises_ends_the_wait() {
        struct Raise;
        impl Interrupt for Raise {
            fn check(&mut self) -> Result<()> {
                Err(Error::Interrupted)
            }
            fn slice(&self) -> Option<Duration> {
                None
            }
        }
        let got = wait(&mut [], Deadline::never(), &mut Raise);
        assert!(matches!(got, Err(Error::Interrupted)));
    }

    #[test]
    fn deadlines_compare() {
        let soon = Deadline::now();
        assert!(soon.earlier(Deadline::never()).is_over());
        assert!(Deadline::never().earlier(soon).is_over());
        assert!(Deadline::from_ms(-1).left().is_none());
        assert!(Deadline::after(Duration::MAX).left().is_none());
    }
}
