//! A context's lists of clients for Python: who may come, who was refused, and lines for the log. See `brokerless.security`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::auth::number;
use super::context::PyContext;
use super::errors::OrRaise;
use super::interrupt::blocking;
use super::socket::PySocket;
use crate::auth::{Book, Guard, List, Refusal};
use crate::error::Error;
use crate::wait::{wait, Deadline, Source};

/// A refusal: address, mechanism, who, why, how often, the first and the last time (seconds since 1970).
type PyRefusal = (String, String, String, &'static str, u64, f64, f64);

/// The native ZAP handler of a context whose servers have lists of clients: who is on none is refused.
///
/// Made for the same context again it is the same handler, which ends with the context. A domain is a server's ZAP_DOMAIN.
/// Raises ZMQError(EADDRINUSE) where an authenticator runs, ContextTerminated after the end of the context.
#[pyclass(frozen, name = "Guard", module = "brokerless._core")]
pub struct PyGuard {
    guard: Arc<Guard>,
}

impl PyGuard {
    /// Not in a forked child, where a thread of the parent may have its locks for ever.
    fn book(&self, py: Python<'_>) -> PyResult<&Book> {
        if self.guard.handler().forked() {
            return Err(Error::forked()).or_raise(py);
        }
        Ok(self.guard.book())
    }
}

#[pymethods]
impl PyGuard {
    #[new]
    fn new(py: Python<'_>, context: &PyContext) -> PyResult<Self> {
        let guard = py.detach(|| context.core()?.guard()).or_raise(py)?;
        Ok(PyGuard { guard })
    }

    /// Sets who may come to a domain: names by public key (32 bytes each), passwords by name, or, without either, whoever has
    /// a key. Raises ValueError for a key of another size.
    #[pyo3(signature = (domain, *, keys=None, passwords=None))]
    fn admit(
        &self,
        py: Python<'_>,
        domain: &[u8],
        keys: Option<HashMap<Vec<u8>, String>>,
        passwords: Option<HashMap<String, String>>,
    ) -> PyResult<()> {
        let list = match (keys, passwords) {
            (None, None) => List::Anyone,
            (None, Some(passwords)) => List::Passwords(passwords),
            (Some(keys), None) => {
                let sized = |(key, name): (Vec<u8>, String)| Some((<[u8; 32]>::try_from(key).ok()?, name));
                let keys = keys.into_iter().map(sized).collect::<Option<_>>();
                List::Keys(keys.ok_or_else(|| PyValueError::new_err("a public key has 32 bytes"))?)
            }
            (Some(_), Some(_)) => return Err(PyValueError::new_err("a domain has keys or passwords, not both")),
        };
        self.book(py)?.admit(domain, list);
        Ok(())
    }

    /// Whether a domain has a list.
    fn has(&self, py: Python<'_>, domain: &[u8]) -> PyResult<bool> {
        Ok(self.book(py)?.has(domain))
    }

    /// Lets nobody come to a domain any more.
    fn forget(&self, py: Python<'_>, domain: &[u8]) -> PyResult<()> {
        self.book(py)?.forget(domain);
        Ok(())
    }

    /// Has handshakes that fail before anybody is asked noted as refusals, too. Watches the socket, if nobody does.
    fn watch(&self, py: Python<'_>, socket: &PySocket, domain: &[u8]) -> PyResult<()> {
        let core = socket.core().or_raise(py)?;
        py.detach(|| core.tell_guard(&self.guard, domain)).or_raise(py)
    }

    /// Who was refused at a domain, the latest last: (address, mechanism, who, why, count, first, last), where the times are
    /// seconds since 1970. A context remembers 256 different ones.
    fn refusals(&self, py: Python<'_>, domain: &[u8]) -> PyResult<Vec<PyRefusal>> {
        Ok(self.book(py)?.refusals(domain).into_iter().map(refusal).collect())
    }

    /// Waits for lines to log, which are returned with their levels (as in `logging`); None when the handler has ended.
    fn lines(&self, py: Python<'_>) -> PyResult<Option<Vec<(i32, String)>>> {
        let handler = self.guard.handler();
        let news = blocking(py, |signals| loop {
            let news = handler.take();
            if news.ended || !news.lines.is_empty() {
                return Ok(news);
            }
            wait(&mut [Source::readable(handler.fd())], Deadline::never(), signals)?;
        })?;
        let lines = news.lines.into_iter().map(|line| (number(line.level), line.text)).collect::<Vec<_>>();
        Ok((!lines.is_empty()).then_some(lines))
    }

    /// Whether every decision is told for the log, or one in a second only. Refusals are told always.
    fn set_verbose(&self, verbose: bool) {
        self.guard.handler().set_verbose(verbose);
    }

    /// Whether the caller is the first to ask: the one who logs the lines.
    fn begin_log(&self) -> bool {
        self.guard.begin_log()
    }

    /// Whether it decides no more: its context has ended.
    #[getter]
    fn ended(&self) -> bool {
        self.guard.handler().has_ended()
    }
}

fn refusal(one: Refusal) -> PyRefusal {
    let Refusal { address, mechanism, who, why, count, first, last, .. } = one;
    (address, mechanism, who, why, count, seconds(first), seconds(last))
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
