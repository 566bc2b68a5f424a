//! The JSON codec beside Python's own `json`, in one process: what it reads is what `json.loads` reads, to the type, the sign
//! of zero and the order of a dict; what it writes are the bytes of `json.dumps`. Where it gives up, the package asks `json`
//! itself, and so there is nothing to compare; but it must not give up what is plain.

#![no_main]

use std::ffi::CString;
use std::sync::LazyLock;

use _core::python::_core;
use libfuzzer_sys::fuzz_target;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Judges one message: what is wrong with it, or None. It is written in Python, as it is about Python.
const JUDGE: &str = r#"
import json

class Odd(str):
    pass

def is_plain(value, depth=0):
    # What json.dumps writes and nothing but that: no integers that 64 bits do not hold, no NaN, no depth.
    kind = type(value)
    if kind is list:
        return depth < 100 and all(is_plain(one, depth + 1) for one in value)
    if kind is dict:
        return depth < 100 and all(is_plain(one, depth + 1) for pair in value.items() for one in pair)
    if kind is int:
        return -2**63 <= value < 2**64
    if kind is float:
        return value == value and abs(value) != float("inf")
    return kind is not str or not any("\ud800" <= one <= "\udfff" for one in value)

def judge(core, data):
    try:
        expected = json.loads(data.decode("utf8"))
    except (ValueError, RecursionError) as error:
        expected = error
    read = core.json_loads(data)
    if isinstance(expected, Exception):
        return None if read is NotImplemented else f"read as {read!r:.200}, and json says {expected!r:.200}"
    if read is not NotImplemented and repr(read) != repr(expected):
        return f"read as {read!r:.200} and not as {expected!r:.200}"
    for value in (expected, [expected], (expected, expected), {Odd("a"): expected}):
        wanted = json.dumps(value).encode("utf8")
        written = core.json_dumps(value)
        if written is not None and written != wanted:
            return f"written as {written!r:.200} and not as {wanted!r:.200}"
    if is_plain(expected):
        written = core.json_dumps(expected)
        if written is None:
            return f"not written, though plain: {expected!r:.200}"
        if "-0" not in (text := written.decode()) and "e" not in text and core.json_loads(written) is NotImplemented:
            return f"not read, though plain: {written!r:.200}"
    return None
"#;

struct Judge {
    judge: Py<PyAny>,
    core: Py<PyModule>,
}

static JUDGE_OF_ALL: LazyLock<Judge> = LazyLock::new(|| {
    let made = Python::attach(|py| -> PyResult<Judge> {
        let code = CString::new(JUDGE)?;
        let judge = PyModule::from_code(py, &code, c"judge.py", c"judge")?.getattr("judge")?.unbind();
        Ok(Judge { judge, core: pyo3::wrap_pymodule!(_core)(py) })
    });
    made.expect("a Python with json")
});

fuzz_target!(|data: &[u8]| {
    let Judge { judge, core } = &*JUDGE_OF_ALL;
    Python::attach(|py| {
        let wrong = judge.call1(py, (core, PyBytes::new(py, data)));
        let wrong: Option<String> = wrong.and_then(|wrong| wrong.extract(py)).expect("a judgement");
        assert_eq!(wrong, None);
    });
});
