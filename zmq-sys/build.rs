//! Builds libzmq 4.3.5 from the sources in the crate `zeromq-src`, with libsodium, the draft API and the platform's features.
//!
//! All of libzmq is compiled as one file, so that the compiler sees through the small calls between its parts (a message
//! passes many of them on its way): send and receive of 16 bytes over inproc take 38 ns instead of 61. It also takes
//! a fifth of the time to build.
//!
//! Upstream's CMake probes the machine and writes what it finds to platform.hpp; `zeromq-src` leaves that file empty.
//! Without the defines libzmq falls back to socket pairs (two descriptors a socket), knows no interface names and
//! ignores the TCP keepalive options. So they are named here, per target, and handed over in CXXFLAGS, where the C++
//! compiler's driver looks for them.
//!
//! HAVE_FORK is left out: it asks getpid(), a system call, up to three times for each wake-up of a thread, to notice that
//! a socket came by fork(). The core knows that without asking, and calls no libzmq there.

use std::path::{Path, PathBuf};
use std::{env, fs};

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

/// What `zeromq-src` defines for its own build.
const COMMON: &[&str] = &[
    "ZMQ_BUILD_DRAFT_API=1",
    "ZMQ_USE_CV_IMPL_STL11=1",
    "ZMQ_STATIC=1",
    "ZMQ_USE_BUILTIN_SHA1=1",
    "ZMQ_HAVE_WS=1",
    "ZMQ_USE_LIBSODIUM=1",
    "ZMQ_HAVE_CURVE=1",
    "ZMQ_HAVE_LINUX=1",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL=1",
    "ZMQ_POLL_BASED_ON_POLL=1",
    "ZMQ_HAVE_IPC=1",
    "HAVE_STRNLEN=1",
    "ZMQ_HAVE_UIO=1",
    "ZMQ_HAVE_STRUCT_SOCKADDR_UN=1",
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

/// How many messages a queue makes room for at once. The 256 of libzmq are 16 KiB for each direction of each connection; with
/// 32 a thousand connected sockets take a seventh less memory, and messages no longer. Its settings are an enum in a header,
/// which is included first here, so that all that follows sees ours.
const SETTINGS: &str = "#include \"config.hpp\"
#include \"demangle.hpp\"
#include \"text.hpp\"
namespace zmq { enum { smaller_message_pipe_granularity = 32 }; }
#define message_pipe_granularity smaller_message_pipe_granularity
";

/// A piece of libzmq's source with a fault: file, what it says, what it should.
type Mended = (&'static str, &'static str, &'static str);

const MENDED: &[Mended] = &[
    // Where a proxy (SOCKS_PROXY) does not answer, libzmq takes its descriptor off the poller, and once more when the socket closes,
    // which ends the process. What takes it off in all other connecters remembers that it did.
    ("socks_connecter.cpp", "    rm_fd (_handle);\n    close ();", "    rm_handle ();\n    close ();"),
    // What does not begin as ZMTP 2 and later do is taken for a peer of ZMTP 1, as libzmq 2 spoke it: a browser, a port scanner. It gets
    // what a PUSH, a DEALER or a REQ sends to one of its peers. But ZMTP 1 begins with the header of an identity, too: a length
    // that is not 0, and then flags, all of which are 0.
    (
        "zmtp_engine.cpp",
        "        if (_greeting_recv[0] != 0xff) {\n",
        "        if (_greeting_recv[0] != 0xff) {\n            if (_greeting_bytes_read < 2)\n                continue;\n",
    ),
    (
        "zmtp_engine.cpp",
        "    return unversioned ? 1 : 0;\n",
        "    if (unversioned\n        && (_greeting_recv[0] == 0\n            || _greeting_recv[_greeting_recv[0] == 0xff ? 9 : 1] != 0)) {
        errno = EPROTO;
        error (protocol_error);
        return -1;
    }
    return unversioned ? 1 : 0;\n",
    ),
    // A connection that ends when half of a multipart message is with the system drops the other half, which it takes from the
    // socket's pipe. But a socket that was closed with LINGER 0 has taken its pipe back by then: there is nothing more to drop, and
    // the process ended instead.
    (
        "session_base.cpp",
        "        rc = pull_msg (&msg);\n        errno_assert (rc == 0);",
        "        rc = pull_msg (&msg);\n        if (rc != 0) {\n            _incomplete_in = false;\n            break;\n        }",
    ),
    // Where the socket has refused a peer (a PAIR has only one), what that peer sends has no place, and libzmq waits for one: it reads no
    // more, never sees the peer go, and keeps its descriptor for ever.
    (
        "session_base.cpp",
        "        errno_assert (rc == 0);\n        return 0;\n    }\n\n    errno = EAGAIN;\n    return -1;\n}\n\nint zmq::session_base_t::read_zap_msg",
        "        errno_assert (rc == 0);
        return 0;
    }
    if (!_pipe) {
        int rc = msg_->close ();
        errno_assert (rc == 0);
        rc = msg_->init ();
        errno_assert (rc == 0);
        return 0;
    }

    errno = EAGAIN;
    return -1;
}

int zmq::session_base_t::read_zap_msg",
    ),
    // If the peer was faster than the refusal, its engine waits already: it is to go on.
    (
        "session_base.cpp",
        "    if (!is_terminating () && options.raw_socket) {\n",
        "    if (!_pipe && !is_terminating () && !_pending && !_active
        && !options.raw_socket && _engine && _engine->has_handshake_stage ())
        _engine->restart_input ();

    if (!is_terminating () && options.raw_socket) {\n",
    ),
    (
        "stream_engine_base.cpp",
        "    zmq_assert (_input_stopped);\n    zmq_assert (_session != NULL);",
        "    if (!_input_stopped)\n        return true;\n    zmq_assert (_session != NULL);",
    ),
];

/// Streams that libzmq only makes a string with; `src/text.hpp` says why they go.
const STREAMS: &[&str] = &["std::ostringstream", "std::stringstream"];

/// What macOS adds to it.
const APPLE: &[&str] = &["ZMQ_HAVE_LOCAL_PEERCRED", "ZMQ_HAVE_TCP_KEEPALIVE", "ZMQ_HAVE_PTHREAD_SETNAME_1"];

fn main() {
    for file in ["build.rs", "src/demangle.hpp", "src/text.hpp"] {
        println!("cargo:rerun-if-changed={file}");
    }
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
    match sources() {
        Some(vendor) if os == "linux" => build_as_one(&vendor, Path::new(&sodium("INCLUDE"))),
        found => {
            if found.is_none() {
                println!(
                    "cargo:warning=the sources of zeromq-src are not where it was compiled: a slower libzmq is built"
                );
            }
            let location = zeromq_src::LibLocation::new(sodium("LIB"), sodium("INCLUDE"));
            zeromq_src::Build::new().enable_draft(true).build_debug(false).with_libsodium(Some(location)).build();
        }
    }
}

/// Where `zeromq-src` has libzmq: beside its own source, which says where it is when it calls something of ours.
fn sources() -> Option<PathBuf> {
    struct Caller;
    impl From<Caller> for PathBuf {
        #[track_caller]
        fn from(_: Caller) -> Self {
            std::panic::Location::caller().file().into()
        }
    }
    let location = zeromq_src::LibLocation::new(Caller, "");
    let vendor = location.lib_dir().parent()?.parent()?.join("vendor");
    vendor.join("src/zmq.cpp").is_file().then_some(vendor)
}

fn build_as_one(vendor: &Path, sodium: &Path) {
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let mut names: Vec<String> = fs::read_dir(vendor.join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // "wss" is WebSockets over TLS, which needs gnutls.
        .filter(|name| name.ends_with(".cpp") && !name.starts_with("wss"))
        .collect();
    names.sort();
    let lines: String = names
        .iter()
        .map(|name| match mended(vendor, name, &out) {
            Some(ours) => format!("#include \"{}\"\n", ours.display()),
            None => format!("#include \"{name}\"\n"),
        })
        .collect();
    let all = out.join("libzmq.cpp");
    fs::write(&all, format!("{SETTINGS}{lines}")).unwrap();
    // Upstream's CMake would write what it finds here.
    fs::write(out.join("platform.hpp"), "").unwrap();

    let mut build = cc::Build::new();
    build.cpp(true).std("c++11").warnings(false).file(&all);
    for define in COMMON {
        let (name, value) = define.split_once('=').unwrap_or((define, "1"));
        build.define(name, value);
    }
    let ours = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let theirs = ["include", "src", "external/sha1"].map(|folder| vendor.join(folder));
    build.includes(theirs).includes([&ours, &out]).include(sodium);
    if has_strlcpy(&out) {
        build.define("ZMQ_HAVE_STRLCPY", "1");
    }
    build.compile("zmq");
    // In C, and so apart.
    let sha1 = vendor.join("external/sha1");
    cc::Build::new().include(&sha1).file(sha1.join("sha1.c")).compile("zmq_sha1");
}

/// Our copy of a source, if anything in it is not to stay as it is.
fn mended(vendor: &Path, name: &str, out: &Path) -> Option<PathBuf> {
    let source = fs::read_to_string(vendor.join("src").join(name)).unwrap();
    let mut ours = STREAMS.iter().fold(source.clone(), |text, stream| text.replace(stream, "zmq::text_t"));
    for (_, wrong, right) in MENDED.iter().filter(|(file, ..)| *file == name) {
        assert_eq!(ours.matches(wrong).count(), 1, "{name} is not that of libzmq 4.3.5: is it mended there?");
        ours = ours.replace(wrong, right);
    }
    if ours == source {
        return None;
    }
    let copy = out.join(name);
    fs::write(&copy, ours).unwrap();
    Some(copy)
}

/// Whether the C library has it (musl; glibc from 2.38 on): libzmq brings its own where not, which must not meet another.
fn has_strlcpy(out: &Path) -> bool {
    let probe = out.join("strlcpy.c");
    fs::write(&probe, "#include <string.h>\nsize_t (*found)(char *, const char *, size_t) = strlcpy;\n").unwrap();
    let mut build = cc::Build::new();
    build.cargo_metadata(false).cargo_warnings(false).file(probe).try_compile("strlcpy").is_ok()
}
