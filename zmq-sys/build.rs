//! Builds libzmq 4.3.5 from the crate `zeromq-src`, with libsodium, the draft API and the platform's features.
//!
//! Upstream's CMake probes the machine and writes what it finds to platform.hpp; `zeromq-src` leaves that file empty.
//! Without the defines libzmq falls back to socket pairs (two descriptors a socket), knows no interface names and
//! ignores the TCP keepalive options. So they are named here, per target, and handed over in CXXFLAGS, where the C++
//! compiler's driver looks for them.
//!
//! HAVE_FORK is left out: it asks getpid(), a system call, up to three times for each wake-up of a thread, to notice that
//! a socket came by fork(). The core knows that without asking, and calls no libzmq there.

use std::env;

/// What upstream's probes find on every Unix that we build for.
const UNIX: &[&str] = &[
    "HAVE_CLOCK_GETTIME",
    "HAVE_MKDTEMP",
    "HAVE_IF_NAMETOINDEX",
    "HAVE_POSIX_MEMALIGN=1",
    "ZMQ_CACHELINE_SIZE=64",
    "ZMQ_HAVE_NOEXCEPT",
    "ZMQ_HAVE_IFADDRS",
    "ZMQ_HAVE_O_CLOEXEC",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "SODIUM_STATIC",
];

/// What glibc and musl on Linux add to that.
const LINUX: &[&str] = &[
    "HAVE_ACCEPT4",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
    "ZMQ_HAVE_EVENTFD",
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_HAVE_SO_BINDTODEVICE",
    "ZMQ_HAVE_SO_PEERCRED",
    "ZMQ_HAVE_SO_PRIORITY",
    "ZMQ_HAVE_BUSY_POLL",
    "ZMQ_HAVE_PPOLL",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_PTHREAD_SETNAME_2",
    "ZMQ_HAVE_PTHREAD_SET_AFFINITY",
    "ZMQ_HAVE_TIPC",
];

/// What macOS adds to it.
const APPLE: &[&str] = &["ZMQ_HAVE_LOCAL_PEERCRED", "ZMQ_HAVE_TCP_KEEPALIVE", "ZMQ_HAVE_PTHREAD_SETNAME_1"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let platform = match os.as_str() {
        "linux" => [UNIX, LINUX].concat(),
        "macos" => [UNIX, APPLE].concat(),
        _ => Vec::new(),
    };
    let mut flags = env::var("CXXFLAGS").unwrap_or_default();
    for define in platform {
        flags.push_str(" -D");
        flags.push_str(define);
    }
    if os != "windows" {
        // Nothing of libzmq may be seen by another libzmq in the same process (pyzmq's, under a Jupyter kernel).
        flags.push_str(" -fvisibility=hidden -fvisibility-inlines-hidden");
        // As on ARM. Where char is signed, libzmq reads the length of a group in a datagram, a byte, as negative, and ends
        // the process: anybody who can send a datagram to a DISH could do that.
        flags.push_str(" -funsigned-char");
    }
    env::set_var("CXXFLAGS", flags);

    let sodium = |what: &str| {
        env::var(format!("DEP_SODIUM_{what}"))
            .unwrap_or_else(|_| panic!("libsodium-sys-stable did not say where its {what} is"))
    };
    let location = zeromq_src::LibLocation::new(sodium("LIB"), sodium("INCLUDE"));
    zeromq_src::Build::new().enable_draft(true).build_debug(false).with_libsodium(Some(location)).build();
}
