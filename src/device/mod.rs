//! Devices: whole messages moved between two sockets, on a native thread or in the calling one.
//!
//! [`engine`] is the one proxy loop behind all of them. It takes its [`batch`]es from one [`side`] and hands them to the
//! other, sends copies to a [`capture`] socket, counts in a [`meter`], and looks between two rounds at what others want of
//! it: at the [`steer`], by which this process pauses and stops it, and at the [`control`] socket of a steerable proxy.
//! [`handle`] gives an engine its own thread, and [`farewell`] ends it so that nothing is lost.

pub mod batch;
pub mod capture;
pub mod control;
pub mod engine;
pub mod farewell;
pub mod handle;
pub mod meter;
pub mod side;
pub mod steer;
#[cfg(test)]
mod tests;

pub use capture::{Capture, Prefixes};
pub use engine::Engine;
pub use farewell::Farewell;
pub use handle::{Device, DeviceGauge};
pub use meter::{Meter, Moved};
pub use steer::{Phase, Steer};

use zmq_sys::{ZMQ_DISH, ZMQ_GATHER, ZMQ_PUB, ZMQ_PULL, ZMQ_PUSH, ZMQ_RADIO, ZMQ_SCATTER, ZMQ_SUB, ZMQ_XPUB, ZMQ_XSUB};

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the frontend to the backend.
    Forth,
    /// From the backend to the frontend.
    Back,
}

fn is_one_of(kind: i32, kinds: &[u32]) -> bool {
    u32::try_from(kind).is_ok_and(|kind| kinds.contains(&kind))
}

/// Whether messages come out of a socket of this type.
pub fn receives(kind: i32) -> bool {
    !is_one_of(kind, &[ZMQ_PUSH, ZMQ_PUB, ZMQ_RADIO, ZMQ_SCATTER])
}

/// Whether messages go into a socket of this type.
pub fn sends(kind: i32) -> bool {
    !is_one_of(kind, &[ZMQ_PULL, ZMQ_SUB, ZMQ_DISH, ZMQ_GATHER])
}

/// Whether what comes out of a socket of this type is never answered: an XSUB sends subscriptions only.
fn is_source(kind: i32) -> bool {
    is_one_of(kind, &[ZMQ_PULL, ZMQ_SUB, ZMQ_XSUB])
}

/// Whether a socket of this type always has room, since it drops what a slow peer does not take.
fn is_lossy(kind: i32) -> bool {
    is_one_of(kind, &[ZMQ_PUB, ZMQ_XPUB])
}
