//! std's threads, as far as the core names them.

use std::time::Duration;

pub use loom::thread::yield_now;

/// Whoever sleeps lets all others go on.
pub fn sleep(_time: Duration) {
    yield_now();
}
