//! A context: the family of sockets that share I/O threads and inproc names, and how it ends without hanging anybody.
//!
//! zmq_ctx_term blocks until every socket is closed and lingered out, for ever by default. So it runs on a thread of its
//! own, and whoever asked for it waits in `wait.rs` like everybody else: a signal ends the wait, not the ending.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::auth::Guard;
use crate::error::{errno, Error, Result};
use crate::event::Event;
use crate::explain::describe;
use crate::ffi::{fork_generation, RawContext, RawSocket};
use crate::fork::{of_this_process, GENERATIONS};
use crate::monitor::Hub;
use crate::socket::{Shared, Socket};
use crate::underway::{Announced, Underway};
use crate::wait::{Deadline, Interrupt};

/// Sockets that libzmq may open beyond what the user asked for: two for each watched socket, three for a monitored one.
const SPARE_SOCKETS: i32 = 1024;
/// libzmq's own default of `ZMQ_MAX_SOCKETS`.
const MAX_SOCKETS: usize = 1023;

/// A handle to a context; clones name the same one.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

pub(crate) struct Inner {
    raw: Mutex<Life>,
    underway: Underway,
    generation: u64,
    /// Left to end by itself: to its users it has ended.
    abandoned: AtomicBool,
    max_sockets: AtomicUsize,
    next_id: AtomicU64,
    /// Every open socket that a user made.
    sockets: Mutex<HashMap<u64, Weak<Shared>>>,
    pub(crate) hub: Hub,
    /// Decides who may connect, once a server has a list of clients.
    guard: Mutex<Option<Arc<Guard>>>,
}

enum Life {
    Open(RawContext),
    /// A termination under way.
    Ending(Arc<Event>),
}

/// The contexts of a process, for what concerns all: who holds a port, and the end.
struct Registry {
    contexts: Mutex<Vec<Weak<Inner>>>,
    /// Endings whose context is gone already, but which may still deliver.
    endings: Mutex<Vec<Weak<Event>>>,
}

fn registry() -> &'static Registry {
    static REGISTRIES: [Registry; GENERATIONS] =
        [const { Registry { contexts: Mutex::new(Vec::new()), endings: Mutex::new(Vec::new()) } }; GENERATIONS];
    of_this_process(&REGISTRIES)
}

impl Context {
    /// A new context with `io_threads` threads of libzmq, which start with the first socket.
    pub fn new(io_threads: i32) -> Result<Self> {
        let raw = RawContext::new()?;
        raw.set(zmq_sys::ZMQ_IO_THREADS as i32, io_threads)
            .map_err(|error| error.or_explain(|| format!("a context has 0 or more I/O threads, not {io_threads}")))?;
        raw.set(zmq_sys::ZMQ_MAX_SOCKETS as i32, MAX_SOCKETS as i32 + SPARE_SOCKETS)?;
        let inner = Arc::new(Inner {
            raw: Mutex::new(Life::Open(raw)),
            underway: Underway::default(),
            generation: fork_generation(),
            abandoned: AtomicBool::new(false),
            max_sockets: AtomicUsize::new(MAX_SOCKETS),
            next_id: AtomicU64::new(1),
            sockets: Mutex::default(),
            hub: Hub::default(),
            guard: Mutex::default(),
        });
        let mut all = registry().contexts.lock();
        all.retain(|context| context.strong_count() > 0);
        all.push(Arc::downgrade(&inner));
        drop(all);
        Ok(Context(inner))
    }

    /// Opens a socket of a libzmq type.
    ///
    /// # Errors
    /// EINVAL for an unknown type, EMFILE at the limit, ETERM when the context ends.
    pub fn socket(&self, kind: i32) -> Result<Socket> {
        self.check_fork()?;
        let open = self.0.sockets.lock().len();
        let limit = self.0.max_sockets.load(Ordering::Relaxed);
        if open >= limit {
            return Err(Error::explained(
                errno::EMFILE,
                format!("this context has {open} open sockets and allows {limit} (MAX_SOCKETS): close some, or set it before the first socket"),
            ));
        }
        Socket::open(self, kind).map_err(|error| match error.errno() {
            errno::EINVAL => error.or_explain(|| format!("{kind} is no socket type")),
            _ => error,
        })
    }

    /// Sets a context option.
    pub fn set(&self, option: i32, value: i32) -> Result<()> {
        self.with_raw(|raw| {
            if option == zmq_sys::ZMQ_MAX_SOCKETS as i32 {
                let limit = usize::try_from(value).unwrap_or(0);
                if limit == 0 || value > raw.get(zmq_sys::ZMQ_SOCKET_LIMIT as i32)? {
                    return Err(Error::zmq(errno::EINVAL));
                }
                raw.set(option, value.saturating_add(SPARE_SOCKETS)).or_else(|_| raw.set(option, value))?;
                self.0.max_sockets.store(limit, Ordering::Relaxed);
                return Ok(());
            }
            raw.set(option, value)
        })
    }

    /// A context option.
    pub fn get(&self, option: i32) -> Result<i32> {
        if option == zmq_sys::ZMQ_MAX_SOCKETS as i32 {
            let limit = self.0.max_sockets.load(Ordering::Relaxed);
            return self.with_raw(|_| Ok(i32::try_from(limit).unwrap_or(i32::MAX)));
        }
        self.with_raw(|raw| raw.get(option))
    }

    /// The address of libzmq's context, as other bindings take it.
    pub fn address(&self) -> Result<usize> {
        self.with_raw(|raw| Ok(raw.address()))
    }

    /// Whether it is the same one.
    pub(crate) fn is(&self, other: &Context) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the context has ended.
    pub fn closed(&self) -> bool {
        // In a forked child it never ends, and nobody gives back a lock that another thread had as it forked.
        if self.check_fork().is_err() {
            return false;
        }
        match &*self.0.raw.lock() {
            Life::Open(_) => false,
            Life::Ending(ending) => ending.is_set() || self.0.abandoned.load(Ordering::Acquire),
        }
    }

    /// Announces a bind or connect of one of its sockets, which the end of the context then lets finish. Never waits.
    pub fn announce(&self) -> Option<Announced> {
        self.check_fork().ok().and_then(|()| self.0.underway.announce())
    }

    /// Makes every call on its sockets fail with ETERM. Waits for nothing but binds and connects that are under way.
    pub fn shutdown(&self) -> Result<()> {
        self.check_fork()?;
        self.0.underway.finish();
        match &*self.0.raw.lock() {
            Life::Open(raw) => raw.shutdown(),
            Life::Ending(_) => Ok(()),
        }
    }

    /// Ends the context: waits until every socket is closed and has delivered or lingered out.
    ///
    /// # Errors
    /// EAGAIN at the deadline and [`Error::Interrupted`] leave the ending under way: call it again to wait for it.
    pub fn term(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        self.check_fork()?;
        let ending = self.0.begin_ending();
        ending.wait(deadline, interrupt)
    }

    /// Ends because nobody uses it any more: closes its sockets as [`Socket::abandon`] does, and waits for no delivery.
    ///
    /// Returns what each socket was that was still open.
    pub fn abandon(&self, patience: Duration) -> Vec<String> {
        if self.check_fork().is_err() {
            return Vec::new();
        }
        // Before the ending begins: in a context that is shut down, a socket cannot see to it that its port is free.
        let open = self.sockets();
        let lines = open.iter().map(describe).collect();
        for socket in open {
            socket.abandon(patience);
        }
        self.0.begin_ending();
        self.0.abandoned.store(true, Ordering::Release);
        lines
    }

    /// The handler of this context's lists of clients, which the first call starts. It ends with the context.
    ///
    /// # Errors
    /// EADDRINUSE if the program has a ZAP handler of its own here, ETERM when the context ends.
    pub fn guard(&self) -> Result<Arc<Guard>> {
        self.check_fork()?;
        let mut guard = self.0.guard.lock();
        if let Some(running) = guard.as_ref().filter(|guard| !guard.handler().has_ended()) {
            return Ok(running.clone());
        }
        let started = Arc::new(Guard::start(self)?);
        *guard = Some(started.clone());
        Ok(started)
    }

    /// Every open socket.
    pub fn sockets(&self) -> Vec<Socket> {
        let sockets = self.0.sockets.lock();
        sockets.values().filter_map(Socket::upgrade).collect()
    }

    pub(crate) fn register(&self, id: u64, socket: Weak<Shared>) {
        self.0.sockets.lock().insert(id, socket);
    }

    pub(crate) fn forget(&self, id: u64) {
        self.0.sockets.lock().remove(&id);
    }

    pub(crate) fn new_id(&self) -> u64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn raw_socket(&self, kind: i32) -> Result<RawSocket> {
        self.with_raw(|raw| raw.socket(kind))
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn check_fork(&self) -> Result<()> {
        if self.0.generation == fork_generation() {
            Ok(())
        } else {
            Err(Error::forked())
        }
    }

    fn with_raw<T>(&self, work: impl FnOnce(&RawContext) -> Result<T>) -> Result<T> {
        self.check_fork()?;
        match &*self.0.raw.lock() {
            Life::Open(raw) => work(raw),
            Life::Ending(_) => Err(Error::zmq(errno::ETERM)),
        }
    }
}

impl Inner {
    /// Starts the ending, once.
    fn begin_ending(&self) -> Arc<Event> {
        self.underway.finish();
        let mut life = self.raw.lock();
        if let Life::Ending(ending) = &*life {
            return ending.clone();
        }
        let ending = Arc::new(Event::default());
        let Life::Open(raw) = std::mem::replace(&mut *life, Life::Ending(ending.clone())) else {
            return ending;
        };
        drop(life);
        // Before the watches end: from now on libzmq's own ends of them never wait. A failure would mean that it is
        // shut down already.
        let _ = raw.shutdown();
        self.hub.stop();
        // It holds this context.
        drop(self.guard.lock().take());
        let mut endings = registry().endings.lock();
        endings.retain(|ending| ending.strong_count() > 0);
        endings.push(Arc::downgrade(&ending));
        drop(endings);
        let worker = ending.clone();
        let finish = move || {
            raw.term();
            worker.set();
        };
        // Without a thread to be had, the context is leaked rather than anybody blocked; the wait below then ends only
        // at its deadline or by a signal.
        let _ = std::thread::Builder::new().name("brokerless-term".into()).spawn(finish);
        ending
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.generation == fork_generation() {
            // No socket is left (each holds its context), so this only waits for lingering messages: not here.
            self.begin_ending();
        }
    }
}

/// The context of this process that libzmq has at an address.
pub fn at(address: usize) -> Option<Context> {
    let contexts: Vec<Arc<Inner>> = registry().contexts.lock().iter().filter_map(Weak::upgrade).collect();
    contexts.into_iter().map(Context).find(|context| context.address().is_ok_and(|own| own == address))
}

/// The open socket of this process that libzmq has at an address.
pub fn socket_at(address: usize) -> Option<Socket> {
    all_sockets().into_iter().find(|socket| socket.address().is_ok_and(|own| own == address))
}

/// The open sockets of every context of this process.
pub(crate) fn all_sockets() -> Vec<Socket> {
    let contexts: Vec<Arc<Inner>> = registry().contexts.lock().iter().filter_map(Weak::upgrade).collect();
    contexts.into_iter().flat_map(|context| Context(context).sockets()).collect()
}

/// The sockets of this process that are bound to the same port or path.
pub(crate) fn holders(endpoint: &str) -> Vec<Socket> {
    let place = |endpoint: &str| -> Option<String> {
        let (transport, address) = endpoint.split_once("://")?;
        let end = if transport == "tcp" { address.rsplit_once(':')?.1 } else { address };
        Some(format!("{transport}:{end}"))
    };
    let Some(wanted) = place(endpoint) else {
        return Vec::new();
    };
    let has = |socket: &Socket| {
        let mut bound = socket.endpoints().into_iter().filter(|at| at.bound);
        bound.any(|at| place(&at.endpoint).as_deref() == Some(&wanted))
    };
    all_sockets().into_iter().filter(has).collect()
}

static EXITING: AtomicBool = AtomicBool::new(false);

/// Whether [`flush_at_exit`] has begun: a call that fails from now on need not tell anybody.
pub fn exiting() -> bool {
    EXITING.load(Ordering::Acquire)
}

/// How long the messages of a socket that has no peer may wait for one at the end of the process: enough for a
/// connection just asked for, too short to be felt.
const UNCONNECTED: Duration = Duration::from_millis(100);

/// At the end of the process: closes what is open and lets undelivered messages leave, for at most `patience`.
///
/// Returns a line for each socket whose messages may not have been delivered.
pub fn flush_at_exit(patience: Duration, interrupt: &mut dyn Interrupt) -> Vec<String> {
    EXITING.store(true, Ordering::Release);
    let start = Instant::now();
    let contexts: Vec<Arc<Inner>> = registry().contexts.lock().iter().filter_map(Weak::upgrade).collect();
    let mut lost = Vec::new();
    for context in contexts.into_iter().map(Context).filter(|context| context.check_fork().is_ok()) {
        let mut sockets = Vec::new();
        for socket in context.sockets() {
            let alone = socket.peers_known() == Some(0);
            let linger = if alone { patience.min(UNCONNECTED) } else { patience };
            let sent = socket.stats().messages_sent;
            sockets.push((linger, sent, describe(&socket)));
            socket.abandon(linger);
        }
        let ending = context.0.begin_ending();
        // A little more than the longest linger, for the sockets to be reaped in.
        let limit = patience.saturating_sub(start.elapsed()) + Duration::from_millis(50);
        let done = ending.wait(Deadline::after(limit), interrupt).is_ok();
        // libzmq counts in whole milliseconds, and so may give up a little early.
        let took = start.elapsed() + Duration::from_millis(5);
        let late = |(linger, sent, _): &(Duration, u64, String)| *sent > 0 && (!done || took >= *linger);
        let lines = sockets.into_iter().filter(late);
        lost.extend(lines.map(|(_, sent, what)| format!("{what}, {sent} sent")));
        if !done && lost.is_empty() {
            lost.push("a socket that was closed before".into());
        }
    }
    // Contexts that are gone already, with sockets that linger.
    let endings: Vec<Arc<Event>> = registry().endings.lock().iter().filter_map(Weak::upgrade).collect();
    for ending in endings {
        let limit = patience.saturating_sub(start.elapsed()) + Duration::from_millis(50);
        if lost.is_empty() && ending.wait(Deadline::after(limit), interrupt).is_err() {
            lost.push("a socket of a context that ended before".into());
        }
    }
    lost
}
