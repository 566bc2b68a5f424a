//! What a device has moved: counted by its engine, read by anybody at any time.

use parking_lot::Mutex;

use super::Way;

/// Messages and bytes each way.
///
/// The engine holds the lock while it hands on a batch, so that whoever has received a message finds it counted.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Moved>);

/// What a meter showed at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Whole messages that went from the frontend to the backend.
    pub frontend_messages: u64,
    /// Their bytes, frames added up.
    pub frontend_bytes: u64,
    /// Whole messages that went from the backend to the frontend.
    pub backend_messages: u64,
    /// Their bytes, frames added up.
    pub backend_bytes: u64,
}

impl Meter {
    /// Hands on what `work` says, and counts the messages and bytes that it returns.
    pub(super) fn count<T>(&self, way: Way, work: impl FnOnce() -> (usize, u64, T)) -> T {
        let mut moved = self.0.lock();
        let (messages, bytes, rest) = work();
        match way {
            Way::Forth => {
                moved.frontend_messages += messages as u64;
                moved.frontend_bytes += bytes;
            }
            Way::Back => {
                moved.backend_messages += messages as u64;
                moved.backend_bytes += bytes;
            }
        }
        rest
    }

    /// What has been moved so far.
    pub fn read(&self) -> Moved {
        *self.0.lock()
    }
}
