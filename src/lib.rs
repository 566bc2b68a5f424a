//! The core of brokerless: ZeroMQ that cannot hang or kill the process it runs in.
//!
//! Read it in this order. [`ffi`] wraps libzmq's C calls, and is the only part with `unsafe`; [`error`] is what they
//! return. [`wait`] is the one place where a thread sleeps, [`event`] what happens once, [`fork`] what a forked child
//! has for itself. [`context`] and [`socket`] build on them: a socket is a [`lock`] around libzmq's socket, and whose
//! turn it is the [`turns`] know; [`transfer`] sends and receives through it, [`batch`] many messages at once,
//! [`access`] reads and sets its options, whose types stand in the table of [`options`]; [`attach`] binds and connects
//! it, [`closing`] ends it, and a context that ends lets those go on that are [`underway`]. [`message`] is a frame and
//! [`endpoint`] an address that was checked. [`monitor`] knows what
//! happens on a socket's connections and tells users' monitors, [`presence`] and [`subscriptions`] say who is there,
//! [`survey`] what there is to see; [`facing`] knows which types go together, [`advice`] what a trouble means, and
//! [`explain`] puts a failure into words. [`request`] is the REQ that recovers, [`poller`] waits for many sockets, and
//! [`listener`] lets an event loop wait for one; [`trace`] writes down what passes, and a [`sampler`] how much when.
//! [`device`] moves messages between two sockets on a native thread; [`pipeline`] counts what a push/pull pipeline does, and
//! sees to it that the jobs of a reliable one get done;
//! [`json`] writes JSON as Python does, [`array`] reads what a message says of an array. [`auth`] says who may connect,
//! on a native thread, and [`z85`] is how keys are written.
//!
//! No file here knows Python, but those in [`python`], which the feature of that name turns on.

pub mod access;
pub mod advice;
pub mod array;
pub mod attach;
pub mod auth;
pub mod batch;
pub mod closing;
pub mod constants;
pub mod context;
pub mod device;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod explain;
pub mod facing;
pub mod ffi;
pub mod fork;
pub mod json;
pub mod listener;
pub mod lock;
pub mod message;
pub mod monitor;
pub mod options;
pub mod pipeline;
pub mod poller;
pub mod presence;
#[cfg(feature = "python")]
pub mod python;
pub mod request;
pub mod sampler;
pub mod socket;
#[cfg(test)]
mod storm;
pub mod subscriptions;
pub mod survey;
pub mod trace;
pub mod transfer;
pub mod turns;
pub mod underway;
pub mod wait;
pub mod z85;
