//! Tries every order in which the threads of one socket can take their steps, on the core's own code.
//!
//! `build.rs` brings the files of the core that wake and wait; std's atomics, parking_lot's locks, the system's descriptors
//! and libzmq's sockets are those of this crate, made of loom's. Loom runs each model again and again, with another order
//! and with what weak memory allows, up to a number of preemptions: a thread that is put aside where it need not wait.
//!
//!     cargo run -- [MODEL...] [--preemptions N] [--mutation ID | --mutations]
//!
//! runs the models whose names contain one of these words. `make models` runs all of them, and then shows that they can fail.

#![allow(dead_code, clippy::unwrap_used)]

/// What a thread has for itself. (Loom's own macro does not take a constant.)
macro_rules! of_thread {
    (static $name:ident: $type:ty = const $first:block;) => {
        loom::thread_local! { static $name: $type = $first; }
    };
}
pub(crate) use of_thread;

mod around;
mod atomics;
#[path = "../../zmq-sys/src/constants.rs"]
mod constants;
mod ffi;
mod libzmq;
mod locks;
mod models;
mod system;
mod threads;
mod world;

pub mod zmq_sys {
    //! libzmq's numbers.
    pub use crate::constants::*;
    pub use crate::errno;
}
#[path = "../../zmq-sys/src/errno.rs"]
pub mod errno;

pub use around::{attach, context, explain, monitor, subscriptions, trace};
include!(concat!(env!("OUT_DIR"), "/core.rs"));
include!("../mutations.rs");

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

static MUTATION: OnceLock<String> = OnceLock::new();

/// Whether this fault was asked for.
pub fn mutated(id: &str) -> bool {
    MUTATION.get().is_some_and(|asked| asked == id)
}

fn main() {
    let mut words = Vec::new();
    let mut preemptions = 2;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--preemptions" => preemptions = arguments.next().and_then(|n| n.parse().ok()).expect("a number"),
            "--mutation" => MUTATION.set(arguments.next().expect("a name")).expect("one mutation"),
            "--mutations" => {
                MUTATIONS.iter().for_each(|mutation| println!("{}\t{}", mutation.id, mutation.found_by));
                return;
            }
            word => words.push(word.to_owned()),
        }
    }
    if let Some(id) = MUTATION.get() {
        assert!(MUTATIONS.iter().any(|mutation| mutation.id == id), "there is no mutation {id}");
    }
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    for model in models::all().filter(|model| chosen(model.name)) {
        let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.max_branches = 100_000;
        let counted = count.clone();
        let run = model.run;
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            world::begin();
            run();
        });
        let orders = count.load(Ordering::Relaxed);
        println!("{:58} {orders:8} orders {:7.2} s", model.name, start.elapsed().as_secs_f64());
    }
}
