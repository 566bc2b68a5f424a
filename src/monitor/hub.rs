//! The thread of a context that reads its watches, so that no queue of events grows behind a socket nobody looks at.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::error::{errno, Error, Result};
use crate::monitor::{Watch, WATCHED};
use crate::wait::{wait, Deadline, Never, Source, Waker};

/// The watches of a context, and the thread that reads them.
#[derive(Default)]
pub struct Hub(Arc<Mutex<Roster>>);

#[derive(Default)]
struct Roster {
    watches: Vec<Weak<Watch>>,
    /// Of closed sockets, whose connections linger: until libzmq has told the last.
    leaving: Vec<Arc<Watch>>,
    reader: Option<Arc<Waker>>,
    stopped: bool,
}

impl Hub {
    /// Whether another socket is watched without being asked for.
    pub(crate) fn has_room(&self) -> bool {
        let mut roster = self.0.lock();
        roster.watches.retain(|watch| watch.strong_count() > 0);
        !roster.stopped && roster.watches.len() < WATCHED
    }

    /// Lets the thread read this watch from now on; starts the thread with the first.
    pub(crate) fn add(&self, watch: &Arc<Watch>) -> Result<()> {
        let mut roster = self.0.lock();
        roster.watches.push(Arc::downgrade(watch));
        self.read(roster)
    }

    /// Lets the thread read the watch of a closed socket to its end. ETERM once the context ends.
    pub(super) fn see_off(&self, watch: &Arc<Watch>) -> Result<()> {
        let mut roster = self.0.lock();
        if roster.stopped {
            return Err(Error::zmq(errno::ETERM));
        }
        roster.leaving.push(watch.clone());
        self.read(roster).inspect_err(|_| self.0.lock().leaving.retain(|other| !Arc::ptr_eq(other, watch)))
    }

    /// Wakes the thread, or starts it.
    fn read(&self, mut roster: MutexGuard<'_, Roster>) -> Result<()> {
        if let Some(reader) = &roster.reader {
            reader.wake();
            return Ok(());
        }
        let waker = Waker::new()?;
        let (shared, own) = (self.0.clone(), waker.clone());
        std::thread::Builder::new()
            .name("brokerless-watch".into())
            .spawn(move || read_all(&shared, &own))
            .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))?;
        roster.reader = Some(waker);
        Ok(())
    }

    /// Has the thread look at its watches again, as there is more to listen to.
    pub(super) fn wake(&self) {
        if let Some(reader) = &self.0.lock().reader {
            reader.wake();
        }
    }

    /// Wakes everybody who waits for a peer of this context: an inproc endpoint came or went, which libzmq does not tell.
    pub(crate) fn poke(&self) {
        let watches: Vec<_> = self.0.lock().watches.iter().filter_map(Weak::upgrade).collect();
        for watch in watches {
            watch.poke();
        }
    }

    /// Ends the thread; its context ends.
    pub(crate) fn stop(&self) {
        let mut roster = self.0.lock();
        roster.stopped = true;
        if let Some(reader) = &roster.reader {
            reader.wake();
        }
    }
}

fn read_all(roster: &Mutex<Roster>, waker: &Arc<Waker>) {
    // A burst of events (a thousand clients at once) is read in a few rounds, not one wake-up each.
    let pause = Duration::from_millis(1);
    let mut last = Instant::now();
    loop {
        waker.drain();
        let (watches, stopped) = {
            let mut roster = roster.lock();
            roster.watches.retain(|watch| watch.strong_count() > 0);
            let mut watches: Vec<_> = roster.watches.iter().filter_map(Weak::upgrade).collect();
            let leaving =
                roster.leaving.iter().filter(|leaving| !watches.iter().any(|watch| Arc::ptr_eq(watch, leaving)));
            let leaving: Vec<_> = leaving.cloned().collect();
            watches.extend(leaving);
            (watches, roster.stopped)
        };
        for watch in &watches {
            if stopped {
                watch.stop();
            } else {
                watch.be_heard(waker);
                watch.serve();
            }
        }
        // Dropped outside the lock: the last watch may hold the context, whose end takes it.
        let gone: Vec<Arc<Watch>> = {
            let mut roster = roster.lock();
            let (gone, leaving) = roster.leaving.drain(..).partition(|watch| stopped || watch.has_ended());
            roster.leaving = leaving;
            gone
        };
        for watch in &gone {
            watch.stop();
        }
        drop(gone);
        if stopped {
            return;
        }
        let mut sources = vec![Source::readable(waker.fd())];
        sources.extend(watches.iter().flat_map(|watch| watch.fds()).map(Source::readable));
        let reported = watches.iter().any(|watch| watch.reports());
        drop(watches);
        let rested = last.elapsed();
        // A user's monitor is told at once, as libzmq would.
        if rested < pause && !reported {
            let mut own = [Source::readable(waker.fd())];
            if wait(&mut own, Deadline::after(pause - rested), &mut Never).is_err() {
                return;
            }
        }
        if wait(&mut sources, Deadline::never(), &mut Never).is_err() {
            return;
        }
        last = Instant::now();
    }
}
