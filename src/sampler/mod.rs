//! A sampler looks at counters again and again, so that rates can be told and plots be drawn.
//!
//! It does so on a native thread of its own, which needs no Python and holds a lock only for a look. What it looks at are
//! [`gauge`]s, which keep nothing alive; what it has seen is in a [`ring`]. It ends by itself when all that it looks at is
//! closed, with a last row. What goes through each connection is kept beside it: see [`wires`].

pub mod gauge;
pub mod ring;
pub mod wires;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::error::{errno, Error, Result};
use crate::ffi::fork_generation;
use crate::socket::Socket;
use crate::wait::{wait, Deadline, Interrupt, Never, Source, Waker};

pub use gauge::Gauge;
pub use ring::spread;
use ring::Ring;
pub use wires::Wire;
use wires::Wires;

/// However rarely it samples, this soon it notices that all is closed.
const GLANCE: Duration = Duration::from_millis(500);

/// The handle of a sampler. When it is dropped, the sampler ends.
pub struct Sampler {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    gauges: Vec<Gauge>,
    interval: Duration,
    /// How long it samples, at the most.
    limit: Duration,
    began: Instant,
    began_at: SystemTime,
    ring: Mutex<Ring>,
    wires: Mutex<Wires>,
    stop: AtomicBool,
    ended: AtomicBool,
    waker: Arc<Waker>,
    waiters: Mutex<Vec<Arc<Waker>>>,
}

/// What was sampled: a row is what was seen at one moment.
pub struct Samples {
    /// When it was begun: seconds since the epoch.
    pub began: f64,
    /// The seconds since then, of each row.
    pub elapsed: Vec<f64>,
    /// A column for each figure of each gauge, in their order.
    pub figures: Vec<Vec<i64>>,
}

impl Sampler {
    /// Samples these gauges now and every `interval`, until `limit` is over; the last `keep` rows are kept.
    ///
    /// # Errors
    /// There is no thread to be had, or no descriptor.
    pub fn start(gauges: Vec<Gauge>, interval: Duration, limit: Duration, keep: usize) -> Result<Self> {
        let width = gauges.iter().map(|gauge| gauge.names().len()).sum();
        let shared = Arc::new(Shared {
            gauges,
            interval,
            limit,
            began: Instant::now(),
            began_at: SystemTime::now(),
            ring: Mutex::new(Ring::new(width, keep)),
            wires: Mutex::new(Wires::new(keep)),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waker: Waker::new()?,
            waiters: Mutex::default(),
        });
        // Here, so that there always is a row.
        let mut row = vec![0; width];
        shared.sample(&mut row);
        let own = shared.clone();
        std::thread::Builder::new()
            .name("brokerless-sample".into())
            .spawn(move || own.run(row))
            .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))?;
        Ok(Sampler { shared, generation: fork_generation() })
    }

    /// How many rows were taken, and the number of the last one in which anything had changed.
    ///
    /// # Errors
    /// In a forked child, as for all that needs the rows.
    pub fn taken(&self) -> Result<(u64, u64)> {
        self.check_fork()?;
        let ring = self.shared.ring.lock();
        Ok((ring.taken, ring.changed))
    }

    /// The rows, or about `most` of them: see [`Ring::columns`].
    pub fn samples(&self, most: usize) -> Result<Samples> {
        self.check_fork()?;
        let (elapsed, figures) = self.shared.ring.lock().columns(most);
        let began = self.shared.began_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Samples { began: began.as_secs_f64(), elapsed, figures })
    }

    /// What went through each connection, in the order in which they came.
    pub fn wires(&self) -> Result<Vec<Wire>> {
        self.check_fork()?;
        Ok(self.shared.wires.lock().all())
    }

    /// Whether its thread has ended.
    pub fn has_ended(&self) -> bool {
        self.generation != fork_generation() || self.shared.ended.load(Ordering::Acquire)
    }

    /// Asks it to end; it takes a last row first.
    pub fn ask_stop(&self) {
        if self.generation == fork_generation() {
            self.shared.stop.store(true, Ordering::Release);
            self.shared.waker.wake();
        }
    }

    /// Waits until there are more than `seen` rows, or it has ended; false if the time is over before.
    pub fn wait_for_more(&self, seen: u64, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        self.wait_until(|| Ok(self.has_ended() || self.taken()?.0 > seen), deadline, interrupt)
    }

    /// Waits for its end; false if the time is over before.
    pub fn join(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        self.wait_until(|| Ok(self.has_ended()), deadline, interrupt)
    }

    fn wait_until(
        &self,
        reached: impl Fn() -> Result<bool>,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<bool> {
        if self.has_ended() {
            return Ok(true);
        }
        let waker = Waker::of_this_thread()?;
        self.shared.waiters.lock().push(waker.clone());
        let done = loop {
            waker.drain();
            match reached() {
                Ok(false) => {}
                done => break done,
            }
            match wait(&mut [Source::readable(waker.fd())], deadline, interrupt) {
                Ok(true) => {}
                // Once more: it may have come just before the end of the time.
                Ok(false) => break reached(),
                Err(error) => break Err(error),
            }
        };
        let mut waiters = self.shared.waiters.lock();
        if let Some(index) = waiters.iter().position(|waiter| Arc::ptr_eq(waiter, &waker)) {
            waiters.swap_remove(index);
        }
        done
    }

    /// In a forked child there is no thread, and a lock may be held for ever.
    fn check_fork(&self) -> Result<()> {
        match self.generation == fork_generation() {
            true => Ok(()),
            false => Err(Error::forked()),
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.ask_stop();
    }
}

impl Shared {
    fn run(&self, mut row: Vec<i64>) {
        // However this thread ends, nobody shall wait for it in vain.
        let _end = AtEnd(self);
        let mut due = self.interval;
        loop {
            let open = self.rest(due.min(self.limit), &mut row);
            if !self.sample(&mut row) || !open || due >= self.limit || self.stop.load(Ordering::Acquire) {
                return;
            }
            // After a pause of the whole machine it does not make up for what it has missed.
            due = (due + self.interval).max(self.began.elapsed() + self.interval / 2);
        }
    }

    /// Sleeps until the next row is due; sooner, and false, if there is nothing more to come.
    fn rest(&self, due: Duration, row: &mut [i64]) -> bool {
        loop {
            let left = due.saturating_sub(self.began.elapsed());
            if left.is_zero() {
                return true;
            }
            let nap = Deadline::after(left.min(GLANCE));
            let failed = wait(&mut [Source::readable(self.waker.fd())], nap, &mut Never).is_err();
            if failed || self.stop.load(Ordering::Acquire) || (left > GLANCE && !self.read(row)) {
                return false;
            }
        }
    }

    /// Takes a row; whether there is anything left that may change.
    fn sample(&self, row: &mut [i64]) -> bool {
        let open = self.read(row);
        let elapsed = self.began.elapsed().as_secs_f64();
        self.wires.lock().sample(elapsed, self.sockets());
        self.ring.lock().push(elapsed, row);
        self.tell();
        open
    }

    /// The sockets whose connections are followed, each with the number of its gauge.
    fn sockets(&self) -> impl Iterator<Item = (usize, Socket)> + '_ {
        let numbered = self.gauges.iter().enumerate();
        numbered.flat_map(|(number, gauge)| gauge.sockets().into_iter().map(move |socket| (number, socket)))
    }

    fn read(&self, row: &mut [i64]) -> bool {
        let mut open = false;
        let mut rest = row;
        for gauge in &self.gauges {
            let (own, others) = rest.split_at_mut(gauge.names().len());
            open |= gauge.read(own);
            rest = others;
        }
        open
    }

    fn tell(&self) {
        for waiter in self.waiters.lock().iter() {
            waiter.wake();
        }
    }
}

struct AtEnd<'a>(&'a Shared);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    const TICK: Duration = Duration::from_millis(2);

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    fn pair(context: &Context) -> (Socket, Socket) {
        let push = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let pull = context.socket(zmq_sys::ZMQ_PULL as i32).unwrap();
        push.bind("tcp://127.0.0.1:*").unwrap();
        pull.connect(&push.endpoints()[0].endpoint).unwrap();
        push.wait_for_peers(1, soon(), &mut Never).unwrap();
        (push, pull)
    }

    #[test]
    fn rows_say_what_went_through_a_socket_and_who_is_there() {
        let context = Context::new(1).unwrap();
        let (push, pull) = pair(&context);
        let gauges = vec![Gauge::of_socket(&push).unwrap(), Gauge::of_socket(&pull).unwrap()];
        let sampler = Sampler::start(gauges, TICK, Duration::MAX, 10_000).unwrap();
        for _ in 0..50 {
            push.try_send_bytes(b"1234", 0).unwrap();
            pull.recv(soon(), &mut Never).unwrap();
        }
        let (seen, _) = sampler.taken().unwrap();
        // Two more: the one under way may have looked before the last message.
        for more in 0..2 {
            assert!(sampler.wait_for_more(seen + more, soon(), &mut Never).unwrap());
        }
        let samples = sampler.samples(usize::MAX).unwrap();
        let last: Vec<i64> = samples.figures.iter().filter_map(|column| column.last().copied()).collect();
        assert_eq!(last, [50, 0, 200, 0, 1, 0, 50, 0, 200, 1]);
        assert_eq!(samples.figures[0][0], 0);
        assert!(samples.elapsed.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn it_ends_when_all_is_closed_and_has_the_last_figures() {
        let context = Context::new(1).unwrap();
        let (push, pull) = pair(&context);
        // So rarely that only the end itself can make it look.
        let gauges = vec![Gauge::of_socket(&push).unwrap(), Gauge::of_socket(&pull).unwrap()];
        let sampler = Sampler::start(gauges, Duration::from_secs(3600), Duration::MAX, 10).unwrap();
        push.try_send_bytes(b"x", 0).unwrap();
        push.close(None, &mut Never).unwrap();
        assert!(!sampler.join(Deadline::after(TICK), &mut Never).unwrap());
        pull.close(None, &mut Never).unwrap();
        assert!(sampler.join(soon(), &mut Never).unwrap());
        let samples = sampler.samples(usize::MAX).unwrap();
        assert_eq!(samples.figures[0], [0, 1]);
        assert!(matches!(Gauge::of_socket(&push), Err(Error::Closed(_))));
    }

    #[test]
    fn it_keeps_no_socket_alive() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let weak = Arc::downgrade(&socket.0);
        let sampler = Sampler::start(vec![Gauge::of_socket(&socket).unwrap()], TICK, Duration::MAX, 10).unwrap();
        drop(socket);
        assert!(sampler.join(soon(), &mut Never).unwrap());
        assert_eq!(weak.strong_count(), 0);
    }

    #[test]
    fn it_ends_when_its_time_is_over() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let gauges = || vec![Gauge::of_socket(&socket).unwrap()];
        let sampler = Sampler::start(gauges(), TICK, TICK * 4, 10).unwrap();
        assert!(sampler.join(soon(), &mut Never).unwrap());
        assert!(sampler.samples(usize::MAX).unwrap().elapsed.last().unwrap() >= &(TICK * 4).as_secs_f64());
        let sampler = Sampler::start(gauges(), Duration::from_secs(3600), TICK, 10).unwrap();
        assert!(sampler.join(soon(), &mut Never).unwrap());
        assert_eq!(sampler.taken().unwrap().0, 2);
    }

    #[test]
    fn a_stop_ends_it_at_once() {
        let context = Context::new(1).unwrap();
        let socket = context.socket(zmq_sys::ZMQ_PUSH as i32).unwrap();
        let sampler =
            Sampler::start(vec![Gauge::of_socket(&socket).unwrap()], Duration::from_secs(3600), Duration::MAX, 10)
                .unwrap();
        let shared = Arc::downgrade(&sampler.shared);
        sampler.ask_stop();
        assert!(sampler.join(soon(), &mut Never).unwrap());
        assert_eq!(sampler.taken().unwrap().0, 2);
        drop(sampler);
        while shared.strong_count() > 0 {
            std::thread::yield_now();
        }
    }
}
