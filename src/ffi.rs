//! The only file of the core with `unsafe`: libzmq's C calls, each wrapped so that no caller can misuse it.
//!
//! The crate `zmq` owns the sockets (`zmq::Socket`) and answers the process-wide questions; what it lacks or panics
//! about goes through `zmq-sys`: errno values it does not know, contexts that end without blocking, message copies,
//! untyped options, versioned monitors.
#![allow(unsafe_code)]

mod message;
mod tcp;

use std::ffi::{c_int, c_void, CStr, CString};
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Once;

use parking_lot::lock_api::{MutexGuard, RawMutex};
use zmq_sys as sys;

pub use self::message::Message;
pub use self::tcp::{traffic, Traffic};
use crate::error::{Error, Result};
use crate::lock::{Lock, Pass};

static FORKS: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between this process and the first one that loaded this library.
///
/// A socket remembers the number it was made under; a different one means that it belongs to a parent process.
#[inline]
pub fn fork_generation() -> u64 {
    static HOOK: Once = Once::new();
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    if !HOOK.is_completed() {
        HOOK.call_once(|| {
            // SAFETY: the handler is a plain function that only adds to an atomic, which is async-signal-safe. It lives
            // as long as this library, which Python never unloads. ENOMEM leaves the count at 0: nothing else breaks.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
    }
    FORKS.load(Ordering::Relaxed)
}

// SAFETY: one thread at a time is inside a Lock: see there.
unsafe impl RawMutex for Lock {
    type Guard = Pass;

    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Lock::new();

    #[inline]
    fn lock(&self) -> Pass {
        self.enter()
    }

    fn try_lock(&self) -> Option<Pass> {
        self.try_enter()
    }

    #[inline]
    unsafe fn unlock(&self, pass: Pass) {
        match pass {
            Pass::Owner => self.leave_as_owner(),
            Pass::Mutex(guard) => {
                self.leave_by_mutex();
                // SAFETY: the pass says that the mutex was locked, with this guard.
                unsafe { self.mutex.unlock(guard) }
            }
        }
    }

    fn is_locked(&self) -> bool {
        self.is_taken()
    }
}

/// The lock by which somebody is inside.
pub fn lock_of<'a, T>(guard: &MutexGuard<'a, Lock, T>) -> &'a Lock {
    // SAFETY: what must not be done with it is to unlock it, and only `unlock` above does that to the mutex.
    unsafe { MutexGuard::mutex(guard).raw() }
}

/// A number that is this thread's alone among those that live, and is not 0: cheaper than a thread-local of ours, which in a
/// shared library is found by a function call.
#[inline]
pub fn this_thread() -> usize {
    // SAFETY: no arguments; it cannot fail. It is a number here as everywhere on Linux.
    unsafe { libc::pthread_self() as usize }
}

/// What poll(2) is given: the number alone.
pub fn borrow_fd(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: -1 is the only value that must not be borrowed, and is replaced. The result goes to poll(2) only, which
    // answers POLLNVAL for a descriptor that another thread has closed meanwhile; nothing is read, written or closed.
    unsafe { BorrowedFd::borrow_raw(if fd < 0 { c_int::MAX } else { fd }) }
}

/// The errno that the last failed libzmq call left on this thread.
pub fn last_errno() -> i32 {
    // SAFETY: reads a thread-local.
    unsafe { sys::zmq_errno() }
}

#[cold]
fn failed() -> Error {
    Error::zmq(last_errno())
}

#[inline]
fn check(rc: c_int) -> Result<()> {
    if rc == -1 {
        Err(failed())
    } else {
        Ok(())
    }
}

/// A call that does not wait, again if a signal came in the middle: libzmq has done nothing then. Whoever waits lets the
/// embedding language see to the signal; a call that does not is over before it could.
#[inline(always)]
fn uninterrupted(mut call: impl FnMut() -> c_int) -> Result<()> {
    while call() == -1 {
        let error = failed();
        if error.errno() != libc::EINTR {
            return Err(error);
        }
    }
    Ok(())
}

/// What libzmq calls an errno.
pub fn strerror(errno: i32) -> String {
    // SAFETY: libzmq answers every number with a static string, or with strerror(3)'s, which is copied at once.
    let text = unsafe { CStr::from_ptr(sys::zmq_strerror(errno)) };
    text.to_string_lossy().into_owned()
}

/// libzmq's own version.
pub fn version() -> (i32, i32, i32) {
    zmq::version()
}

/// Whether libzmq was built with a capability: "curve", "ipc", "draft"...
pub fn has(capability: &str) -> bool {
    // An odd name is a capability that nobody has.
    CString::new(capability).is_ok_and(|name| {
        // SAFETY: a NUL-terminated string that outlives the call.
        unsafe { sys::zmq_has(name.as_ptr()) == 1 }
    })
}

/// A CURVE key pair (public, secret), 40 Z85 characters each.
pub fn curve_keypair() -> Result<([u8; 40], [u8; 40])> {
    let (mut public, mut secret) = ([0u8; 41], [0u8; 41]);
    // SAFETY: both buffers have the 41 bytes that libzmq writes.
    check(unsafe { sys::zmq_curve_keypair(public.as_mut_ptr().cast(), secret.as_mut_ptr().cast()) })?;
    let text = |key: [u8; 41]| std::array::from_fn(|i| key[i]);
    Ok((text(public), text(secret)))
}

/// The public key that belongs to a secret one.
pub fn curve_public(secret: &[u8]) -> Result<[u8; 40]> {
    let secret = CString::new(secret).map_err(|_| Error::invalid("a key has no NUL in it"))?;
    let mut public = [0u8; 41];
    // SAFETY: `public` has the 41 bytes that libzmq writes; `secret` is NUL-terminated, and libzmq checks its length.
    check(unsafe { sys::zmq_curve_public(public.as_mut_ptr().cast(), secret.as_ptr()) })?;
    Ok(std::array::from_fn(|i| public[i]))
}

/// A libzmq context. Ending it is [`RawContext::term`]'s business alone: dropping it leaks rather than blocks.
pub struct RawContext(*mut c_void);

// SAFETY: zmq.h: contexts are thread-safe.
unsafe impl Send for RawContext {}
// SAFETY: as above.
unsafe impl Sync for RawContext {}

impl RawContext {
    /// A new context: no thread yet; libzmq starts them with the first socket.
    pub fn new() -> Result<Self> {
        // SAFETY: no arguments.
        let raw = unsafe { sys::zmq_ctx_new() };
        if raw.is_null() {
            return Err(failed());
        }
        Ok(RawContext(raw))
    }

    /// Sets a context option.
    pub fn set(&self, option: i32, value: i32) -> Result<()> {
        // SAFETY: a context that was not terminated (`term` takes it by value).
        check(unsafe { sys::zmq_ctx_set(self.0, option, value) })
    }

    /// A context option.
    pub fn get(&self, option: i32) -> Result<i32> {
        // SAFETY: as in `set`.
        let value = unsafe { sys::zmq_ctx_get(self.0, option) };
        // ZMQ_THREAD_SCHED_POLICY, which every context has, and where -1 is a value: the system's default.
        const POLICY: i32 = 4;
        if option != POLICY {
            check(value)?;
        }
        Ok(value)
    }

    /// Makes every blocking and future call on its sockets fail with ETERM. Does not block.
    pub fn shutdown(&self) -> Result<()> {
        // SAFETY: as in `set`.
        check(unsafe { sys::zmq_ctx_shutdown(self.0) })
    }

    /// Blocks until every socket is closed and its linger is over, then frees the context.
    pub fn term(self) {
        // SAFETY: as in `set`; on EINTR libzmq asks to be called again, on success the pointer is never used again.
        unsafe { while sys::zmq_ctx_term(self.0) == -1 && last_errno() == libc::EINTR {} }
    }

    /// The context's address, as other bindings take it.
    pub fn address(&self) -> usize {
        self.0 as usize
    }

    /// A new socket of a libzmq type.
    pub fn socket(&self, kind: i32) -> Result<RawSocket> {
        // SAFETY: as in `set`; an unknown type is EINVAL.
        let raw = unsafe { sys::zmq_socket(self.0, kind) };
        if raw.is_null() {
            return Err(failed());
        }
        // SAFETY: a fresh socket that nobody else owns.
        let socket = unsafe { zmq::Socket::from_raw(raw) };
        let mut socket = RawSocket {
            raw,
            socket: ManuallyDrop::new(socket),
            bell: std::ptr::null_mut(),
            generation: fork_generation(),
        };
        socket.hang_bell()?;
        Ok(socket)
    }
}

/// A libzmq socket with one owner. Every call on it must come under one lock: libzmq's sockets are not thread-safe.
pub struct RawSocket {
    raw: *mut c_void,
    /// The owner; dropped by hand, since its own drop panics where zmq_close fails.
    socket: ManuallyDrop<zmq::Socket>,
    /// A poller of libzmq, for the types that have no descriptor of their own (CLIENT, RADIO...); else NULL.
    bell: *mut c_void,
    generation: u64,
}

// SAFETY: zmq.h allows a socket to migrate between threads with a full fence, which the lock around it is.
unsafe impl Send for RawSocket {}

impl RawSocket {
    /// Binds. (`zmq::Socket::bind` panics on a NUL and on errno values it does not know.)
    pub fn bind(&self, endpoint: &CStr) -> Result<()> {
        // SAFETY: a live socket and a NUL-terminated string; likewise in the next three.
        uninterrupted(|| unsafe { sys::zmq_bind(self.raw, endpoint.as_ptr()) })
    }

    /// Connects.
    pub fn connect(&self, endpoint: &CStr) -> Result<()> {
        // SAFETY: as in `bind`.
        uninterrupted(|| unsafe { sys::zmq_connect(self.raw, endpoint.as_ptr()) })
    }

    /// Ends a bind. The port is free a moment later, when an I/O thread has closed the listener.
    pub fn unbind(&self, endpoint: &CStr) -> Result<()> {
        // SAFETY: as in `bind`.
        uninterrupted(|| unsafe { sys::zmq_unbind(self.raw, endpoint.as_ptr()) })
    }

    /// Ends a connect.
    pub fn disconnect(&self, endpoint: &CStr) -> Result<()> {
        // SAFETY: as in `bind`.
        uninterrupted(|| unsafe { sys::zmq_disconnect(self.raw, endpoint.as_ptr()) })
    }

    /// Queues a copy of `data`, without waiting.
    #[inline]
    pub fn send_bytes(&self, data: &[u8], flags: i32) -> Result<()> {
        let flags = flags | sys::ZMQ_DONTWAIT as c_int;
        // SAFETY: a live socket and `data.len()` readable bytes, which libzmq copies.
        uninterrupted(|| unsafe { sys::zmq_send(self.raw, data.as_ptr().cast(), data.len(), flags) })
    }

    /// Queues a message, without waiting. It is consumed only if it went.
    pub fn send_message(&self, message: &mut Message, flags: i32) -> Result<()> {
        let flags = flags | sys::ZMQ_DONTWAIT as c_int;
        // SAFETY: a live socket and an initialised message, which libzmq leaves initialised (empty) once sent.
        uninterrupted(|| unsafe { sys::zmq_msg_send(&mut message.0, self.raw, flags) })
    }

    /// Takes a frame from the queue, without waiting.
    #[inline]
    pub fn recv(&self, message: &mut Message) -> Result<()> {
        let flags = sys::ZMQ_DONTWAIT as c_int;
        // SAFETY: a live socket and an initialised message, which libzmq releases before it fills it.
        uninterrupted(|| unsafe { sys::zmq_msg_recv(&mut message.0, self.raw, flags) })
    }

    /// Sets an option from its bytes.
    pub fn set(&self, option: i32, value: &[u8]) -> Result<()> {
        // SAFETY: a live socket and `value.len()` readable bytes; libzmq checks option and length.
        uninterrupted(|| unsafe { sys::zmq_setsockopt(self.raw, option, value.as_ptr().cast(), value.len()) })
    }

    /// Reads an option into `value`; its length is returned.
    pub fn get(&self, option: i32, value: &mut [u8]) -> Result<usize> {
        let mut len = value.len();
        // SAFETY: a live socket and `len` writable bytes; libzmq never writes more and tells how many it wrote.
        uninterrupted(|| unsafe { sys::zmq_getsockopt(self.raw, option, value.as_mut_ptr().cast(), &mut len) })?;
        Ok(len)
    }

    /// Reports events, in format `version`, to a PAIR bound at an inproc endpoint; `None` stops it.
    pub fn monitor(&self, endpoint: Option<&CStr>, events: u64, version: i32) -> Result<()> {
        let endpoint = endpoint.map_or(std::ptr::null(), CStr::as_ptr);
        let kind = sys::ZMQ_PAIR as c_int;
        // SAFETY: a live socket, and NULL or a NUL-terminated string.
        uninterrupted(|| unsafe { sys::zmq_socket_monitor_versioned(self.raw, endpoint, events, version, kind) })
    }

    /// The socket's address, as other bindings take it.
    pub fn address(&self) -> usize {
        self.raw as usize
    }

    /// Joins a group (DISH).
    pub fn join(&self, group: &CStr) -> Result<()> {
        // SAFETY: as in `bind`; likewise in the next two.
        uninterrupted(|| unsafe { sys::zmq_join(self.raw, group.as_ptr()) })
    }

    /// Leaves a group (DISH).
    pub fn leave(&self, group: &CStr) -> Result<()> {
        // SAFETY: as in `join`.
        uninterrupted(|| unsafe { sys::zmq_leave(self.raw, group.as_ptr()) })
    }

    /// Connects, and returns the routing id of the peer (PEER).
    pub fn connect_peer(&self, endpoint: &CStr) -> Result<u32> {
        let mut routing_id = 0;
        uninterrupted(|| {
            // SAFETY: as in `join`; 0 is failure.
            routing_id = unsafe { sys::zmq_connect_peer(self.raw, endpoint.as_ptr()) };
            -c_int::from(routing_id == 0)
        })?;
        Ok(routing_id)
    }

    /// The descriptor that is readable when there may be something to do.
    pub fn fd(&self) -> Result<RawFd> {
        let mut fd: RawFd = -1;
        if self.has_bell() {
            // SAFETY: a live poller and room for its descriptor.
            check(unsafe { sys::zmq_poller_fd(self.bell, &mut fd) })?;
            return Ok(fd);
        }
        let mut value = fd.to_ne_bytes();
        self.get(sys::ZMQ_FD as c_int, &mut value)?;
        Ok(RawFd::from_ne_bytes(value))
    }

    /// Whether its descriptor is a poller's: libzmq never takes back what rings there, so that we must.
    pub fn has_bell(&self) -> bool {
        !self.bell.is_null()
    }

    /// libzmq's thread-safe types have no descriptor; a poller of libzmq has one for them.
    fn hang_bell(&mut self) -> Result<()> {
        let mut thread_safe = [0u8; 4];
        self.get(sys::ZMQ_THREAD_SAFE as c_int, &mut thread_safe)?;
        if thread_safe == [0u8; 4] {
            return Ok(());
        }
        let events = (sys::ZMQ_POLLIN | sys::ZMQ_POLLOUT) as std::ffi::c_short;
        // SAFETY: a new poller, and a live socket that is taken off it before its close (see Drop).
        unsafe {
            self.bell = sys::zmq_poller_new();
            if self.bell.is_null() {
                return Err(failed());
            }
            check(sys::zmq_poller_add(self.bell, self.raw, std::ptr::null_mut(), events))
        }
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        if self.generation != fork_generation() {
            // The parent's socket: closing it here would write to the parent's own eventfd.
            return;
        }
        if self.has_bell() {
            // SAFETY: a live poller, whose socket is still open; it is not used again.
            unsafe { sys::zmq_poller_destroy(&mut self.bell) };
        }
        // SAFETY: dropped once, here; `into_raw` gives up the owner, so that nothing else closes it. A live socket of
        // this process closes without failing; libzmq's reaper does the rest.
        unsafe { sys::zmq_close(ManuallyDrop::take(&mut self.socket).into_raw()) };
    }
}
