//! What happens on a socket's connections: who is there, who left, which listener has closed.
//!
//! A [`Watch`] reads libzmq's monitor events of one socket into a table. The first few sockets of a context are watched
//! from their first bind or connect on (a watch takes two of libzmq's sockets); others from the moment somebody asks.
//! A [`Hub`] is the native thread that keeps reading, so that no queue of events grows behind a socket nobody looks at.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, MutexGuard};

use crate::context::Context;
use crate::error::{errno, Error, Result};
use crate::ffi::RawSocket;
use crate::message::Message;
use crate::socket::{is_gone, Attached, Socket, State, ANY, POLLIN};
use crate::wait::{wait, Deadline, Interrupt, Never, Source, Waker};

/// How many sockets of a context are watched without being asked for.
pub const WATCHED: usize = 64;

/// Every event of libzmq's stable API but one: telling of a failed bind overwrites the errno that bind is about to report.
const EVENTS: u64 = (zmq_sys::ZMQ_EVENT_ALL & !zmq_sys::ZMQ_EVENT_BIND_FAILED) as u64;
/// Events with both endpoints.
const VERSION: i32 = 2;

/// One connection whose handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// This side's endpoint.
    pub local: String,
    /// The other side's endpoint.
    pub remote: String,
    /// How many connections have these two endpoints (more than one only over ipc and inproc).
    pub connections: usize,
    /// Since when.
    pub since: SystemTime,
}

/// What a watch has learnt.
#[derive(Clone, Debug, Default)]
pub struct Table {
    peers: HashMap<(String, String), Peer>,
    /// Handshakes that failed, whose end is still to be reported.
    failing: HashMap<(String, String), usize>,
    /// Connections so far whose handshake was done.
    pub came: u64,
    /// The socket is a STREAM, whose connections have no handshake.
    unshaken: bool,
    /// Endpoints to connect to, as they were written, at which nobody was found so far: see [`Watch::expect`].
    pub expected: HashSet<String>,
    /// Listeners that have closed so far.
    pub listeners_closed: usize,
    /// Connection attempts that were refused or timed out so far.
    pub refused: u64,
    /// Handshakes that failed so far: another protocol, another mechanism, not authorised.
    pub handshakes_failed: u64,
    /// The watched socket was closed; its connections may still linger.
    closed: bool,
    /// libzmq has nothing more to tell.
    stopped: bool,
}

/// The monitor of one socket.
pub struct Watch {
    /// Our end of libzmq's PAIR. Its lock orders the reading.
    events: Socket,
    name: CString,
    table: Mutex<Table>,
    /// Whether the hub's thread is told of events whose edge another thread has used up.
    heard: AtomicBool,
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
        Ok(Arc::new(Watch { events, name, table: Mutex::default(), heard: AtomicBool::new(false) }))
    }

    /// Starts to watch. The caller holds the lock of the watched socket.
    pub(crate) fn start(&self, raw: &RawSocket) -> Result<()> {
        let mut kind = [0u8; 4];
        raw.get(zmq_sys::ZMQ_TYPE as i32, &mut kind)?;
        self.table.lock().unshaken = i32::from_ne_bytes(kind) == zmq_sys::ZMQ_STREAM as i32;
        raw.monitor(Some(&self.name), EVENTS, VERSION)?;
        self.events.once(ANY, |state| state.raw()?.connect(&self.name))
    }

    /// What is known now.
    pub fn table(&self) -> Table {
        self.drain();
        self.table.lock().clone()
    }

    /// The peers now, longest first.
    pub fn peers(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.table().peers.into_values().collect();
        peers.sort_by_key(|peer| peer.since);
        peers
    }

    pub(crate) fn listeners_closed(&self) -> usize {
        self.table().listeners_closed
    }

    /// Keeps account of whether anybody was ever found at an endpoint that the socket is about to connect to.
    pub(crate) fn expect(&self, endpoint: &str) {
        self.table.lock().expected.insert(endpoint.to_owned());
    }

    /// A look at what the hub has read so far. Unlike [`Watch::table`] it wakes nobody, so that who listens may look.
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
            watch.start(&raw)?;
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
        self.stop();
    }

    /// Forgets the peers of an endpoint that this side gave up: libzmq reports no end for them.
    pub(crate) fn forget(&self, endpoint: &str, bound: bool) {
        // What was told of them before comes first.
        self.drain();
        self.table.lock().peers.retain(|(local, remote), _| {
            let side = if bound { local } else { remote };
            side != endpoint
        });
        self.events.poke();
    }

    /// Wakes who waits for the table to change.
    pub(crate) fn poke(&self) {
        self.events.poke();
    }

    fn stop(&self) {
        self.table.lock().stopped = true;
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

    fn drain(&self) {
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
                    return Err(error);
                }
            };
            self.table.lock().learn(&frames);
        }
    }
}

impl Table {
    /// How many peers are connected.
    pub fn connected(&self) -> usize {
        self.peers.values().map(|peer| peer.connections).sum()
    }

    fn learn(&mut self, frames: &[Message]) {
        let [event, .., local, remote] = frames else {
            return;
        };
        let event = number(event);
        let text = |frame: &Message| String::from_utf8_lossy(frame.as_slice()).into_owned();
        let key = (text(local), text(remote));
        const fn bit(event: u32) -> u64 {
            event as u64
        }
        let opened = match self.unshaken {
            true => event == bit(zmq_sys::ZMQ_EVENT_CONNECTED) || event == bit(zmq_sys::ZMQ_EVENT_ACCEPTED),
            false => event == bit(zmq_sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED),
        };
        if opened {
            let peer = self.peers.entry(key.clone()).or_insert_with(|| Peer {
                local: key.0,
                remote: key.1,
                connections: 0,
                since: SystemTime::now(),
            });
            peer.connections += 1;
            self.came += 1;
            if !self.expected.is_empty() {
                self.expected.remove(&peer.remote);
            }
        } else if event == bit(zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            || event == bit(zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            || event == bit(zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        {
            self.handshakes_failed += 1;
            *self.failing.entry(key).or_default() += 1;
        } else if event == bit(zmq_sys::ZMQ_EVENT_DISCONNECTED) {
            self.disconnected(key);
        } else if event == bit(zmq_sys::ZMQ_EVENT_CONNECT_RETRIED) {
            self.refused += 1;
        } else if event == bit(zmq_sys::ZMQ_EVENT_CLOSED) || event == bit(zmq_sys::ZMQ_EVENT_CLOSE_FAILED) {
            // A connection attempt that is given up is reported alike, but has a remote endpoint.
            if key.1.is_empty() {
                self.listeners_closed += 1;
            }
        } else if event == bit(zmq_sys::ZMQ_EVENT_MONITOR_STOPPED) {
            self.stopped = true;
        }
    }

    fn disconnected(&mut self, key: (String, String)) {
        if let Some(failing) = self.failing.get_mut(&key) {
            *failing -= 1;
            if *failing == 0 {
                self.failing.remove(&key);
            }
            return;
        }
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.connections -= 1;
            if peer.connections == 0 {
                self.peers.remove(&key);
            }
        }
    }
}

fn number(frame: &Message) -> u64 {
    let bytes: Option<[u8; 8]> = frame.as_slice().try_into().ok();
    bytes.map_or(0, u64::from_ne_bytes)
}

/// The watches of a context, and the thread that reads them.
#[derive(Default)]
pub struct Hub(Arc<Mutex<Roster>>);

#[derive(Default)]
struct Roster {
    watches: Vec<Weak<Watch>>,
    /// Of closed sockets, whose connections linger: until libzmq has told the last.
    leaving: Vec<Arc<Watch>>,
    reader: Option<Arc<Waker>>,
    stopped: bool,
}

impl Hub {
    /// Whether another socket is watched without being asked for.
    pub(crate) fn has_room(&self) -> bool {
        let mut roster = self.0.lock();
        roster.watches.retain(|watch| watch.strong_count() > 0);
        !roster.stopped && roster.watches.len() < WATCHED
    }

    /// Lets the thread read this watch from now on; starts the thread with the first.
    pub(crate) fn add(&self, watch: &Arc<Watch>) -> Result<()> {
        let mut roster = self.0.lock();
        roster.watches.push(Arc::downgrade(watch));
        self.read(roster)
    }

    /// Lets the thread read the watch of a closed socket to its end. ETERM once the context ends.
    fn see_off(&self, watch: &Arc<Watch>) -> Result<()> {
        let mut roster = self.0.lock();
        if roster.stopped {
            return Err(Error::zmq(errno::ETERM));
        }
        roster.leaving.push(watch.clone());
        self.read(roster).inspect_err(|_| self.0.lock().leaving.retain(|other| !Arc::ptr_eq(other, watch)))
    }

    /// Wakes the thread, or starts it.
    fn read(&self, mut roster: MutexGuard<'_, Roster>) -> Result<()> {
        if let Some(reader) = &roster.reader {
            reader.wake();
            return Ok(());
        }
        let waker = Waker::new()?;
        let (shared, own) = (self.0.clone(), waker.clone());
        std::thread::Builder::new()
            .name("brokerless-watch".into())
            .spawn(move || read_all(&shared, &own))
            .map_err(|error| Error::zmq(error.raw_os_error().unwrap_or(errno::ENOMEM)))?;
        roster.reader = Some(waker);
        Ok(())
    }

    /// Wakes everybody who waits for a peer of this context: an inproc endpoint came or went, which libzmq does not tell.
    pub(crate) fn poke(&self) {
        let watches: Vec<_> = self.0.lock().watches.iter().filter_map(Weak::upgrade).collect();
        for watch in watches {
            watch.poke();
        }
    }

    /// Ends the thread; its context ends.
    pub(crate) fn stop(&self) {
        let mut roster = self.0.lock();
        roster.stopped = true;
        if let Some(reader) = &roster.reader {
            reader.wake();
        }
    }
}

fn read_all(roster: &Mutex<Roster>, waker: &Arc<Waker>) {
    // A burst of events (a thousand clients at once) is read in a few rounds, not one wake-up each.
    let pause = Duration::from_millis(1);
    let mut last = Instant::now();
    loop {
        waker.drain();
        let (watches, stopped) = {
            let mut roster = roster.lock();
            roster.watches.retain(|watch| watch.strong_count() > 0);
            let mut watches: Vec<_> = roster.watches.iter().filter_map(Weak::upgrade).collect();
            let leaving =
                roster.leaving.iter().filter(|leaving| !watches.iter().any(|watch| Arc::ptr_eq(watch, leaving)));
            let leaving: Vec<_> = leaving.cloned().collect();
            watches.extend(leaving);
            (watches, roster.stopped)
        };
        for watch in &watches {
            if stopped {
                watch.stop();
            } else {
                watch.be_heard(waker);
                watch.drain();
            }
        }
        // Dropped outside the lock: the last watch may hold the context, whose end takes it.
        let gone: Vec<Arc<Watch>> = {
            let mut roster = roster.lock();
            let (gone, leaving) = roster.leaving.drain(..).partition(|watch| stopped || watch.table.lock().stopped);
            roster.leaving = leaving;
            gone
        };
        for watch in &gone {
            watch.stop();
        }
        drop(gone);
        if stopped {
            return;
        }
        let mut sources = vec![Source::readable(waker.fd())];
        let open = watches.iter().filter(|watch| !watch.table.lock().stopped);
        sources.extend(open.map(|watch| Source::readable(watch.events.fd())));
        drop(watches);
        let rested = last.elapsed();
        if rested < pause {
            let mut own = [Source::readable(waker.fd())];
            if wait(&mut own, Deadline::after(pause - rested), &mut Never).is_err() {
                return;
            }
        }
        if wait(&mut sources, Deadline::never(), &mut Never).is_err() {
            return;
        }
        last = Instant::now();
    }
}
