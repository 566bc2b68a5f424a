//! Makes the core's own files ready for loom, in OUT_DIR: what they take from std and from the system is taken from this
//! crate, by name, and each mutation is put beside what it replaces, to be chosen when the program runs.
//!
//! Nothing else is changed, and each change must find its place: where the core has moved on, this fails.

use std::path::{Path, PathBuf};
use std::{env, fs};

include!("mutations.rs");

/// The core's files. All that they name beyond these is in `src/` here.
const FILES: &[&str] = &[
    "batch", "closing", "error", "event", "listener", "lock", "message", "poller", "socket", "transfer", "turns",
    "underway", "wait",
];

/// In every file: from where a thing comes.
const NAMES: &[(&str, &str)] = &[
    ("std::sync::atomic", "crate::atomics"),
    ("std::thread::", "crate::threads::"),
    ("std::os::fd", "crate::system::fd"),
    ("thread_local!", "crate::of_thread!"),
    ("parking_lot::", "crate::locks::"),
    ("rustix::", "crate::system::"),
    ("zmq_sys::", "crate::zmq_sys::"),
];

/// In one file: 64 turns in a row would be more steps than loom can try; and what a thread makes for all begins in that thread.
const ALSO: &[(&str, &str, &str)] = &[
    ("lock", "const STREAK: u32 = 64;", "const STREAK: u32 = 1;"),
    ("wait", "rung: AtomicBool::new(false)", "rung: AtomicBool::begun(false)"),
];

/// Of the core's ffi.rs, whose other parts call libzmq: how a Lock becomes a mutex.
const LOCK_IMPL: (&str, &str) =
    ("// SAFETY: one thread at a time is inside a Lock", "/// A number that is this thread's");

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=mutations.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let mut modules = String::new();
    for name in FILES {
        let mut text = read(&root, name);
        for (file, original, ours) in ALSO {
            if file == name {
                text = replaced(&text, name, original, ours);
            }
        }
        for Mutation { id, file, original, mutated, .. } in MUTATIONS {
            if file == name {
                let chosen = format!("if crate::mutated({id:?}) {{ {mutated} }} else {{ {original} }}");
                // In the place of an expression it needs parentheses; as a statement it has none.
                let chosen = if original.ends_with([';', '}']) { chosen } else { format!("({chosen})") };
                text = replaced(&text, name, original, &chosen);
            }
        }
        text = renamed(&text);
        let copy = out.join(format!("{name}.rs"));
        fs::write(&copy, text).unwrap();
        modules.push_str(&format!(
            "#[allow(unused_parens)]\n#[path = {:?}]\npub mod {name};\n",
            copy.display().to_string()
        ));
    }
    fs::write(out.join("core.rs"), modules).unwrap();

    let ffi = read(&root, "ffi");
    let (from, to) = LOCK_IMPL;
    let start = ffi.find(from).expect("ffi.rs has its Lock elsewhere");
    let end = start + ffi[start..].find(to).expect("ffi.rs has its Lock elsewhere");
    fs::write(out.join("lock_impl.rs"), renamed(&ffi[start..end])).unwrap();
}

/// A file of the core, without its tests.
fn read(root: &Path, name: &str) -> String {
    let path = root.join("src").join(format!("{name}.rs"));
    println!("cargo:rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn renamed(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn replaced(text: &str, file: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "src/{file}.rs should have this once: {from}");
    text.replace(from, to)
}
