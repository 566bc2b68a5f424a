//! What the protocol is made of, each by itself: the lock, wakers, events, what is under way.

use std::sync::Arc;

use lock_api::Mutex;
use loom::cell::UnsafeCell;
use loom::thread;

use super::Model;
use crate::event::Event;
use crate::ffi::lock_of;
use crate::lock::Lock;
use crate::underway::Underway;
use crate::wait::{Deadline, Never, Waker};

pub const ALL: &[Model] = &[
    Model { name: "a lock that an owner shares", run: an_owner },
    Model { name: "a lock that two look into and one owns", run: lookers },
    Model { name: "a lock that its owner looks into", run: an_owner_looks },
    Model { name: "a lock that nobody owns yet", run: three_come },
    Model { name: "an event that two wait for", run: an_event },
    Model { name: "an end that waits for what is under way", run: under_way },
    Model { name: "a waker that is woken twice", run: a_waker },
];

/// What a lock guards: loom sees whether two are in it, and whether one has not seen what another wrote.
#[derive(Default)]
struct Guarded(UnsafeCell<u32>);

// SAFETY: that the lock makes it so is what is tried.
unsafe impl Send for Guarded {}

type Shared = Arc<Mutex<Lock, Guarded>>;

fn shared() -> Shared {
    let shared = Shared::default();
    assert!(!shared.is_locked());
    assert_eq!(read(&shared), 0);
    shared
}

fn add(shared: &Shared) {
    // SAFETY: as above.
    shared.lock().0.with_mut(|count| unsafe { *count += 1 });
}

fn read(shared: &Shared) -> u32 {
    // SAFETY: as above.
    shared.lock().0.with(|count| unsafe { *count })
}

/// As [`crate::socket::Socket::glint`] looks.
fn look(shared: &Shared) -> u32 {
    let inside = shared.lock();
    // SAFETY: as above.
    let count = inside.0.with(|count| unsafe { *count });
    lock_of(&inside).give_back();
    count
}

/// From now on this thread is the owner.
fn own(shared: &Shared) -> u32 {
    let times = 4;
    for _ in 0..times {
        add(shared);
    }
    times
}

fn an_owner() {
    let shared = shared();
    let before = own(&shared);
    let others: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || add(&shared))
        })
        .collect();
    add(&shared);
    add(&shared);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(read(&shared), before + 4);
}

fn lookers() {
    let shared = shared();
    let before = own(&shared);
    let looker = thread::spawn({
        let shared = shared.clone();
        move || look(&shared)
    });
    let other = thread::spawn({
        let shared = shared.clone();
        move || {
            if let Some(inside) = shared.try_lock() {
                // SAFETY: as above.
                inside.0.with(|count| unsafe { *count });
            }
        }
    });
    add(&shared);
    add(&shared);
    let seen = looker.join().unwrap();
    assert!((before..=before + 2).contains(&seen));
    other.join().unwrap();
    assert_eq!(read(&shared), before + 2);
}

fn an_owner_looks() {
    let shared = shared();
    let before = own(&shared);
    let other = thread::spawn({
        let shared = shared.clone();
        move || add(&shared)
    });
    let seen = look(&shared);
    assert!((before..=before + 1).contains(&seen));
    add(&shared);
    other.join().unwrap();
    assert_eq!(read(&shared), before + 2);
}

fn three_come() {
    let shared = shared();
    let others: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                add(&shared);
                add(&shared);
                add(&shared);
            })
        })
        .collect();
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(read(&shared), 6);
}

fn an_event() {
    let event = Arc::new(Event::default());
    assert!(!event.is_set());
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let event = event.clone();
            thread::spawn(move || event.wait(Deadline::never(), &mut Never).unwrap())
        })
        .collect();
    event.set();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert!(event.is_set());
}

fn under_way() {
    let underway = Arc::new(Underway::default());
    let done = Arc::new(Mutex::<crate::locks::RawMutex, u32>::default());
    let announced: Vec<_> = (0..2).map(|_| underway.announce().unwrap()).collect();
    let workers: Vec<_> = announced
        .into_iter()
        .map(|announced| {
            let done = done.clone();
            thread::spawn(move || {
                *done.lock() += 1;
                drop(announced);
            })
        })
        .collect();
    underway.finish();
    assert_eq!(*done.lock(), 2);
    assert!(underway.announce().is_none());
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

fn a_waker() {
    use crate::wait::{wait, Source};

    let waker = Waker::new().unwrap();
    let said = Arc::new(Mutex::<crate::locks::RawMutex, u32>::default());
    let others: Vec<_> = (0..2)
        .map(|_| {
            let (waker, said) = (waker.clone(), said.clone());
            thread::spawn(move || {
                *said.lock() += 1;
                waker.wake();
            })
        })
        .collect();
    // Each wake is for something that was said before it: who drains before the look misses nothing.
    while *said.lock() < 2 {
        wait(&mut [Source::readable(waker.fd())], Deadline::never(), &mut Never).unwrap();
        waker.drain();
        // While one is in the middle of waking, the descriptor is readable, and is to be drained once more.
        thread::yield_now();
    }
    others.into_iter().for_each(|other| other.join().unwrap());
}
