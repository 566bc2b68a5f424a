//! Authentication for Python: the policy, one request at a time, and the native handler. See `brokerless.auth`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::buffer::{to_bytes, Payload};
use super::errors::OrRaise;
use super::interrupt::{blocking, deadline};
use super::socket::PySocket;
use crate::auth::policy::{is_same, Keys, Passwords, ANONYMOUS};
use crate::auth::request::{describe, reply};
use crate::auth::{Handler, Level, Policy, Request, Rules, Verdict};
use crate::message::Part;
use crate::z85::{self, Z85Error};

/// Whether a client may come, and the status text of the reply.
type Decision<'py> = (bool, Bound<'py, PyBytes>);

fn decision(py: Python<'_>, verdict: Verdict) -> Decision<'_> {
    match verdict {
        Verdict::Allowed(_) => (true, PyBytes::new(py, b"OK")),
        Verdict::Denied(why) => (false, PyBytes::new(py, why.as_bytes())),
    }
}

/// What decides who may connect: addresses, and a copy of the passwords and keys that an Authenticator has.
///
/// Texts are given as the bytes that come over the wire. A domain is the server's ZAP_DOMAIN; the empty one is b"*".
#[pyclass(frozen, name = "ZapPolicy", module = "brokerless._core")]
pub struct PyZapPolicy {
    policy: Arc<Policy>,
}

#[pymethods]
impl PyZapPolicy {
    /// Nothing allowed, nothing denied, nothing loaded.
    #[new]
    fn new() -> Self {
        PyZapPolicy { policy: Arc::default() }
    }

    /// Lets clients from these addresses in, and no others. False if others were denied before.
    fn allow(&self, addresses: Vec<String>) -> bool {
        self.policy.allow(&addresses)
    }

    /// Keeps clients from these addresses out. False if others were allowed before.
    fn deny(&self, addresses: Vec<String>) -> bool {
        self.policy.deny(&addresses)
    }

    /// The addresses that were allowed.
    #[getter]
    fn allowed(&self) -> HashSet<String> {
        self.policy.addresses().0
    }

    /// The addresses that were denied.
    #[getter]
    fn denied(&self) -> HashSet<String> {
        self.policy.addresses().1
    }

    /// Tells that something has changed: the native handler decides nothing until the next load().
    fn change(&self) {
        self.policy.change();
    }

    /// The number of changes so far; ask before you copy what is to be loaded.
    #[getter]
    fn changes(&self) -> u64 {
        self.policy.changes()
    }

    /// Whether something has changed since what was loaded.
    #[getter]
    fn stale(&self) -> bool {
        self.policy.is_stale()
    }

    /// Takes a copy of what an Authenticator had after so many changes.
    ///
    /// Tables go by domain; None in place of one means that only Python can look into it. A password of None fits nothing.
    /// `asked` are the domains with a callback, `by_hand` leaves every request to Python, `names` that of a client with a key.
    #[pyo3(signature = (of, *, passwords, allow_any, asked, keys, by_hand, names))]
    #[allow(clippy::too_many_arguments)]
    fn load(
        &self,
        of: u64,
        passwords: HashMap<Vec<u8>, Option<Passwords>>,
        allow_any: bool,
        asked: HashSet<Vec<u8>>,
        keys: HashMap<Vec<u8>, Option<Keys>>,
        by_hand: bool,
        names: bool,
    ) {
        self.policy.load(of, Rules { passwords, allow_any, asked, keys, by_hand, names });
    }

    /// The decision on a name and password: whether, and why. None: only Python can tell.
    fn plain<'py>(
        &self,
        py: Python<'py>,
        domain: &[u8],
        username: &[u8],
        password: &[u8],
    ) -> Option<(bool, Bound<'py, PyBytes>)> {
        self.policy.plain(domain, username, password).map(|verdict| decision(py, verdict))
    }

    /// The decision on a key of 32 bytes: whether, and why. None: only Python can tell.
    fn curve<'py>(&self, py: Python<'py>, domain: &[u8], key: &[u8]) -> Option<(bool, Bound<'py, PyBytes>)> {
        self.policy.curve(domain, key).map(|verdict| decision(py, verdict))
    }

    /// Reads a request, and whether its address alone is reason enough to send it away.
    fn read(&self, msg: Vec<Bound<'_, PyAny>>) -> PyResult<PyZapRequest> {
        let frames = msg.iter().map(bytes_of).collect::<PyResult<Vec<_>>>()?;
        let parsed = PyZapRequest { frames, refusal: None, malformed: false };
        let (refusal, malformed) = match parsed.request() {
            Ok(request) => (self.policy.refuses(request.address), false),
            Err(refused) => (Some(refused.why), true),
        };
        Ok(PyZapRequest { refusal, malformed, ..parsed })
    }
}

/// A copy of what any bytes-like object has. An error does not show it: it may be a secret.
pub(super) fn bytes_of(data: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let wanted = |_| PyTypeError::new_err(format!("bytes are wanted here, not {}", data.get_type()));
    Ok(match Payload::of(data).map_err(wanted)?.part() {
        Part::Bytes(bytes) => bytes.to_vec(),
        Part::Message(message) | Part::Given(message) => message.as_slice().to_vec(),
    })
}

/// A request of ZAP (RFC 27): libzmq asks whether a client may connect.
#[pyclass(frozen, name = "ZapRequest", module = "brokerless._core")]
pub struct PyZapRequest {
    frames: Vec<Vec<u8>>,
    refusal: Option<&'static str>,
    malformed: bool,
}

impl PyZapRequest {
    fn request(&self) -> Result<Request<'_>, crate::auth::Refused<'_>> {
        let frames: Vec<&[u8]> = self.frames.iter().map(Vec::as_slice).collect();
        Request::parse(&frames)
    }

    fn frame<'py>(&self, py: Python<'py>, index: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.frames.get(index).map_or(b"", Vec::as_slice))
    }
}

#[pymethods]
impl PyZapRequest {
    /// The id, which the reply echoes.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.frame(py, 1)
    }

    /// The server's ZAP_DOMAIN; may be empty.
    #[getter]
    fn domain<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.frame(py, 2)
    }

    /// The mechanism by which the client says who it is: b"NULL", b"PLAIN", b"CURVE", b"GSSAPI".
    #[getter]
    fn mechanism<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.frame(py, 5)
    }

    /// What that mechanism wants to know of a client.
    #[getter]
    fn credentials<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.frames.iter().skip(6).map(|frame| PyBytes::new(py, frame)))
    }

    /// Why it is refused whoever asks: its address, or what is wrong with the request. None if it is not.
    #[getter]
    fn refusal<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.refusal.map(|why| PyBytes::new(py, why.as_bytes()))
    }

    /// Whether something is wrong with the request itself.
    #[getter]
    fn malformed(&self) -> bool {
        self.malformed
    }

    /// What a log says about the decision: never a password, and what the client sent is quoted.
    fn describe(&self, allowed: bool, why: &[u8], user: &[u8]) -> String {
        match self.request() {
            Ok(request) => describe(&request, allowed, why, user),
            Err(refused) => format!("refused a request of {} frames: {}", self.frames.len(), refused.why),
        }
    }
}

/// The frames of a reply: its status code is b"200", b"300", b"400" or b"500".
#[pyfunction]
pub fn zap_reply<'py>(
    py: Python<'py>,
    request_id: &[u8],
    status_code: &[u8],
    status_text: &[u8],
    user_id: &[u8],
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, reply(request_id, status_code, status_text, user_id).map(|frame| PyBytes::new(py, &frame)))
}

/// The decision on a password that was looked up elsewhere (None: there is no such user), in constant time.
#[pyfunction]
pub fn zap_password<'py>(py: Python<'py>, known: Option<&[u8]>, given: &[u8]) -> (bool, Bound<'py, PyBytes>) {
    decision(
        py,
        match known {
            None => Verdict::Denied("Invalid username"),
            Some(known) if is_same(known, given) => Verdict::Allowed(ANONYMOUS.to_vec()),
            Some(_) => Verdict::Denied("Invalid password"),
        },
    )
}

/// A native thread that replies to what comes to a REP socket, without the GIL. What only Python can tell is in take(), and
/// Python replies to it by the same socket. Dropped, it ends.
#[pyclass(frozen, name = "ZapHandler", module = "brokerless._core")]
pub struct PyZapHandler {
    handler: Handler,
}

/// Requests to reply to, lines to log by level (as in `logging`), and whether it has ended.
type PyNews<'py> = (Vec<Vec<Bound<'py, PyBytes>>>, Vec<(i32, String)>, bool);

#[pymethods]
impl PyZapHandler {
    #[new]
    fn new(py: Python<'_>, socket: &PySocket, policy: &PyZapPolicy) -> PyResult<Self> {
        let socket = socket.core().or_raise(py)?.clone();
        let handler = Handler::start(socket, policy.policy.clone()).or_raise(py)?;
        Ok(PyZapHandler { handler })
    }

    /// The descriptor to watch for input: there is something to take().
    fn fileno(&self) -> i32 {
        self.handler.fd()
    }

    /// What there is for Python: requests to reply to, (level, text) for the log, and whether the thread has ended.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<PyNews<'py>> {
        let news = self.handler.take();
        let asked = news.asked.iter().map(|frames| frames.iter().map(|frame| to_bytes(py, frame)).collect());
        let asked = asked.collect::<PyResult<_>>()?;
        let lines = news.lines.into_iter().map(|line| (number(line.level), line.text));
        Ok((asked, lines.collect(), news.ended))
    }

    /// Whether every decision is told for the log, or one in a second only.
    fn set_verbose(&self, verbose: bool) {
        self.handler.set_verbose(verbose);
    }

    /// Whether the thread has ended: it was stopped, its socket was closed, or the context has ended.
    #[getter]
    fn ended(&self) -> bool {
        self.handler.has_ended()
    }

    /// Ends the thread, and waits for it. The socket stays open.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.handler.ask_stop();
        self.join(py, None).map(drop)
    }

    /// Waits for its end, `timeout` seconds at most; whether it has ended.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.handler.join(end, signals))
    }
}

/// A level as `logging` counts it.
pub(super) fn number(level: Level) -> i32 {
    match level {
        Level::Debug => 10,
        Level::Warning => 30,
        Level::Error => 40,
    }
}

/// Bytes as Z85 (RFC 32). Raises ValueError if their number is not a multiple of 4.
#[pyfunction]
pub fn z85_encode<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let text = z85::encode(&bytes_of(data)?).map_err(raise)?;
    Ok(PyBytes::new(py, &text))
}

/// Z85 as bytes. Raises ValueError if its length is not a multiple of 5, or it is not Z85.
#[pyfunction]
pub fn z85_decode<'py>(py: Python<'py>, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let data = z85::decode(&bytes_of(text)?).map_err(raise)?;
    Ok(PyBytes::new(py, &data))
}

fn raise(error: Z85Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}
