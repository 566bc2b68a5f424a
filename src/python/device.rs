//! Devices for Python: an engine on a native thread (`Device`), or in the calling one (`proxy`).

use pyo3::prelude::*;

use super::errors::OrRaise;
use super::interrupt::{blocking, deadline, duration};
use super::socket::PySocket;
use crate::device::{Capture, Device, Engine, Farewell, Moved, Phase, Prefixes, Steer};
use crate::error::Result;

/// What a device has moved: whole messages (a multipart message is one) and the bytes of all their frames.
#[pyclass(frozen, eq, get_all, name = "DeviceStats", module = "brokerless._core")]
#[derive(PartialEq, Eq)]
pub struct PyDeviceStats {
    /// Messages moved from the frontend to the backend.
    frontend_messages: u64,
    /// Bytes moved from the frontend to the backend.
    frontend_bytes: u64,
    /// Messages moved from the backend to the frontend.
    backend_messages: u64,
    /// Bytes moved from the backend to the frontend.
    backend_bytes: u64,
}

impl From<Moved> for PyDeviceStats {
    fn from(moved: Moved) -> Self {
        PyDeviceStats {
            frontend_messages: moved.frontend_messages,
            frontend_bytes: moved.frontend_bytes,
            backend_messages: moved.backend_messages,
            backend_bytes: moved.backend_bytes,
        }
    }
}

#[pymethods]
impl PyDeviceStats {
    /// Nothing moved yet.
    #[new]
    fn new() -> Self {
        Moved::default().into()
    }

    fn __repr__(&self) -> String {
        format!(
            "DeviceStats(frontend_messages={}, frontend_bytes={}, backend_messages={}, backend_bytes={})",
            self.frontend_messages, self.frontend_bytes, self.backend_messages, self.backend_bytes
        )
    }
}

/// A device that runs on a native thread of its own, which never takes the GIL. The sockets are its own from now on: it
/// closes them at its end. Dropped, it stops by itself.
#[pyclass(frozen, name = "Device", module = "brokerless._core")]
pub struct PyDevice {
    device: Device,
}

impl PyDevice {
    /// The core's device.
    pub fn core(&self) -> &Device {
        &self.device
    }
}

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (frontend, backend, capture=None))]
    fn new(py: Python<'_>, frontend: &PySocket, backend: &PySocket, capture: Option<&PySocket>) -> PyResult<Self> {
        let device = engine(frontend, backend, capture, None, None).and_then(Device::start).or_raise(py)?;
        Ok(PyDevice { device })
    }

    /// What it has moved so far; also after its end.
    #[getter]
    fn stats(&self) -> PyDeviceStats {
        self.device.moved().into()
    }

    /// What it does: "running", "paused", "stopping" or "ended".
    #[getter]
    fn phase(&self) -> &'static str {
        match self.device.phase() {
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Stopping => "stopping",
            Phase::Ended => "ended",
        }
    }

    /// Stops the flow; nothing is moved from the moment this returns until resume().
    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, |signals| self.device.pause(signals))
    }

    /// Lets the messages flow again.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, |signals| self.device.resume(signals))
    }

    /// Asks it to end: to take in nothing new, to pass on what it has (for `timeout` seconds at most), and to close.
    #[pyo3(signature = (timeout=None))]
    fn ask_stop(&self, timeout: Option<f64>) -> PyResult<()> {
        let time = timeout.map(duration).transpose()?;
        self.device.ask_stop(Farewell::within(time));
        Ok(())
    }

    /// Waits for its end, `timeout` seconds at most; whether it has ended. Raises what made it end, if that was an error.
    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let end = deadline(timeout)?;
        blocking(py, |signals| self.device.join(end, signals))
    }
}

/// Moves messages between two sockets in the calling thread, without the GIL, until a socket is closed, the context ends,
/// `control` says TERMINATE, or a signal handler raises.
///
/// `prefixes` are the frames that stand before the copies to `capture`, for each way, and make it a monitored queue.
#[pyfunction]
#[pyo3(signature = (frontend, backend, capture=None, control=None, prefixes=None))]
pub fn proxy(
    py: Python<'_>,
    frontend: &PySocket,
    backend: &PySocket,
    capture: Option<&PySocket>,
    control: Option<&PySocket>,
    prefixes: Option<(Vec<u8>, Vec<u8>)>,
) -> PyResult<()> {
    let prefixes = prefixes.map(|(forth, back)| Prefixes { forth, back });
    let mut engine = engine(frontend, backend, capture, control, prefixes).or_raise(py)?;
    let steer = Steer::new().or_raise(py)?;
    blocking(py, |signals| engine.run(&steer, signals))
}

fn engine(
    frontend: &PySocket,
    backend: &PySocket,
    capture: Option<&PySocket>,
    control: Option<&PySocket>,
    prefixes: Option<Prefixes>,
) -> Result<Engine> {
    let mut engine = Engine::new(frontend.core()?.clone(), backend.core()?.clone())?;
    if prefixes.is_some() {
        engine = engine.swapping_ids();
    }
    if let Some(capture) = capture {
        engine = engine.capturing(Capture::new(capture.core()?.clone(), prefixes)?);
    }
    if let Some(control) = control {
        engine = engine.controlled(control.core()?.clone())?;
    }
    Ok(engine)
}
