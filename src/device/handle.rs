//! A device: an engine with a thread of its own, and the handle by which it is watched and steered.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::engine::Engine;
use super::farewell::Farewell;
use super::meter::{Meter, Moved};
use super::steer::{Phase, Steer};
use crate::error::{errno, Error, Result};
use crate::ffi::fork_generation;
use crate::socket::is_gone;
use crate::wait::{Deadline, Interrupt};

/// How long the messages of a device that nobody holds any more may linger.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The handle of a running device. When it is dropped, the device stops by itself.
pub struct Device {
    shared: Arc<Shared>,
    generation: u64,
}

struct Shared {
    steer: Steer,
    meter: Arc<Meter>,
    /// What made it end, if it did not end as it should.
    failure: Mutex<Option<Error>>,
}

impl Device {
    /// Runs an engine, whose sockets are the device's own from now on, on a new thread.
    pub fn start(engine: Engine) -> Result<Self> {
        let meter = engine.meter().clone();
        let shared = Arc::new(Shared { steer: Steer::new()?, meter, failure: Mutex::default() });
        let own = shared.clone();
        std::thread::Builder::new()
            .name("brokerless-device".into())
            .spawn(move || own.run(engine))
            .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))?;
        Ok(Device { shared, generation: fork_generation() })
    }

    /// What it has moved so far; also after its end.
    pub fn moved(&self) -> Moved {
        self.shared.meter.read()
    }

    /// For who looks at it now and then, and does not hold it.
    ///
    /// # Errors
    /// It has ended, or is its process's parent's.
    pub(crate) fn gauge(&self) -> Result<DeviceGauge> {
        if self.generation != fork_generation() {
            return Err(Error::forked());
        }
        match self.phase() {
            Phase::Ended => Err(Error::Closed("this device has ended".into())),
            _ => Ok(DeviceGauge(Arc::downgrade(&self.shared))),
        }
    }

    /// What it does.
    pub fn phase(&self) -> Phase {
        if self.generation == fork_generation() {
            self.shared.steer.phase()
        } else {
            Phase::Ended
        }
    }

    /// Stops the flow: once this returns, nothing is moved until [`Device::resume`]. Its peers notice when their queues
    /// are full. Where another thread calls that meanwhile, it returns as well.
    pub fn pause(&self, interrupt: &mut dyn Interrupt) -> Result<()> {
        self.shared.steer.pause(true, interrupt)
    }

    /// Lets the messages flow again.
    pub fn resume(&self, interrupt: &mut dyn Interrupt) -> Result<()> {
        self.shared.steer.pause(false, interrupt)
    }

    /// Asks it to end; see [`Device::join`].
    pub fn ask_stop(&self, farewell: Farewell) {
        if self.generation == fork_generation() {
            self.shared.steer.ask_stop(farewell);
        }
    }

    /// Waits for its end; false if the time is over before.
    ///
    /// # Errors
    /// What made the device end, if it was neither stopped nor its context terminated.
    pub fn join(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<bool> {
        if !self.shared.steer.wait_for(|phase| phase == Phase::Ended, deadline, interrupt)? {
            return Ok(false);
        }
        match &*self.shared.failure.lock() {
            Some(error) => Err(error.clone()),
            None => Ok(true),
        }
    }
}

/// Shows what a device has moved.
pub struct DeviceGauge(Weak<Shared>);

impl DeviceGauge {
    /// What it has moved so far, and whether it goes on; nothing once it is gone.
    pub(crate) fn read(&self) -> Option<(Moved, bool)> {
        let shared = self.0.upgrade()?;
        let goes_on = shared.steer.phase() != Phase::Ended;
        Some((shared.meter.read(), goes_on))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.ask_stop(Farewell::abrupt(LAST_WORDS));
    }
}

impl Shared {
    fn run(&self, mut engine: Engine) {
        // However this thread ends, nobody shall wait for it in vain.
        let _end = AtEnd(&self.steer);
        let ran = engine.run(&self.steer, &mut crate::wait::Never);
        let ended = match ran {
            Ok(()) => {
                self.steer.enter(Phase::Stopping);
                engine.leave(&self.steer)
            }
            Err(error) => {
                engine.close(None);
                Err(error)
            }
        };
        if let Err(error) = ended {
            // A socket closed by hand, a context that ends: that is how a device may end.
            if !is_gone(&error) {
                *self.failure.lock() = Some(error);
            }
        }
    }
}

struct AtEnd<'a>(&'a Steer);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.enter(Phase::Ended);
    }
}
