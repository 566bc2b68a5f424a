//! The glue between the core and Python: it parses arguments into types, calls the core, maps the result.
//!
//! [`errors`] turns the core's one error into pyzmq's exceptions, [`interrupt`] lets Python's signal handlers end a
//! wait, [`buffer`] lends Python's bytes to the core. The classes are [`context`], [`socket`] (with [`send`], [`recv`],
//! [`batch`], [`array`], [`monitor`], [`peers`] and [`survey`]) and [`frame`] (whose memory may be on [`loan`], which a
//! [`tracker`] follows), and, for event loops, [`future`] and [`waiter`]; [`poller`] and [`process`] are functions;
//! [`pipeline`] has the loops of its roles, [`auth`] the handler that says who may connect, [`guard`] that of a context's
//! own, [`sampler`] what plots are made of, and [`trace`] what went through sockets. Policy and looks are Python's: see the package.

pub mod array;
pub mod auth;
pub mod batch;
pub mod buffer;
pub mod context;
pub mod device;
pub mod errors;
pub mod frame;
pub mod future;
pub mod guard;
pub mod interrupt;
pub mod json;
pub mod loan;
pub mod monitor;
pub mod options;
pub mod peers;
pub mod pipeline;
pub mod poller;
pub mod process;
pub mod recv;
pub mod sampler;
pub mod send;
pub mod socket;
pub mod survey;
pub mod trace;
pub mod tracker;
pub mod waiter;

use pyo3::prelude::*;

/// The Rust core of brokerless. Import `brokerless`, not this.
// A free-threaded Python keeps its GIL with us: nothing in here is known to need it, but no test has run without.
#[pymodule(gil_used = true)]
pub mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::array::{array_frames, array_from_frames};
    #[pymodule_export]
    use super::auth::{z85_decode, z85_encode, zap_password, zap_reply, PyZapHandler, PyZapPolicy, PyZapRequest};
    #[pymodule_export]
    use super::batch::haul::{record_layout, PyHaul};
    #[pymodule_export]
    use super::context::PyContext;
    #[pymodule_export]
    use super::device::{proxy, PyDevice, PyDeviceStats};
    #[pymodule_export]
    use super::frame::PyFrame;
    #[pymodule_export]
    use super::future::PyAsyncSocket;
    #[pymodule_export]
    use super::guard::PyGuard;
    #[pymodule_export]
    use super::json::{json_dumps, json_loads};
    #[pymodule_export]
    use super::loan::{loans, PyReleased};
    #[pymodule_export]
    use super::options::constants_table;
    #[pymodule_export]
    use super::peers::PyPeer;
    #[pymodule_export]
    use super::pipeline::dispatcher::PyDispatcher;
    #[pymodule_export]
    use super::pipeline::gatherer::PyGatherer;
    #[pymodule_export]
    use super::pipeline::send::{close_delivered, send_end, send_jobs};
    #[pymodule_export]
    use super::pipeline::service::PyService;
    #[pymodule_export]
    use super::pipeline::stream::PyStream;
    #[pymodule_export]
    use super::pipeline::work::PyWorkLoop;
    #[pymodule_export]
    use super::poller::{poll, poll_ready};
    #[pymodule_export]
    use super::process::{
        curve_keypair, curve_public, fitting_types, flush_at_exit, get_spin, has, set_spin, strerror, zmq_errno,
        zmq_version_info,
    };
    #[pymodule_export]
    use super::sampler::PySampler;
    #[pymodule_export]
    use super::socket::{PySocket, PyStats};
    #[pymodule_export]
    use super::trace::PyTrace;
    #[pymodule_export]
    use super::waiter::PyWaiter;

    /// The version of the crate, which is the package's.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// The longest path of an ipc endpoint, in bytes.
    #[pymodule_export]
    const IPC_PATH_MAX_LEN: usize = crate::endpoint::IPC_PATH_MAX_LEN;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::buffer::shorten(&module.py().get_type::<PySocket>())
    }
}
