//! The lock of a socket: nearly free for the one thread that mostly uses it.
//!
//! A mutex costs two atomic operations, and so a send and a receive pay four: a sixth of their time. But most sockets are
//! used by one thread. So a thread can own the lock. The owner comes in by raising a flag and leaves by taking it down,
//! with plain stores. Another thread first ends that right and makes every processor pass a barrier (membarrier(2)): from
//! then on either the owner sees that it has lost the right, or its flag is seen and waited for. Then a mutex decides, as
//! everywhere, until the owner has used the lock often enough in a row to own it again. The first who does so is the owner;
//! there is never another.
//!
//! Where the system has no such barrier nobody owns a lock.

use std::sync::atomic::{compiler_fence, AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::lock_api::{self, RawMutex as _};
use parking_lot::RawMutex;
use rustix::thread::{membarrier, membarrier_query, MembarrierCommand};

use crate::ffi::this_thread;

/// In `owner`, where threads have their numbers: the mutex decides.
const NOBODY: usize = 0;

/// So many times in a row a thread takes the mutex before it owns the lock; twice as often each time that was in vain.
const STREAK: u32 = 64;
/// But no more than this.
const LONGEST_STREAK: u32 = 1 << 20;

/// By what right a thread is inside.
pub enum Pass {
    /// It owns the lock.
    Owner,
    /// It has the mutex, which is to be unlocked with this.
    Mutex(<RawMutex as lock_api::RawMutex>::Guard),
}

/// Who may come in. It has no data: `ffi` makes it a mutex that has.
pub struct Lock {
    owner: AtomicUsize,
    /// The owner is inside, or about to look whether it still has the right. Nobody else writes to it.
    flag: AtomicBool,
    pub(crate) mutex: RawMutex,
    // These are read and written only by who has the mutex.
    /// The last who took it; once somebody owned the lock, that thread for ever: a former owner may be just about to raise
    /// the flag, which must be nobody else's then.
    last: AtomicUsize,
    owned: AtomicBool,
    /// Who has the mutex has ended the owner's right to get it, and may give it back.
    ended: AtomicBool,
    streak: AtomicU32,
    wanted: AtomicU32,
}

impl Lock {
    /// Open, and nobody's.
    pub const fn new() -> Self {
        Lock {
            owner: AtomicUsize::new(NOBODY),
            flag: AtomicBool::new(false),
            mutex: RawMutex::INIT,
            last: AtomicUsize::new(NOBODY),
            owned: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            streak: AtomicU32::new(0),
            wanted: AtomicU32::new(STREAK),
        }
    }

    /// Comes in, waiting for whoever is inside.
    #[inline]
    pub fn enter(&self) -> Pass {
        if self.enter_as_owner() {
            Pass::Owner
        } else {
            self.enter_by_mutex()
        }
    }

    /// Comes in if nobody is inside.
    pub fn try_enter(&self) -> Option<Pass> {
        if self.enter_as_owner() {
            return Some(Pass::Owner);
        }
        if self.flag.load(Ordering::Relaxed) {
            return None;
        }
        let guard = self.mutex.try_lock()?;
        self.end_owner();
        Some(Pass::Mutex(guard))
    }

    /// Gives the owner the right back that was ended to come in here. For who is inside, has only looked, and comes so
    /// rarely that a barrier each time is cheaper than an owner who has to earn its right again.
    pub fn give_back(&self) {
        let last = self.last.load(Ordering::Relaxed);
        if last == this_thread() {
            // The owner, who has nothing to give back: if the right was ended since it came in, that was by somebody who waits for
            // it to go out, and comes in then. Or one who has the mutex, and does not earn the right by looking.
            if !self.owned.load(Ordering::Relaxed) {
                self.streak.store(0, Ordering::Relaxed);
            }
            return;
        }
        if !self.ended.load(Ordering::Relaxed) {
            return;
        }
        self.ended.store(false, Ordering::Relaxed);
        let wanted = self.wanted.load(Ordering::Relaxed);
        self.wanted.store((wanted / 2).max(STREAK), Ordering::Relaxed);
        // Nobody has written anything since the owner was here. What was read was read before this, and the owner comes in
        // after it.
        self.owner.store(last, Ordering::Release);
    }

    /// Whether somebody is inside, just now.
    pub fn is_taken(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.mutex.is_locked()
    }

    /// The owner goes out.
    #[inline]
    pub fn leave_as_owner(&self) {
        self.flag.store(false, Ordering::Release);
    }

    #[inline]
    fn enter_as_owner(&self) -> bool {
        let me = this_thread();
        // Only the owner raises the flag: where it is up, this thread is inside already, and waits for itself as with a mutex.
        if self.owner.load(Ordering::Relaxed) != me || self.flag.load(Ordering::Relaxed) {
            return false;
        }
        self.flag.store(true, Ordering::Relaxed);
        // No barrier of the processor: whoever ends the right makes this one pass one.
        compiler_fence(Ordering::SeqCst);
        // After all that was read by who gave the right back.
        if self.owner.load(Ordering::Acquire) == me {
            return true;
        }
        self.flag.store(false, Ordering::Release);
        false
    }

    #[cold]
    fn enter_by_mutex(&self) -> Pass {
        let pass = Pass::Mutex(self.mutex.lock());
        self.end_owner();
        let me = this_thread();
        if self.last.load(Ordering::Relaxed) != me {
            if !self.owned.load(Ordering::Relaxed) {
                self.last.store(me, Ordering::Relaxed);
            }
            self.streak.store(0, Ordering::Relaxed);
            return pass;
        }
        let streak = self.streak.load(Ordering::Relaxed);
        self.streak.store(streak.saturating_add(1), Ordering::Relaxed);
        pass
    }

    /// Who has the mutex is about to unlock it, and owns the lock from now on if it used it often enough in a row.
    #[inline]
    pub fn leave_by_mutex(&self) {
        if self.streak.load(Ordering::Relaxed) >= self.wanted.load(Ordering::Relaxed) && can_end_owners() {
            self.streak.store(0, Ordering::Relaxed);
            self.owned.store(true, Ordering::Relaxed);
            self.owner.store(self.last.load(Ordering::Relaxed), Ordering::Release);
        }
    }

    /// Ends the owner's right, if there is one, and waits until it is outside. Who calls has the mutex, so that nobody else
    /// does this, and nobody gets the right meanwhile.
    fn end_owner(&self) {
        let owner = self.owner.load(Ordering::Relaxed);
        self.ended.store(false, Ordering::Relaxed);
        // Its own right it may keep: it was given back while this thread was on its way to the mutex.
        if owner == NOBODY || owner == this_thread() {
            return;
        }
        self.ended.store(true, Ordering::Relaxed);
        self.owner.store(NOBODY, Ordering::SeqCst);
        pass_barrier_everywhere();
        let mut rounds = 0;
        while self.flag.load(Ordering::Acquire) {
            // It is in the middle of one call that does not wait, or was put to sleep there by the system.
            if rounds < 100 {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(50));
            }
            rounds += 1;
        }
        let wanted = self.wanted.load(Ordering::Relaxed);
        self.wanted.store((2 * wanted).min(LONGEST_STREAK), Ordering::Relaxed);
    }
}

/// Whether the system has the barrier.
fn can_end_owners() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let has = membarrier_query();
        has.contains_command(MembarrierCommand::PrivateExpedited)
            && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    })
}

/// Makes every processor that runs a thread of this process pass a memory barrier.
fn pass_barrier_everywhere() {
    if membarrier(MembarrierCommand::PrivateExpedited).is_ok() {
        return;
    }
    // A forked child may have to register anew.
    let registered = membarrier(MembarrierCommand::RegisterPrivateExpedited);
    if registered.and_then(|()| membarrier(MembarrierCommand::PrivateExpedited)).is_err() {
        // Forbidden only now, by a sandbox that was entered since. What a processor has stored is seen by all others far
        // sooner than this.
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use parking_lot::lock_api::Mutex;

    use super::*;
    use crate::ffi::lock_of;

    /// A count that tears if two threads are inside: it is read, and written later.
    #[derive(Default)]
    struct Torn {
        count: u64,
        copy: u64,
    }

    fn add(guarded: &mut Torn) {
        let before = guarded.count;
        assert_eq!(before, guarded.copy);
        guarded.copy = std::hint::black_box(before + 1);
        std::hint::spin_loop();
        guarded.count = before + 1;
    }

    #[test]
    fn one_is_inside_whoever_owns_it() {
        // Each thread comes in bursts, long enough to own the lock and short enough for the others to end that often.
        for threads in [1, 2, 4] {
            let torn: Mutex<Lock, Torn> = Mutex::default();
            let start = Barrier::new(threads);
            let rounds = 400_000 / threads;
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (torn, start) = (&torn, &start);
                    scope.spawn(move || {
                        start.wait();
                        for round in 0..rounds {
                            if round % 17 == thread {
                                if let Some(mut guarded) = torn.try_lock() {
                                    add(&mut guarded);
                                    continue;
                                }
                            }
                            add(&mut torn.lock());
                            if round % 1000 == thread * 100 {
                                std::thread::yield_now();
                            }
                        }
                    });
                }
            });
            assert_eq!(torn.lock().count, (rounds * threads) as u64);
        }
    }

    #[test]
    fn who_only_looks_gives_the_right_back() {
        let mutex: Mutex<Lock, u64> = Mutex::default();
        let enough = 4 * u64::from(STREAK);
        for _ in 0..enough {
            *mutex.lock() += 1;
        }
        let owner = || lock_of(&mutex.lock()).owner.load(Ordering::Relaxed);
        let me = this_thread();
        assert_eq!(owner(), me);
        let look = || {
            let inside = mutex.lock();
            lock_of(&inside).give_back();
            // It is given back once: to who had it as this thread came in.
            lock_of(&inside).give_back();
            *inside
        };
        for _ in 0..30 {
            std::thread::scope(|scope| assert_eq!(scope.spawn(look).join().unwrap(), enough));
            assert_eq!(owner(), me);
        }
        // And who has changed something does not.
        std::thread::scope(|scope| scope.spawn(|| *mutex.lock() += 1).join().unwrap());
        std::thread::scope(|scope| assert_eq!(scope.spawn(look).join().unwrap(), enough + 1));
        assert_eq!(owner(), NOBODY);
    }

    #[test]
    fn who_only_looks_never_owns_it() {
        let mutex: Mutex<Lock, u64> = Mutex::default();
        for _ in 0..4 * STREAK {
            let inside = mutex.lock();
            lock_of(&inside).give_back();
        }
        assert_eq!(lock_of(&mutex.lock()).owner.load(Ordering::Relaxed), NOBODY);
    }

    #[test]
    fn an_owner_who_looks_does_not_take_the_right_back_from_who_waits() {
        let mutex: Mutex<Lock, u64> = Mutex::default();
        for _ in 0..4 * STREAK {
            *mutex.lock() += 1;
        }
        let inside = mutex.lock();
        let lock = lock_of(&inside);
        assert_eq!(lock.owner.load(Ordering::Relaxed), this_thread());
        std::thread::scope(|scope| {
            let other = scope.spawn(|| *mutex.lock() += 1);
            while lock.owner.load(Ordering::Relaxed) != NOBODY {
                std::thread::yield_now();
            }
            lock.give_back();
            assert_eq!(lock.owner.load(Ordering::Relaxed), NOBODY);
            drop(inside);
            other.join().unwrap();
        });
    }

    #[test]
    fn a_look_never_sees_half_of_a_change() {
        let torn: Mutex<Lock, Torn> = Mutex::default();
        let (rounds, done) = (2_000_000, AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let inside = torn.lock();
                    assert_eq!(inside.count, inside.copy);
                    lock_of(&inside).give_back();
                }
            });
            // Somebody else changes it, too, now and then.
            scope.spawn(|| {
                for _ in 0..rounds / 1000 {
                    add(&mut torn.lock());
                    std::thread::yield_now();
                }
            });
            for _ in 0..rounds {
                add(&mut torn.lock());
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(torn.lock().count, rounds + rounds / 1000);
    }

    #[test]
    fn nobody_is_inside_twice() {
        let mutex: Mutex<Lock, u64> = Mutex::default();
        for _ in 0..3 * STREAK {
            let inside = mutex.lock();
            assert!(mutex.try_lock().is_none());
            drop(inside);
        }
        assert!(mutex.try_lock().is_some());
    }

    #[test]
    fn the_owner_is_waited_for_and_comes_back() {
        let mutex: Mutex<Lock, u64> = Mutex::default();
        let others = 10;
        for _ in 0..others {
            for _ in 0..2 * u64::from(STREAK) {
                *mutex.lock() += 1;
            }
            assert!(!mutex.is_locked());
            let mut inside = mutex.lock();
            assert!(mutex.is_locked());
            std::thread::scope(|scope| {
                scope.spawn(|| assert!(mutex.try_lock().is_none())).join().unwrap();
                let other = scope.spawn(|| {
                    let mut inside = mutex.lock();
                    assert_eq!(*inside % 2, 0);
                    *inside += 2;
                });
                // Odd for as long as it is inside.
                *inside += 1;
                std::thread::yield_now();
                *inside += 1;
                drop(inside);
                other.join().unwrap();
            });
        }
        assert_eq!(*mutex.lock(), others * (2 * u64::from(STREAK) + 4));
    }
}
