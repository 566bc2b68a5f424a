//! Statics that each process has for itself, also a forked child.

use crate::ffi::fork_generation;

/// How many generations of forks have statics of their own; what comes after them shares the last.
pub const GENERATIONS: usize = 16;

/// This process's own one of some statics. A forked child must not use its parent's: they may have been locked, for ever,
/// as it forked.
pub fn of_this_process<T>(all: &'static [T; GENERATIONS]) -> &'static T {
    let generation = usize::try_from(fork_generation()).unwrap_or(usize::MAX);
    &all[generation.min(GENERATIONS - 1)]
}
