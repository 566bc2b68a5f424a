//! The pipeline that loses nothing: each job is acknowledged when its result is with the collector, and given to another
//! worker if that does not happen.
//!
//! [`wire`] is what is said, byte by byte. What each role knows and decides is a ledger without sockets, clocks or threads,
//! into which events go and out of which comes what is to be said: [`dispatch`] that of a producer, [`desk`] that of a
//! worker, [`intake`] that of a collector. [`party`] is the native thread that carries messages between a ledger and its
//! sockets, and how others wait for it; [`producer`], [`worker`] and [`collector`] are the handles of the three, and
//! [`figures`] what can be seen of them. [`payload`] is what is carried.

pub mod collector;
pub mod desk;
pub mod dispatch;
pub mod figures;
pub mod intake;
pub mod party;
pub mod payload;
pub mod producer;
#[cfg(test)]
mod tests;
pub mod wire;
pub mod worker;

use std::sync::Arc;

/// Where a peer of a ROUTER is: its routing id.
pub type Route = Arc<[u8]>;
