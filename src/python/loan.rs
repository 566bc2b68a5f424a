//! Python's memory on loan to libzmq, for what is sent without a copy, and how Python gets it back.
//!
//! libzmq is done with a message in a thread of its own, or in the middle of a call under a socket's lock: no place to
//! wait for the GIL in, nor to drop a Python object. So what comes back goes into a box, and a thread of ours empties it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

use super::buffer::{lend, Held};
use super::interrupt::{blocking, deadline};
use crate::event::Event;
use crate::fork::{of_this_process, GENERATIONS};

/// How long the thread waits for more.
const IDLE: Duration = Duration::from_millis(500);

/// Memory of a Python object, kept in place for libzmq.
pub struct Loan {
    id: u64,
    /// Taken out by the drop alone.
    buffer: Option<Held>,
    event: Option<Arc<Event>>,
}

/// What libzmq has given back.
struct Returned {
    id: u64,
    buffer: Held,
    event: Option<Arc<Event>>,
}

/// Where loans are written down and come back to.
struct Office {
    desk: Mutex<Option<Desk>>,
    bell: Condvar,
}

#[derive(Default)]
struct Desk {
    /// Each loan, and where it begins if Python must not see it change (bytes, above all).
    loans: HashMap<u64, Option<usize>>,
    returned: Vec<Returned>,
    running: bool,
    closed: bool,
}

fn office() -> &'static Office {
    static OFFICES: [Office; GENERATIONS] =
        [const { Office { desk: Mutex::new(None), bell: Condvar::new() } }; GENERATIONS];
    of_this_process(&OFFICES)
}

impl Loan {
    /// Lends a buffer. `event` is set when Python has it back.
    pub fn new(buffer: Held, event: Option<Arc<Event>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let fixed = buffer.readonly().then(|| buffer.buf_ptr() as usize);
        office().desk.lock().get_or_insert_default().loans.insert(id, fixed);
        Loan { id, buffer: Some(buffer), event }
    }
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |held| lend(held))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            office().take_back(Returned { id: self.id, buffer, event: self.event.take() });
        }
    }
}

impl Office {
    fn take_back(&'static self, returned: Returned) {
        let mut desk = self.desk.lock();
        let desk = desk.get_or_insert_default();
        if desk.closed {
            // The end of the process: nobody attaches to Python any more.
            if let Some(event) = &returned.event {
                event.set();
            }
            std::mem::forget(returned.buffer);
            return;
        }
        desk.returned.push(returned);
        if !desk.running {
            // Without a thread to be had it stays in the box, until the next one comes back.
            let thread = std::thread::Builder::new().name("brokerless-loans".into());
            desk.running = thread.spawn(|| self.work()).is_ok();
        }
        self.bell.notify_all();
    }

    /// The thread: gives back what is in the box, until nothing comes any more.
    fn work(&self) {
        loop {
            let batch = {
                let mut guard = self.desk.lock();
                while guard.as_ref().is_some_and(|desk| desk.returned.is_empty() && !desk.closed) {
                    if self.bell.wait_for(&mut guard, IDLE).timed_out() {
                        break;
                    }
                }
                let Some(desk) = guard.as_mut() else {
                    return;
                };
                if desk.returned.is_empty() {
                    // Under the lock: the next that comes back starts another thread.
                    desk.running = false;
                    self.bell.notify_all();
                    return;
                }
                std::mem::take(&mut desk.returned)
            };
            self.give_back(batch);
        }
    }

    fn give_back(&self, batch: Vec<Returned>) {
        let (mut done, mut buffers) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for returned in batch {
            done.push((returned.id, returned.event));
            buffers.push(returned.buffer);
        }
        let attached = Python::try_attach(|_| buffers.clear());
        if attached.is_none() {
            std::mem::forget(buffers);
        }
        if let Some(desk) = self.desk.lock().as_mut() {
            for (id, _) in &done {
                desk.loans.remove(id);
            }
        }
        for event in done.into_iter().filter_map(|(_, event)| event) {
            event.set();
        }
    }
}

/// Whether bytes that begin here are Python's, and must not change.
pub fn is_fixed(start: *const u8) -> bool {
    let desk = office().desk.lock();
    desk.as_ref().is_some_and(|desk| desk.loans.values().any(|fixed| *fixed == Some(start as usize)))
}

/// Ends the thread at the end of the process, `patience` at most; what comes back later is left alone.
pub fn close(patience: Duration) {
    let office = office();
    let end = Instant::now() + patience;
    let mut guard = office.desk.lock();
    guard.get_or_insert_default().closed = true;
    office.bell.notify_all();
    while guard.as_ref().is_some_and(|desk| desk.running) {
        if office.bell.wait_until(&mut guard, end).timed_out() {
            return;
        }
    }
}

/// A number for each piece of Python's memory that libzmq still has.
#[pyfunction]
pub fn loans() -> Vec<u64> {
    office().desk.lock().as_ref().map_or_else(Vec::new, |desk| desk.loans.keys().copied().collect())
}

/// Set when libzmq is done with a message that was sent without a copy; the part of `threading.Event` that says so.
#[pyclass(frozen, name = "Released", module = "brokerless._core")]
#[derive(Default)]
pub struct PyReleased {
    /// Set when Python has its memory back.
    pub event: Arc<Event>,
}

#[pymethods]
impl PyReleased {
    /// Whether libzmq is done with it.
    fn is_set(&self) -> bool {
        self.event.is_set()
    }

    /// Waits until libzmq is done with it, `timeout` seconds at most (None: for ever); whether it is.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| match self.event.wait(end, signals) {
            Err(error) if error.is_again() => Ok(false),
            done => done.map(|()| true),
        })
    }
}
