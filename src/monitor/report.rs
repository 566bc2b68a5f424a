//! The monitors of users: libzmq allows a socket one monitor, which is our watch; so the watch passes on what they ask for.
//!
//! A [`Report`] is the PAIR that libzmq would have bound, with a queue before it. Nothing here ever waits: what the reader
//! has no room for yet stays in the queue, and is sent when libzmq says that there is room, or that a reader came.

use std::collections::VecDeque;
use std::ffi::CString;

use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::error::{errno, Error, Result};
use crate::message::Part;
use crate::monitor::event::{Event, Head, Ports};
use crate::socket::{Attached, Socket, State, ANY, POLLOUT};

/// How many events wait for a reader that takes none, besides those in libzmq's own queue; then the oldest are dropped.
pub const MOST_WAITING: usize = 65_536;

const STOPPED: u32 = zmq_sys::ZMQ_EVENT_MONITOR_STOPPED;

impl Socket {
    /// Reports the events of the mask `events` to a PAIR bound at an inproc endpoint; `None` ends that.
    ///
    /// # Errors
    /// EINVAL for a mask of more than 16 bits, EPROTONOSUPPORT for another transport, EADDRINUSE for a name that is taken:
    /// a monitor that there was before has ended then.
    pub fn monitor(&self, endpoint: Option<&str>, events: i32) -> Result<()> {
        // Closed, or its context shut down.
        self.get_i32(zmq_sys::ZMQ_TYPE as i32)?;
        let mask = u16::try_from(events)
            .map_err(|_| Error::invalid(format!("events are bits of EVENT_ALL (0xFFFF), not {events:#x}")))?;
        let Some(endpoint) = endpoint else {
            return self.0.watch().map_or(Ok(()), |watch| watch.report_to(None));
        };
        let report = Report::new(&self.0.context, endpoint, mask)?;
        let watch = self.watch_now()?;
        watch.report_to(Some(report))?;
        self.0.context.hub().wake();
        Ok(())
    }
}

/// The monitors of one socket: the user's, if there is one, and former ones that have not told all yet.
#[derive(Default)]
pub(super) struct Reports {
    ports: Ports,
    current: Option<Report>,
    leaving: Vec<Report>,
}

impl Reports {
    /// Takes note of what the socket was bound to before anybody watched it.
    pub fn know(&mut self, endpoints: &[Attached]) {
        for at in endpoints.iter().filter(|at| at.bound) {
            self.ports.add(&at.endpoint);
        }
    }

    /// Whether there is a monitor.
    pub fn is_on(&self) -> bool {
        self.current.is_some()
    }

    /// Where the user's monitor reports to.
    pub fn endpoint(&self) -> Option<String> {
        self.current.as_ref().map(|report| report.endpoint.clone())
    }

    /// Passes an event on.
    pub fn tell(&mut self, event: &Event) {
        self.ports.learn(event);
        if event.kind == STOPPED {
            self.end();
        } else if let Some(report) = &mut self.current {
            report.tell(event, self.ports.identifier(event));
        }
    }

    /// Replaces the monitor, or ends it.
    pub fn replace(&mut self, report: Option<Report>) -> Result<()> {
        self.end();
        if let Some(report) = report {
            report.open()?;
            self.current = Some(report);
        }
        Ok(())
    }

    /// Ends the monitor, which tells so as its last.
    fn end(&mut self) {
        if let Some(mut report) = self.current.take() {
            report.tell(&Event { kind: STOPPED, ..Event::default() }, "");
            report.give_up_name();
            if !report.waiting.is_empty() {
                self.leaving.push(report);
            }
        }
    }

    /// Sends what there is room for now.
    pub fn flush(&mut self) {
        for report in self.current.iter_mut().chain(&mut self.leaving) {
            report.flush();
        }
        self.leaving.retain(|report| !report.waiting.is_empty());
    }

    /// Where the former monitors report to that have not told all yet.
    pub fn leaving(&self) -> Vec<String> {
        self.leaving.iter().map(|report| report.endpoint.clone()).collect()
    }

    /// Forgets the former monitors at these endpoints: nobody will ever read what they have to tell.
    pub fn forget(&mut self, endpoints: &[String]) {
        self.leaving.retain(|report| !endpoints.contains(&report.endpoint));
    }

    /// The descriptors that tell when to flush.
    pub fn fds(&self) -> impl Iterator<Item = i32> + '_ {
        self.current.iter().chain(&self.leaving).filter(|report| !report.broken).map(|report| report.out.fd())
    }

    /// Ends all, without a word.
    pub fn close(&mut self) {
        self.current = None;
        self.leaving.clear();
    }
}

/// A user's monitor.
pub(super) struct Report {
    /// The PAIR that the user's connects to.
    out: Socket,
    endpoint: String,
    name: CString,
    mask: u16,
    waiting: VecDeque<(Head, String)>,
    /// Its context ends: its descriptor stays readable, and nothing can be sent.
    broken: bool,
}

impl Report {
    fn new(context: &Context, endpoint: &str, mask: u16) -> Result<Self> {
        // Whatever follows, as long as something does: "tcp://nonsense" is no worse than a good address.
        let elsewhere =
            |(transport, address): (&str, &str)| !["", "inproc"].contains(&transport) && !address.is_empty();
        if endpoint.split_once("://").is_some_and(elsewhere) {
            let text = format!("a monitor reports to an inproc endpoint, not to {endpoint:?}");
            return Err(Error::explained(errno::EPROTONOSUPPORT, text));
        }
        let name = Endpoint::parse(endpoint)?.as_c().to_owned();
        let out = Socket::internal(context, zmq_sys::ZMQ_PAIR as i32)?;
        out.set_i32(zmq_sys::ZMQ_LINGER as i32, 0)?;
        Ok(Report { out, endpoint: endpoint.to_owned(), name, mask, waiting: VecDeque::new(), broken: false })
    }

    fn open(&self) -> Result<()> {
        self.out
            .once(ANY, |state| state.raw()?.bind(&self.name))
            .map_err(|error| error.or_explain(|| format!("{} is another socket's or monitor's already", self.endpoint)))
    }

    /// The name is free again at once; a reader that came by it stays connected.
    fn give_up_name(&self) {
        // ETERM: the ending context has done it.
        let _ = self.out.once(ANY, |state| state.raw()?.unbind(&self.name));
    }

    fn tell(&mut self, event: &Event, endpoint: &str) {
        if u32::from(self.mask) & event.kind == 0 || self.broken {
            return;
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((event.head(), endpoint.to_owned()));
        self.flush();
    }

    fn flush(&mut self) {
        let waiting = &mut self.waiting;
        let send_all = |state: &mut State| {
            // Readers that came or went, and what they have read: nothing else looks, and the descriptor would stay readable.
            state.events()?;
            while let Some((head, endpoint)) = waiting.front() {
                state.send_parts(&mut [Part::Bytes(head), Part::Bytes(endpoint.as_bytes())], 0)?;
                waiting.pop_front();
            }
            Ok(())
        };
        match self.out.once(POLLOUT, send_all) {
            Err(error) if !error.is_again() => {
                self.broken = true;
                self.waiting.clear();
            }
            _ => {}
        }
    }
}

/// Those of the endpoints that no socket of the context is connected to.
pub(super) fn unread(context: &Context, mut endpoints: Vec<String>) -> Vec<String> {
    for socket in context.sockets() {
        for at in socket.endpoints() {
            endpoints.retain(|endpoint| at.bound || at.endpoint != *endpoint);
        }
    }
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENING: u32 = zmq_sys::ZMQ_EVENT_LISTENING;

    fn listening(number: u64) -> Event {
        Event { kind: LISTENING, value: number, local: format!("ipc:///{number}"), ..Event::default() }
    }

    fn reader(context: &Context, endpoint: &str) -> Socket {
        let reader = context.socket(zmq_sys::ZMQ_PAIR as i32).unwrap();
        reader.set_i32(zmq_sys::ZMQ_RCVHWM as i32, 1).unwrap();
        reader.connect(endpoint).unwrap();
        reader
    }

    /// What has come: events and their endpoints. Sends on what the reader has made room for.
    fn read_all(reader: &Socket, reports: &mut Reports) -> Vec<(u16, String)> {
        let mut got = Vec::new();
        loop {
            while let Ok(frames) = reader.try_recv_multipart() {
                let [head, endpoint] = &frames[..] else { panic!("{frames:?}") };
                let kind = u16::from_ne_bytes([head.as_slice()[0], head.as_slice()[1]]);
                got.push((kind, String::from_utf8(endpoint.as_slice().to_vec()).unwrap()));
            }
            reports.flush();
            // Readable or not: a look at the events brings in what was sent just now.
            if reader.events().unwrap() & crate::socket::POLLIN == 0 {
                return got;
            }
        }
    }

    fn start(context: &Context, endpoint: &str) -> Reports {
        let mut reports = Reports::default();
        reports.replace(Some(Report::new(context, endpoint, 0xFFFF).unwrap())).unwrap();
        reports
    }

    #[test]
    fn a_reader_that_comes_late_or_reads_late_gets_all_in_order() {
        let context = Context::new(1).unwrap();
        let mut reports = start(&context, "inproc://late");
        let count = 5_000;
        for number in 0..count / 2 {
            reports.tell(&listening(number));
        }
        let reader = reader(&context, "inproc://late");
        for number in count / 2..count {
            reports.tell(&listening(number));
        }
        reports.replace(None).unwrap();
        assert_eq!(reports.leaving(), ["inproc://late"]);
        assert_eq!(unread(&context, reports.leaving()), Vec::<String>::new());
        let got = read_all(&reader, &mut reports);
        let mut expected: Vec<_> = (0..count).map(|number| (LISTENING as u16, format!("ipc:///{number}"))).collect();
        expected.push((STOPPED as u16, String::new()));
        assert!(got == expected);
        assert!(reports.leaving().is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_are_dropped_and_the_end_is_not() {
        let context = Context::new(1).unwrap();
        let mut reports = start(&context, "inproc://full");
        let count = MOST_WAITING as u64 + 10;
        for number in 0..count {
            reports.tell(&listening(number));
        }
        reports.replace(None).unwrap();
        let reader = reader(&context, "inproc://elsewhere");
        assert_eq!(unread(&context, reports.leaving()), ["inproc://full"]);
        let waiting = &reports.leaving[0].waiting;
        assert_eq!(waiting.len(), MOST_WAITING);
        assert_eq!(waiting[0].1, "ipc:///11");
        assert_eq!(waiting[MOST_WAITING - 2].1, format!("ipc:///{}", count - 1));
        reports.forget(&unread(&context, reports.leaving()));
        assert!(reports.leaving().is_empty());
        drop(reader);
    }

    #[test]
    fn a_context_that_is_shut_down_ends_the_waiting() {
        let context = Context::new(1).unwrap();
        let mut reports = start(&context, "inproc://shut");
        reports.tell(&listening(1));
        assert_eq!(reports.fds().count(), 1);
        context.shutdown().unwrap();
        reports.flush();
        assert_eq!(reports.fds().count(), 0);
        reports.replace(None).unwrap();
        assert!(reports.leaving().is_empty());
    }
}
