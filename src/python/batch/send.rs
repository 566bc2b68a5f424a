//! Sending many messages: a list in chunks, and what an iterator yields one by one, so that none waits for the next.

use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyMemoryView, PyString, PyTuple};

use super::super::buffer::{call, next, Payload};
use super::super::errors::{to_py, OrRaise};
use super::super::interrupt::blocking;
use super::super::send::{until, Manner, DONTWAIT};
use super::super::socket::PySocket;
use super::super::waiter::PyWaiter;
use super::{number, only_dontwait, write_json};
use crate::batch::{Outbox, CHUNK, CHUNK_BYTES, TURN};
use crate::explain;
use crate::message::Part;
use crate::socket::Socket;
use crate::transfer::LARGE;
use crate::wait::Deadline;

#[pymethods]
impl PySocket {
    /// Sends many messages, and returns how many: all of them. Much faster than a loop of send().
    ///
    /// `messages` is an iterable. Each message is bytes, or anything contiguous and bytes-like (one frame), or a list or tuple
    /// of those (all its frames). They are copied, but large `bytes` as in send(). A generator is asked for a message when the
    /// one before has gone, so that an endless one does not fill the memory.
    ///
    /// Waits for room: with flags=DONTWAIT not at all, else for `timeout` seconds in all or, without one, for SNDTIMEO
    /// milliseconds in all (by default for ever). Raises Again when there was none in time, TypeError with the number of what
    /// is no message (those before it were sent), and what send() raises. A signal (Ctrl-C) ends it, too.
    ///
    /// Every exception has `sent`, how many messages went, and `unsent`, the list of those that were taken from `messages` and
    /// did not, in order: of a list, messages[sent:]. Nothing is lost: send_many(error.unsent) goes on, and a generator has
    /// the rest. Other threads' messages may get in between.
    #[pyo3(signature = (messages, flags=0, *, timeout=None))]
    fn send_many(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        flags: i32,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        Posting::run(py, messages, |posting| {
            let mut post = Post::new(py, self, flags, timeout)?;
            refuse_one(messages)?;
            let manner = Manner::new(py, post.socket, None, false, None, None)?;
            match Source::of(messages)? {
                Source::Iterator(iterator) => posting.send_each(&mut post, &iterator, &manner),
                source => posting.send_chunks(&mut post, source, &manner),
            }
        })
    }

    /// Sends many objects, each as a message of JSON as send_json() makes it, and returns how many: all of them.
    ///
    /// `objs` is an iterable; the rest, with `timeout` in seconds, is as in send_many(). Raises TypeError or ValueError, as json
    /// does, with the number of the object that JSON cannot express; those before it were sent. `unsent` has the objects.
    #[pyo3(signature = (objs, flags=0, *, timeout=None))]
    fn send_json_many(
        &self,
        py: Python<'_>,
        objs: &Bound<'_, PyAny>,
        flags: i32,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        Posting::run(py, objs, |posting| {
            let mut post = Post::new(py, self, flags, timeout)?;
            let mut source = Source::of(objs)?;
            while let Some(object) = source.next(&mut posting.next)? {
                posting.taken.push(object);
                let data = write_json(&posting.taken[0]).map_err(|error| number(py, error, posting.sent))?;
                post.send_bytes(&data)?;
                posting.went(1, &mut post)?;
            }
            Ok(())
        })
    }
}

#[pymethods]
impl PyWaiter {
    /// Sends what can go now of a list of messages, from number `start` on, and returns how many went.
    ///
    /// `base` is the number of the list's first message, for errors; one that is raised means that nothing went.
    #[pyo3(signature = (messages, start, base))]
    fn send_many(&self, py: Python<'_>, messages: &Bound<'_, PyList>, start: usize, base: usize) -> PyResult<usize> {
        let socket = self.listener.socket();
        let manner = Manner::new(py, socket, None, false, None, None)?;
        let mut chunk = Chunk::default();
        let wrong = chunk.fill(&Source::List(messages.clone()), start, base, &manner);
        if chunk.items.is_empty() {
            return wrong.map(|()| 0);
        }
        let tried = chunk.post(|outbox| {
            let tried = match is_light(outbox.bytes()) {
                true => self.listener.try_send_many(outbox, self.how),
                false => py.detach(|| self.listener.try_send_many(outbox, self.how)),
            };
            // What is wrong is told when nothing comes before it.
            match tried {
                Err(error) if outbox.sent() == 0 && !error.is_again() => {
                    Err(to_py(py, explain::send(socket, error, None)))
                }
                _ => Ok(()),
            }
        });
        tried.map(|()| chunk.sent)
    }
}

/// Someone gave the one message where the list of them is wanted.
fn refuse_one(messages: &Bound<'_, PyAny>) -> PyResult<()> {
    let one = messages.is_instance_of::<PyBytes>()
        || messages.is_instance_of::<PyString>()
        || messages.is_instance_of::<PyByteArray>()
        || messages.is_instance_of::<PyMemoryView>();
    match one {
        true => {
            let kind = messages.get_type();
            Err(PyTypeError::new_err(format!("{kind} is one message: send_many([message]) takes an iterable of them")))
        }
        false => Ok(()),
    }
}

/// Whether so many bytes are copied so fast that the GIL is kept meanwhile.
fn is_light(bytes: usize) -> bool {
    bytes < CHUNK_BYTES
}

/// Where the messages come from.
enum Source<'py> {
    List(Bound<'py, PyList>),
    Tuple(Bound<'py, PyTuple>),
    Iterator(Bound<'py, PyIterator>),
}

impl<'py> Source<'py> {
    fn of(messages: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(list) = messages.cast_exact::<PyList>() {
            return Ok(Source::List(list.clone()));
        }
        if let Ok(tuple) = messages.cast_exact::<PyTuple>() {
            return Ok(Source::Tuple(tuple.clone()));
        }
        let py = messages.py();
        let iter = py.import("builtins")?.getattr("iter")?;
        Ok(Source::Iterator(call(&iter, &PyTuple::new(py, [messages])?)?.cast_into()?))
    }

    /// The object at a place of a list or tuple, which may have become shorter.
    #[inline]
    fn at(&self, index: usize) -> Option<Bound<'py, PyAny>> {
        match self {
            Source::List(list) => list.get_item(index).ok(),
            Source::Tuple(tuple) => tuple.get_item(index).ok(),
            Source::Iterator(_) => None,
        }
    }

    /// The next object; of a list or tuple, that at `place`, which moves on.
    fn next(&mut self, place: &mut usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Source::Iterator(iterator) = self {
            return next(iterator);
        }
        let object = self.at(*place);
        *place += usize::from(object.is_some());
        Ok(object)
    }
}

/// How far a call is, for whoever catches its exception.
#[derive(Default)]
struct Posting<'py> {
    sent: usize,
    /// The first one that was not taken of a list or tuple.
    next: usize,
    /// Taken, and not sent.
    taken: Vec<Bound<'py, PyAny>>,
}

impl<'py> Posting<'py> {
    /// Does the work; what it raises tells how far it came.
    fn run(
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        work: impl FnOnce(&mut Self) -> PyResult<()>,
    ) -> PyResult<usize> {
        let mut posting = Posting::default();
        let done = work(&mut posting);
        done.map(|()| posting.sent).map_err(|error| match posting.tell(py, messages, &error) {
            Ok(()) => error,
            Err(failed) => {
                failed.set_cause(py, Some(error));
                failed
            }
        })
    }

    fn tell(&self, py: Python<'py>, messages: &Bound<'py, PyAny>, error: &PyErr) -> PyResult<()> {
        let unsent = PyList::new(py, &self.taken)?;
        // An iterator keeps what it has.
        if let Ok(source @ (Source::List(_) | Source::Tuple(_))) = known(messages) {
            for object in (self.next..).map_while(|place| source.at(place)) {
                unsent.append(object)?;
            }
        }
        let set = py.import("builtins")?.getattr("setattr")?;
        call(&set, &(error.value(py), "sent", self.sent).into_pyobject(py)?)?;
        call(&set, &(error.value(py), "unsent", unsent).into_pyobject(py)?)?;
        Ok(())
    }

    /// So many of those taken went; now and then signal handlers run, and other threads.
    #[inline]
    fn went(&mut self, count: usize, post: &mut Post<'_>) -> PyResult<()> {
        self.taken.drain(..count);
        self.sent += count;
        post.take_turn(count)
    }

    fn send_chunks(&mut self, post: &mut Post<'_>, source: Source<'py>, manner: &Manner) -> PyResult<()> {
        let mut chunk = Chunk::default();
        loop {
            let wrong = chunk.fill(&source, self.next, 0, manner);
            if chunk.items.is_empty() {
                return wrong;
            }
            self.next += chunk.items.len();
            let done = post.send(&mut chunk);
            self.sent += chunk.sent;
            if let Err(error) = done.and(wrong) {
                self.taken = chunk.items.split_off(chunk.sent);
                return Err(error);
            }
            let count = chunk.sent;
            chunk.clear();
            post.take_turn(count)?;
        }
    }

    fn send_each(&mut self, post: &mut Post<'_>, iterator: &Bound<'py, PyIterator>, manner: &Manner) -> PyResult<()> {
        let mut chunk = Chunk::default();
        while let Some(message) = next(iterator)? {
            self.taken.push(message);
            let message = &self.taken[0];
            match message.cast::<PyBytes>() {
                Ok(bytes) => post.send_bytes(bytes.as_bytes())?,
                Err(_) => {
                    chunk.push(manner, message.clone()).map_err(|error| number(message.py(), error, self.sent))?;
                    post.send(&mut chunk)?;
                    chunk.clear();
                }
            }
            self.went(1, post)?;
        }
        Ok(())
    }
}

/// A list or tuple of messages as it is; anything else was an iterator, or never became one.
fn known<'py>(messages: &Bound<'py, PyAny>) -> PyResult<Source<'py>> {
    if messages.is_exact_instance_of::<PyList>() || messages.is_exact_instance_of::<PyTuple>() {
        return Source::of(messages);
    }
    Err(PyTypeError::new_err("no sequence"))
}

/// Where and until when a call sends.
struct Post<'a> {
    py: Python<'a>,
    socket: &'a Socket,
    wait: bool,
    deadline: Deadline,
    turn: Instant,
    count: usize,
}

impl<'a> Post<'a> {
    fn new(py: Python<'a>, socket: &'a PySocket, flags: i32, timeout: Option<f64>) -> PyResult<Self> {
        only_dontwait(flags)?;
        let socket = socket.core().or_raise(py)?;
        let deadline = until(flags, timeout, || socket.timeouts().1)?;
        Ok(Post { py, socket, wait: flags & DONTWAIT == 0, deadline, turn: Instant::now(), count: 0 })
    }

    fn send(&self, chunk: &mut Chunk<'_>) -> PyResult<()> {
        chunk.post(|outbox| self.send_outbox(outbox))
    }

    fn send_bytes(&self, data: &[u8]) -> PyResult<()> {
        if data.len() < LARGE {
            match self.socket.try_send_bytes(data, 0) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_again() && self.wait => {}
                Err(error) => return Err(to_py(self.py, explain::send(self.socket, error, None))),
            }
        }
        let mut outbox = Outbox::with_capacity(1);
        outbox.push(Part::Bytes(data));
        outbox.end_message();
        self.send_waiting(&mut outbox)
    }

    fn send_outbox(&self, outbox: &mut Outbox<'_>) -> PyResult<()> {
        while is_light(outbox.bytes()) {
            match self.socket.try_send_many(outbox) {
                Ok(true) => return Ok(()),
                Ok(false) if self.wait => break,
                Ok(false) => {}
                Err(error) if error.is_again() && self.wait => break,
                Err(error) => return Err(to_py(self.py, explain::send(self.socket, error, None))),
            }
        }
        self.send_waiting(outbox)
    }

    fn send_waiting(&self, outbox: &mut Outbox<'_>) -> PyResult<()> {
        let (socket, deadline) = (self.socket, self.deadline);
        blocking(self.py, |signals| socket.send_many(outbox, deadline, signals))
    }

    #[inline]
    fn take_turn(&mut self, count: usize) -> PyResult<()> {
        self.count += count;
        if self.count < CHUNK {
            return Ok(());
        }
        self.count = 0;
        if self.turn.elapsed() < TURN / 2 {
            return Ok(());
        }
        self.turn = Instant::now();
        self.py.check_signals()?;
        self.py.detach(|| ());
        Ok(())
    }
}

/// Messages of a list, as many as go at once.
#[derive(Default)]
struct Chunk<'py> {
    items: Vec<Bound<'py, PyAny>>,
    /// The frames of those that are not bytes.
    payloads: Vec<Payload<'py>>,
    /// For each message, how many frames it has there; 0 for bytes.
    frames: Vec<usize>,
    bytes: usize,
    sent: usize,
}

impl<'py> Chunk<'py> {
    fn clear(&mut self) {
        self.items.clear();
        self.payloads.clear();
        self.frames.clear();
        (self.bytes, self.sent) = (0, 0);
    }

    /// Takes from a list or tuple; an error is about the message that follows those that it took.
    fn fill(&mut self, source: &Source<'py>, start: usize, base: usize, manner: &Manner) -> PyResult<()> {
        for index in start.. {
            if self.items.len() == CHUNK || self.bytes >= CHUNK_BYTES {
                break;
            }
            let Some(message) = source.at(index) else {
                break;
            };
            let py = message.py();
            self.push(manner, message).map_err(|error| number(py, error, base + index))?;
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, manner: &Manner, message: Bound<'py, PyAny>) -> PyResult<()> {
        let mut count = 0;
        if let Ok(bytes) = message.cast::<PyBytes>() {
            self.bytes += bytes.as_bytes().len();
        } else if message.is_instance_of::<PyList>() || message.is_instance_of::<PyTuple>() {
            let (mut payloads, _) = manner.prepare_all(&message)?;
            self.bytes += payloads.iter_mut().map(|payload| payload.part().len()).sum::<usize>();
            count = payloads.len();
            self.payloads.append(&mut payloads);
        } else {
            let (mut payload, _) = manner.prepare(&message)?;
            self.bytes += payload.part().len();
            count = 1;
            self.payloads.push(payload);
        }
        self.frames.push(count);
        self.items.push(message);
        Ok(())
    }

    /// Makes parts of it, and notes how many messages `send` sends.
    fn post(&mut self, send: impl FnOnce(&mut Outbox<'_>) -> PyResult<()>) -> PyResult<()> {
        let mut outbox = Outbox::with_capacity(self.items.len());
        let mut payloads = self.payloads.iter_mut();
        for (item, &frames) in self.items.iter().zip(&self.frames) {
            match frames {
                0 => outbox.push(Part::Bytes(item.cast::<PyBytes>()?.as_bytes())),
                frames => payloads.by_ref().take(frames).for_each(|payload| outbox.push(payload.part())),
            }
            outbox.end_message();
        }
        let done = send(&mut outbox);
        self.sent = outbox.sent();
        done
    }
}
