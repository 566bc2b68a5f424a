//! What happens on a socket's connections: who is there, who left, which listener has closed.
//!
//! A [`Watch`] reads libzmq's monitor events of one socket into a table. The first few sockets of a context are watched
//! from their first bind or connect on (a watch takes two of libzmq's sockets); others from the moment somebody asks.
//! The native thread of [`hub`] keeps reading, so that no queue of events grows behind a socket nobody looks at. Each
//! [`event`] that is read goes into the [`table`], and to the monitor of the user, if there is one: see [`report`].

mod event;
mod history;
mod hub;
mod report;
mod table;

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use crate::auth::Guard;
use crate::context::Context;
use crate::error::{errno, Error, Result};
use crate::ffi::RawSocket;
use crate::socket::{is_gone, Attached, Socket, State, ANY, POLLIN};
use crate::wait::{Deadline, Interrupt, Never, Waker};

pub(crate) use event::{port, Event};
pub use history::{Ill, Trouble};
pub use hub::Hub;
pub use report::MOST_WAITING;
use report::{unread, Report, Reports};
pub use table::{Link, Peer, Table};

/// How many sockets of a context are watched without being asked for.
pub const WATCHED: usize = 64;

/// Every event of libzmq's stable API but one: telling of a failed bind overwrites the errno that bind is about to report.
/// Who binds tells users of that: see [`Watch::announce`].
const EVENTS: u64 = (zmq_sys::ZMQ_EVENT_ALL & !zmq_sys::ZMQ_EVENT_BIND_FAILED) as u64;
/// Events with both endpoints.
const VERSION: i32 = 2;

impl Socket {
    /// Has a guard told of who fails at this socket before it is asked; once, for a server that is not bound yet.
    pub fn tell_guard(&self, guard: &Arc<Guard>, domain: &[u8]) -> Result<()> {
        // A second one is for the same server.
        let _ = self.watch_now()?.guard.set((Arc::downgrade(guard), domain.to_vec()));
        Ok(())
    }
}

/// The monitor of one socket.
pub struct Watch {
    /// Our end of libzmq's PAIR. Its lock orders the reading.
    events: Socket,
    name: CString,
    table: Mutex<Table>,
    /// What users want to be told. Its lock comes after that of `events`, which orders the telling, too.
    reports: Mutex<Reports>,
    /// Whether the hub's thread is told of events whose edge another thread has used up.
    heard: AtomicBool,
    /// Who is told of handshakes that fail before anybody is asked about them, and the domain of this socket.
    guard: OnceLock<(Weak<Guard>, Vec<u8>)>,
}

impl Watch {
    /// A watch that has not started.
    pub(crate) fn new(context: &Context, socket: u64) -> Result<Arc<Self>> {
        let events = Socket::internal(context, zmq_sys::ZMQ_PAIR as i32)?;
        // libzmq's I/O threads block on a full monitor: let it never be full.
        events.set_i32(zmq_sys::ZMQ_RCVHWM as i32, 0)?;
        events.set_i32(zmq_sys::ZMQ_LINGER as i32, 0)?;
        let name = format!("inproc://brokerless-watch-{socket}-{}", events.id());
        let name = CString::new(name).map_err(|_| Error::zmq(errno::EINVAL))?;
        Ok(Arc::new(Watch {
            events,
            name,
            table: Mutex::default(),
            reports: Mutex::default(),
            heard: AtomicBool::new(false),
            guard: OnceLock::new(),
        }))
    }

    /// Starts to watch a socket that is bound and connected to `endpoints`. The caller holds its lock.
    pub(crate) fn start(&self, raw: &RawSocket, endpoints: &[Attached]) -> Result<()> {
        let mut kind = [0u8; 4];
        raw.get(zmq_sys::ZMQ_TYPE as i32, &mut kind)?;
        {
            let mut table = self.table.lock();
            table.unshaken = i32::from_ne_bytes(kind) == zmq_sys::ZMQ_STREAM as i32;
            table.late = endpoints.iter().any(|at| !at.endpoint.starts_with("inproc:"));
        }
        self.reports.lock().know(endpoints);
        raw.monitor(Some(&self.name), EVENTS, VERSION)?;
        self.events.once(ANY, |state| state.raw()?.connect(&self.name))
    }

    /// Whether the socket was bound or connected before it was watched: some of its peers may not be known.
    pub(crate) fn is_late(&self) -> bool {
        self.table.lock().late
    }

    /// What is known now, without a copy of all of it.
    fn look<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        self.drain();
        look(&self.table.lock())
    }

    /// How many peers are connected now.
    pub(crate) fn connected(&self) -> usize {
        self.look(Table::connected)
    }

    /// What went wrong so far; what still is wrong comes first.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.look(|table| table.history.troubles())
    }

    /// The peers now, longest first.
    pub fn peers(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.look(|table| table.peers.values().cloned().collect());
        peers.sort_by_key(|peer| peer.since);
        peers
    }

    pub(crate) fn listeners_closed(&self) -> usize {
        self.look(|table| table.listeners_closed)
    }

    /// Keeps account of whether anybody was ever found at an endpoint that the socket is about to connect to.
    pub(crate) fn expect(&self, endpoint: &str) {
        self.table.lock().expected.insert(endpoint.to_owned());
    }

    /// A look at what the hub has read so far. Unlike [`Watch::peers`] it wakes nobody, so that who listens may look.
    pub(crate) fn glance<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.lock())
    }

    /// Wakes this waker with each change of the table, until [`Watch::unlisten`].
    pub(crate) fn listen(&self, waker: &Arc<Waker>) -> Result<()> {
        self.events.listen(waker, ANY)
    }

    /// Ends [`Watch::listen`].
    pub(crate) fn unlisten(&self, waker: &Arc<Waker>) {
        self.events.unlisten(waker);
    }

    /// Waits until the table is as asked.
    pub fn wait_for(
        &self,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
        mut holds: impl FnMut(&Table) -> bool,
    ) -> Result<()> {
        self.wait_while_open(deadline, interrupt, |table| holds(table).then_some(()).ok_or(table.closed))
    }

    /// [`Watch::wait_for`] a condition that holds (Ok), may come (Err(false)) or cannot come any more (Err(true)).
    fn wait_while_open(
        &self,
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
        mut state_of: impl FnMut(&Table) -> std::result::Result<(), bool>,
    ) -> Result<()> {
        self.events.run(ANY, deadline, interrupt, |state| {
            self.read(state)?;
            let table = self.table.lock();
            match state_of(&table) {
                Ok(()) => Ok(()),
                Err(over) if over || table.stopped => Err(Error::closed_while_waiting()),
                Err(_) => Err(Error::again()),
            }
        })
    }

    /// Waits until `count` listeners have closed: their ports are free then.
    pub(crate) fn wait_closed(&self, count: usize, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        let enough = |table: &Table| (table.listeners_closed >= count).then_some(()).ok_or(false);
        match self.wait_while_open(deadline, interrupt, enough) {
            // An I/O thread too busy to close in time does so later; a context that ends closes everything.
            Err(error) if error.is_again() || is_gone(&error) => Ok(()),
            done => done,
        }
    }

    /// Waits until the last connection of a closed socket has ended.
    pub(crate) fn wait_ended(&self, deadline: Deadline, interrupt: &mut dyn Interrupt) -> Result<()> {
        let ended = |table: &Table| table.stopped.then_some(()).ok_or(false);
        match self.wait_while_open(deadline, interrupt, ended) {
            Err(error) if is_gone(&error) => Ok(()),
            done => done,
        }
    }

    /// Closes a socket, and waits until its ports are free.
    ///
    /// They are not unbound first: that ends the connections of those who came by them, and what is still on its way to
    /// them is lost. zmq_close closes the listeners at once and lets the connections linger; its watch goes on until the
    /// last has ended, since libzmq would wait for ever to tell a watch that is gone.
    pub(crate) fn close(
        context: &Context,
        raw: RawSocket,
        watch: Option<Arc<Watch>>,
        endpoints: &[Attached],
        deadline: Deadline,
        interrupt: &mut dyn Interrupt,
    ) -> Result<()> {
        let (inproc, network): (Vec<_>, Vec<_>) =
            endpoints.iter().filter(|at| at.bound).partition(|at| at.endpoint.starts_with("inproc:"));
        let names = inproc.iter().filter_map(|at| CString::new(at.endpoint.as_str()).ok());
        for name in names {
            // Only the name is given up: who came by it stays connected. ETERM: the ending context has done it.
            let _ = raw.unbind(&name);
        }
        let listeners = network.len();
        let started = || -> Result<Arc<Watch>> {
            let watch = Watch::new(context, 0)?;
            watch.start(&raw, endpoints)?;
            Ok(watch)
        };
        let watch = match watch {
            None if listeners > 0 => started().ok(),
            watch => watch,
        };
        let Some(watch) = watch else {
            return Ok(());
        };
        let before = watch.listeners_closed();
        watch.table.lock().closed = true;
        watch.poke();
        if context.hub().see_off(&watch).is_err() {
            // No thread to be had, or the context ends: without a watch nothing waits for anybody.
            watch.end(&raw);
            return Ok(());
        }
        drop(raw);
        if listeners == 0 {
            return Ok(());
        }
        watch.wait_closed(before + listeners, deadline, interrupt)
    }

    /// Ends both ends of the PAIR, libzmq's first: it tells ours of its end with a send that would wait for ever for a
    /// peer that is gone, in an I/O thread or the reaper if need be.
    pub(crate) fn end(&self, raw: &RawSocket) {
        // ETERM: the ending context has stopped it already.
        let _ = raw.monitor(None, 0, VERSION);
        self.drain();
        self.stop();
    }

    /// Forgets the peers of an endpoint that this side gave up: libzmq reports no end for them. After its `last` endpoint,
    /// the socket has no peers that are not known.
    pub(crate) fn forget(&self, endpoint: &str, bound: bool, last: bool) {
        // What was told of them before comes first.
        self.drain();
        {
            let mut table = self.table.lock();
            table.late &= !last;
            table.forget(endpoint, bound);
        }
        self.events.poke();
    }

    /// Wakes who waits for the table to change.
    pub(crate) fn poke(&self) {
        self.events.poke();
    }

    fn stop(&self) {
        self.table.lock().stopped = true;
        self.reports.lock().close();
        self.events.poke();
        // Our end of the PAIR: nothing lingers there.
        let _ = self.events.close(Some(0), &mut Never);
    }

    /// Lets the hub's thread know, by this waker, of events that came while another thread looked: it reads them all.
    fn be_heard(&self, hub: &Arc<Waker>) {
        if !self.heard.swap(true, Ordering::Relaxed) {
            // A forked or closed PAIR has nothing to tell.
            let _ = self.events.listen(hub, POLLIN);
        }
    }

    /// Replaces the user's monitor, or ends it: what happened before is told to the former one.
    fn report_to(&self, report: Option<Report>) -> Result<()> {
        let mut report = report;
        self.events.once(ANY, |state| {
            self.read(state)?;
            self.reports.lock().replace(report.take())
        })
    }

    /// Takes note of what libzmq does not tell, and tells the user's monitor.
    pub(crate) fn announce(&self, event: &Event) {
        // A closed or ending PAIR means that there is nobody to tell.
        let _ = self.events.once(ANY, |state| {
            self.read(state)?;
            self.reports.lock().tell(event);
            self.table.lock().learn(event.clone());
            Ok(())
        });
    }

    /// Whether a user's monitor is told of events.
    pub(crate) fn reports(&self) -> bool {
        self.reports.lock().is_on()
    }

    /// Where the user's monitor reports to, if there is one.
    pub fn monitor_endpoint(&self) -> Option<String> {
        self.reports.lock().endpoint()
    }

    /// What the hub's thread does: reads what has come, and passes on what readers have room for.
    fn serve(&self) {
        // Where nothing more can come, each look would only wake the thread to look again.
        let stopped = self.table.lock().stopped;
        if !stopped {
            self.drain();
        }
        let leaving = {
            let mut reports = self.reports.lock();
            reports.flush();
            reports.leaving()
        };
        if !leaving.is_empty() {
            // Without the lock: the look at other sockets takes theirs.
            let unread = unread(self.events.context(), leaving);
            self.reports.lock().forget(&unread);
        }
    }

    /// Whether all was told, to us and to users.
    fn has_ended(&self) -> bool {
        self.table.lock().stopped && self.reports.lock().leaving().is_empty()
    }

    /// The descriptors that tell the hub's thread when to serve.
    fn fds(&self) -> Vec<i32> {
        let stopped = self.table.lock().stopped;
        let own = (!stopped).then(|| self.events.fd());
        own.into_iter().chain(self.reports.lock().fds()).collect()
    }

    /// Reads what has come.
    pub(crate) fn drain(&self) {
        // A closed or ending PAIR has nothing more to tell.
        let _ = self.events.once(ANY, |state| self.read(state));
    }

    /// Reads what has come. Runs under the lock of the PAIR, so that events are told in their order.
    fn read(&self, state: &mut State) -> Result<()> {
        loop {
            let frames = match state.recv_frames() {
                Ok(frames) => frames,
                Err(error) if error.is_again() => return Ok(()),
                Err(error) => {
                    self.table.lock().stopped = true;
                    self.reports.lock().close();
                    return Err(error);
                }
            };
            if let Some(event) = Event::parse(&frames) {
                self.reports.lock().tell(&event);
                self.turned_away(&event);
                self.table.lock().learn(event);
            }
        }
    }

    fn turned_away(&self, event: &Event) {
        if event.kind != zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL {
            return;
        }
        if let Some((guard, domain)) = self.guard.get().and_then(|(guard, domain)| Some((guard.upgrade()?, domain))) {
            guard.stranger(domain, &event.remote, event.value);
        }
    }
}
