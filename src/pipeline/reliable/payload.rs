//! What a job or a result carries: the frames behind the first one of a message, which no ledger looks into.

use serde_json::json;

use crate::message::{Frames, Message};

/// What the ledgers need to know of what they keep.
pub trait Payload: Sized {
    /// Its size.
    fn bytes(&self) -> u64;
    /// Nothing at all.
    fn nothing() -> Self;
    /// In place of a job that is given up: what the collector is told of it.
    fn given_up(self, fate: &Fate<'_>) -> Self;
}

/// What became of a job that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate<'a> {
    /// Its number.
    pub number: u64,
    /// To how many workers it was given, each of which ended.
    pub deliveries: u16,
    /// The last of them.
    pub worker: &'a str,
}

/// How large a job may be that is sent along with its error.
pub const SHOWN: usize = 64 * 1024;

impl Payload for Frames {
    fn bytes(&self) -> u64 {
        self.iter().map(|frame| frame.len() as u64).sum()
    }

    fn nothing() -> Self {
        Vec::new()
    }

    fn given_up(self, fate: &Fate<'_>) -> Self {
        let text = format!(
            "job {} was given to {} workers, and each of them ended or fell silent: it is not given to another",
            fate.number, fate.deliveries
        );
        let told = json!({
            "type": "WorkerLost",
            "text": text,
            "traceback": "",
            "worker": fate.worker,
        });
        // Without memory for the words there is still the status.
        let mut frames: Frames = Message::from_slice(told.to_string().as_bytes()).into_iter().collect();
        if self.bytes() <= SHOWN as u64 {
            frames.extend(self);
        }
        frames
    }
}

/// The same frames once more.
///
/// # Errors
/// ENOMEM.
pub fn share(frames: &mut Frames) -> crate::error::Result<Frames> {
    frames.iter_mut().map(Message::share).collect()
}
