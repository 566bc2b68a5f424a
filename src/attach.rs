//! Binding and connecting, and their undoing; a port that was given up is free when the call returns.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

use crate::auth;
use crate::endpoint::Endpoint;
use crate::error::{errno, Error, Result};
use crate::explain;
use crate::ffi::RawSocket;
use crate::monitor::{Event, Watch};
use crate::socket::{Attached, Socket, State, ANY};
use crate::wait::{Deadline, Interrupt};

/// How long to wait for an I/O thread to give a port back.
pub(crate) const RELEASE: Duration = Duration::from_millis(500);

/// SNDBUF of connections within this machine, in bytes, where the user has not set it.
///
/// Left to itself the system lets megabytes wait there, which have left the processor's caches when the receiver comes to
/// copy them: messages of 1 MiB go 1.4 times as fast with this much. On a network, where what is on its way has to fit,
/// the system knows best.
const LOCAL_SNDBUF: i32 = 512 * 1024;

/// Runs `work`, which takes the socket's options for the endpoint that it makes, with such a buffer if it is local.
fn with_local_buffers<T>(
    raw: &RawSocket,
    endpoint: &Endpoint,
    work: impl FnOnce(&RawSocket) -> Result<T>,
) -> Result<T> {
    const OPTION: i32 = zmq_sys::ZMQ_SNDBUF as i32;
    let mut set = [0u8; 4];
    if !endpoint.is_loopback() {
        return work(raw);
    }
    raw.get(OPTION, &mut set)?;
    if i32::from_ne_bytes(set) != -1 {
        return work(raw);
    }
    raw.set(OPTION, &LOCAL_SNDBUF.to_ne_bytes())?;
    let done = work(raw);
    raw.set(OPTION, &set)?;
    done
}

/// Refuses an endpoint at which this socket's security would be none.
fn check_safe(state: &State, endpoint: &Endpoint) -> Result<()> {
    let mechanism = || state.get_i32(zmq_sys::ZMQ_MECHANISM as i32);
    if endpoint.transport() == "udp" && mechanism()? != zmq_sys::ZMQ_NULL as i32 {
        let why = "datagrams are neither encrypted nor authenticated, whatever keys or passwords a socket has: use tcp";
        return Err(Error::explained(errno::EPROTONOSUPPORT, why));
    }
    if state.stays_local && !endpoint.stays_here() {
        let why =
            "PLAIN says its password in the clear, so this socket keeps to this machine (127.0.0.1, ipc, inproc): use \
                   CURVE (keys=), or say allow_plain_text=True to secure()";
        return Err(Error::explained(errno::EACCES, why));
    }
    Ok(())
}

impl Socket {
    /// From now on, binds and connects to nothing that another machine can reach.
    pub fn stay_local(&self) -> Result<()> {
        self.lock()?.stays_local = true;
        Ok(())
    }

    /// Binds. Returns the endpoint with what libzmq has put for wildcards, such as the port.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        let allowed = auth::check_bind(endpoint, self.kind());
        let done = allowed.and_then(|()| self.attach(endpoint, true, RawSocket::bind));
        self.tell_of_bind(endpoint, done.as_ref().err());
        done.map(|(resolved, ())| resolved)
    }

    /// Connects.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        self.attach(endpoint, false, RawSocket::connect).map(drop)
    }

    /// Connects a PEER, and returns the routing id by which it sends to the one it connects to.
    pub fn connect_peer(&self, endpoint: &str) -> Result<u32> {
        let done = self.attach(endpoint, false, RawSocket::connect_peer);
        let explained = |error: Error| match error.errno() {
            errno::ENOTSUP => Error::explained(errno::ENOTSUP, "connect_peer() is for PEER sockets"),
            errno::EFAULT => Error::explained(errno::EFAULT, "connect_peer() does not go with IMMEDIATE"),
            _ => error,
        };
        done.map(|(_, routing_id)| routing_id).map_err(explained)
    }

    /// Lets a user's monitor know of a bind before that returns, as libzmq does.
    fn tell_of_bind(&self, text: &str, failure: Option<&Error>) {
        // In a forked child there is nobody to tell.
        let Some(watch) = self.lock().ok().and_then(|state| state.watch.clone()) else {
            return;
        };
        match failure {
            None if watch.reports() => watch.drain(),
            None => {}
            Some(error) => {
                if let Some(event) = Event::bind_failed(text, error) {
                    watch.announce(&event);
                }
            }
        }
    }

    fn attach<T>(&self, text: &str, bound: bool, work: impl Fn(&RawSocket, &CStr) -> Result<T>) -> Result<(String, T)> {
        // A closed socket is the better news than a bad endpoint.
        self.lock()?.raw()?;
        let endpoint = Endpoint::parse(text)?;
        if !bound {
            endpoint.check_connect()?;
        }
        let watch = if endpoint.is_inproc() { None } else { self.watch_early()? };
        let resolved = self.once(ANY, |state| {
            let raw = state.raw()?;
            if let (Some(watch), None) = (&watch, &state.watch) {
                watch.start(raw, &state.endpoints)?;
                state.watch = Some(watch.clone());
            }
            check_safe(state, &endpoint)?;
            let raw = state.raw()?;
            let done = with_local_buffers(raw, &endpoint, |raw| work(raw, endpoint.as_c()))?;
            let resolved = state.last_endpoint()?;
            // Room for one is what nearly every socket needs.
            state.endpoints.reserve_exact(1);
            state.endpoints.push(Attached { endpoint: resolved.clone(), bound, given: text.to_owned() });
            Ok((resolved, done))
        });
        let resolved = resolved.map_err(|error| explain::attach(text, bound, error))?;
        if endpoint.is_inproc() {
            self.0.context.hub().poke();
        }
        Ok(resolved)
    }

    /// Ends a bind, and waits until the port is free.
    pub fn unbind(&self, endpoint: &str, interrupt: &mut dyn Interrupt) -> Result<()> {
        let parsed = Endpoint::parse(endpoint)?;
        if parsed.is_inproc() {
            self.detach(&parsed, endpoint, true)?;
            self.0.context.hub().poke();
            return Ok(());
        }
        let watch = self.watch_now()?;
        let before = watch.listeners_closed();
        self.detach(&parsed, endpoint, true)?;
        watch.wait_closed(before + 1, Deadline::after(RELEASE), interrupt)
    }

    /// Ends a connect.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        let parsed = Endpoint::parse(endpoint)?;
        self.detach(&parsed, endpoint, false)?;
        if parsed.is_inproc() {
            self.0.context.hub().poke();
        }
        Ok(())
    }

    fn detach(&self, parsed: &Endpoint, endpoint: &str, bound: bool) -> Result<()> {
        let gone = self.once(ANY, |state| {
            let raw = state.raw()?;
            let result = match bound {
                true => raw.unbind(parsed.as_c()),
                false => raw.disconnect(parsed.as_c()),
            };
            let is_it = |at: &Attached| at.bound == bound && (at.endpoint == endpoint || at.given == endpoint);
            let index = state.endpoints.iter().position(is_it);
            let result = match result {
                // libzmq forgets a connection in this process when its other end goes, as soon as it looks: to end it is no error
                // that depends on when that was.
                Err(error) if error.errno() == errno::ENOENT && parsed.is_inproc() && !bound && index.is_some() => {
                    Ok(())
                }
                other => other,
            };
            result.map_err(|error| {
                let verb = if bound { "bound" } else { "connected" };
                let all = state.endpoints.iter().map(|at| at.endpoint.as_str());
                let all: Vec<&str> = all.collect();
                error.or_explain(|| {
                    format!("{endpoint:?} is not an endpoint that this socket is {verb} to; it has {all:?}")
                })
            })?;
            let gone = index.map(|index| state.endpoints.remove(index));
            if parsed.is_inproc() && !bound {
                // Of several connections to one name in this process, libzmq ends all.
                state.endpoints.retain(|at| at.bound || gone.as_ref().is_none_or(|gone| at.endpoint != gone.endpoint));
            }
            let last = state.endpoints.iter().all(|at| at.endpoint.starts_with("inproc:"));
            Ok(gone.map(|at| (at, last)))
        })?;
        // Not under this socket's lock: who waits for peers holds the watch's lock and asks for this one.
        if let (Some((at, last)), Some(watch)) = (gone, self.0.watch()) {
            watch.forget(&at.endpoint, bound, last);
        }
        Ok(())
    }

    /// The watch of this socket, made if it has none.
    pub(crate) fn watch_now(&self) -> Result<Arc<Watch>> {
        if let Some(watch) = self.lock()?.watch.clone() {
            return Ok(watch);
        }
        let made = Watch::new(&self.0.context, self.0.id)?;
        let watch = self.once(ANY, |state| {
            // Another thread may have been faster.
            if state.watch.is_none() {
                made.start(state.raw()?, &state.endpoints)?;
            }
            Ok(state.watch.get_or_insert_with(|| made.clone()).clone())
        })?;
        if Arc::ptr_eq(&watch, &made) {
            self.0.context.hub().add(&watch)?;
        }
        Ok(watch)
    }

    /// A watch for a socket about to bind or connect, while its context has few of them.
    fn watch_early(&self) -> Result<Option<Arc<Watch>>> {
        if !self.0.registered || self.lock()?.watch.is_some() || !self.0.context.hub().has_room() {
            return Ok(None);
        }
        let watch = Watch::new(&self.0.context, self.0.id)?;
        self.0.context.hub().add(&watch)?;
        Ok(Some(watch))
    }
}
