//! libzmq's messages. With its parent the only file of the core with `unsafe`.

use std::ffi::{c_void, CStr};

use zmq_sys as sys;

use super::{check, failed};
use crate::error::{Error, Result};
use crate::message::GROUP_MAX_LENGTH;

/// A message frame: libzmq's own 64 bytes, with small content inline.
pub struct Message(pub(super) sys::zmq_msg_t);

// SAFETY: libzmq messages may move between threads; shared content is counted atomically. (They are not Sync: reading
// the data pointer takes `&mut` in C, and sharing writes to the source.)
unsafe impl Send for Message {}

impl Message {
    /// An empty frame.
    pub fn new() -> Self {
        let mut raw = sys::zmq_msg_t::default();
        // SAFETY: initialises `raw`; cannot fail.
        unsafe { sys::zmq_msg_init(&mut raw) };
        Message(raw)
    }

    /// A frame with a copy of `data`. ENOMEM is its only error.
    pub fn from_slice(data: &[u8]) -> Result<Self> {
        let mut raw = sys::zmq_msg_t::default();
        // SAFETY: initialises `raw` from `data`, which it copies.
        check(unsafe { sys::zmq_msg_init_buffer(&mut raw, data.as_ptr().cast(), data.len()) })?;
        Ok(Message(raw))
    }

    /// A frame around memory that somebody else owns: libzmq reads it in place, and drops the owner once it is done.
    ///
    /// That may happen in any thread, libzmq's own among them, and under a socket's lock: the owner's drop must not block.
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Result<Self> {
        unsafe extern "C" fn release<T>(_data: *mut c_void, owner: *mut c_void) {
            // SAFETY: the box given away below, which libzmq hands back once.
            drop(unsafe { Box::from_raw(owner.cast::<T>()) });
        }
        let mut raw = sys::zmq_msg_t::default();
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: the box is alive, and stays where it is until `release`; nobody else reaches it, so that the bytes that
        // it lends stay too. libzmq only reads them.
        let rc = unsafe {
            let bytes = (*owner).as_ref();
            let data = bytes.as_ptr().cast_mut().cast();
            sys::zmq_msg_init_data(&mut raw, data, bytes.len(), Some(release::<T>), owner.cast())
        };
        if rc == -1 {
            let error = failed();
            // SAFETY: libzmq has not taken it.
            drop(unsafe { Box::from_raw(owner) });
            return Err(error);
        }
        Ok(Message(raw))
    }

    /// The frame's bytes.
    pub fn as_slice(&self) -> &[u8] {
        let len = self.len();
        if len == 0 {
            return &[];
        }
        // SAFETY: an initialised message's data is `len` bytes, and stays put while `self` is borrowed: only sending,
        // moving or closing it (all by `&mut self` or by value) changes it. zmq_msg_data takes `*mut` but only reads.
        unsafe {
            let data = sys::zmq_msg_data((&raw const self.0).cast_mut());
            std::slice::from_raw_parts(data.cast::<u8>(), len)
        }
    }

    /// The frame's size in bytes.
    pub fn len(&self) -> usize {
        // SAFETY: an initialised message.
        unsafe { sys::zmq_msg_size(&self.0) }
    }

    /// Whether the frame has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether more frames of the same message follow.
    pub fn more(&self) -> bool {
        // SAFETY: an initialised message.
        unsafe { sys::zmq_msg_more(&self.0) != 0 }
    }

    /// Another frame with the same content: copied when it is small, shared when it is not.
    pub fn share(&mut self) -> Result<Self> {
        let mut copy = Message::new();
        // SAFETY: both are initialised messages, and `&mut self` keeps every other thread from the source.
        check(unsafe { sys::zmq_msg_copy(&mut copy.0, &mut self.0) })?;
        Ok(copy)
    }

    /// A property of the connection that it came by, such as "Peer-Address" or "Socket-Type".
    pub fn property(&self, name: &CStr) -> Option<String> {
        // SAFETY: an initialised message and a NUL-terminated string. The answer lives as long as the message, and is
        // copied here.
        unsafe {
            let value = sys::zmq_msg_gets(&self.0, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_string_lossy().into_owned())
        }
    }

    /// The peer that it came from, or goes to, for SERVER and PEER; 0 is none.
    pub fn routing_id(&mut self) -> u32 {
        // SAFETY: an initialised message; it is only read.
        unsafe { sys::zmq_msg_routing_id(&mut self.0) }
    }

    /// Addresses it to a peer of a SERVER or PEER.
    pub fn set_routing_id(&mut self, routing_id: u32) -> Result<()> {
        // SAFETY: an initialised message; 0 is EINVAL.
        check(unsafe { sys::zmq_msg_set_routing_id(&mut self.0, routing_id) })
    }

    /// The group that it is for, for RADIO and DISH; empty is none.
    pub fn group(&mut self) -> String {
        // SAFETY: an initialised message; the answer is NUL-terminated, lives as long as it, and is copied here.
        unsafe { CStr::from_ptr(sys::zmq_msg_group(&mut self.0)) }.to_string_lossy().into_owned()
    }

    /// Sends it to a group.
    ///
    /// # Errors
    /// EINVAL for a name that libzmq would cut off.
    pub fn set_group(&mut self, group: &CStr) -> Result<()> {
        if group.count_bytes() > GROUP_MAX_LENGTH {
            return Err(Error::zmq(libc::EINVAL));
        }
        // SAFETY: an initialised message and a NUL-terminated string, which libzmq copies.
        check(unsafe { sys::zmq_msg_set_group(&mut self.0, group.as_ptr()) })
    }

    /// A numeric property: `ZMQ_MORE`, `ZMQ_SHARED`.
    pub fn get(&self, property: i32) -> Result<i32> {
        // SAFETY: an initialised message; unknown properties are EINVAL.
        let value = unsafe { sys::zmq_msg_get(&self.0, property) };
        check(value)?;
        Ok(value)
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: an initialised message; it is not used again.
        unsafe { sys::zmq_msg_close(&mut self.0) };
    }
}
