//! parking_lot's locks, made of loom's.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;
use std::time::Instant;

pub use lock_api;

/// The mutex in a socket's lock.
pub struct RawMutex(OnceLock<loom::sync::Mutex<()>>);

impl RawMutex {
    fn made(&self) -> &loom::sync::Mutex<()> {
        self.0.get_or_init(Default::default)
    }
}

pub struct Held(#[allow(dead_code)] loom::sync::MutexGuard<'static, ()>);

fn hold(guard: loom::sync::MutexGuard<'_, ()>) -> Held {
    // SAFETY: lock_api gives it back, by `unlock`, while the mutex is still there.
    Held(unsafe { std::mem::transmute::<loom::sync::MutexGuard<'_, ()>, loom::sync::MutexGuard<'static, ()>>(guard) })
}

// SAFETY: loom's mutex lets one in.
unsafe impl lock_api::RawMutex for RawMutex {
    type Guard = Held;
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = RawMutex(OnceLock::new());

    fn lock(&self) -> Held {
        hold(self.made().lock().unwrap())
    }

    fn try_lock(&self) -> Option<Held> {
        self.made().try_lock().ok().map(hold)
    }

    unsafe fn unlock(&self, held: Held) {
        drop(held);
    }

    fn is_locked(&self) -> bool {
        self.made().try_lock().is_err()
    }
}

#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap()))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

#[derive(Debug)]
pub struct Condvar(loom::sync::Condvar);

impl Default for Condvar {
    fn default() -> Self {
        Condvar(loom::sync::Condvar::new())
    }
}

/// Time does not pass in a model: who waits for too long waits for ever.
pub struct NeverTimedOut;

impl NeverTimedOut {
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _limit: Instant) -> NeverTimedOut {
        guard.0 = guard.0.take().map(|inner| self.0.wait(inner).unwrap());
        NeverTimedOut
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
