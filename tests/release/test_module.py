"""What is read from a compiled module, and what is found wrong with one; ours as it was built for these tests, and variations."""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elftools.common.exceptions import ELFError
from hypothesis import given
from hypothesis import strategies as st

from brokerless import _core
from tools.wheels import elf, symbols
from tools.wheels.targets import Target, pythons

PYTHON = "{}.{}".format(*sys.version_info)
HERE = Target(platform.machine(), PYTHON)


@pytest.fixture(scope="module")
def module() -> elf.Module:
    return elf.read(Path(_core.__file__).read_bytes())


@pytest.fixture
def fitting(module: elf.Module) -> elf.Module:
    """As a wheel's would be: with a compiler's own C++ runtime linked in, and an old glibc."""
    return replace(module, needed=frozenset({"libc.so.6"}), versions=frozenset({"GLIBC_2.4", "GLIBC_2.17"}))


def test_a_real_module(module: elf.Module) -> None:
    assert module.exported == {"PyInit__core"}
    assert "libc.so.6" in module.needed
    assert {"PyModule_AddObject", "PyObject_GetBuffer"} & module.python_symbols
    assert not {name for name in module.python_symbols if not name.startswith(("Py", "_Py"))}
    assert module.glibc >= (2, 2)


def test_no_module_at_all() -> None:
    with pytest.raises(ELFError):
        elf.read(b"#!/bin/sh\n")


def test_nothing_is_wrong_with_one_that_fits(fitting: elf.Module) -> None:
    assert elf.faults(fitting, HERE) == []
    assert fitting.glibc == (2, 17)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"machine": "EM_RISCV"}, "it is for EM_RISCV"),
        ({"versions": {"GLIBC_2.17", "GLIBC_2.28"}}, "it asks for GLIBC_2.28, newer than GLIBC_2.17"),
        ({"versions": {"GLIBC_2.17", "GLIBCXX_3.4"}}, "it asks for GLIBCXX_3.4"),
        ({"needed": {"libc.so.6", "libstdc++.so.6"}}, "it needs libstdc++.so.6, which must be linked in"),
        ({"needed": {"libc.so.6", "libpython3.11.so.1.0"}}, "it needs libpython3.11"),
        ({"exported": {"PyInit__core", "zmq_send"}}, "it exports PyInit__core, zmq_send"),
        ({"exported": set()}, "it exports nothing"),
        ({"search_paths": {"/home/me/lib"}}, "it looks for libraries in /home/me/lib"),
    ],
)
def test_what_is_wrong_is_named(fitting: elf.Module, change: dict[str, Any], words: str) -> None:
    [fault] = elf.faults(
        replace(
            fitting, **{name: frozenset(value) if isinstance(value, set) else value for name, value in change.items()}
        ),
        HERE,
    )
    assert words in fault


def test_loaders_and_glibcs_own_libraries_are_fine(fitting: elf.Module) -> None:
    needed = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-aarch64.so.1"}
    assert elf.faults(replace(fitting, needed=frozenset(needed)), HERE) == []


def test_this_python_has_all_that_the_module_calls(module: elf.Module) -> None:
    assert symbols.faults(module, HERE) == []


def test_a_python_that_lacks_a_function_is_named(module: elf.Module) -> None:
    newer = replace(module, undefined=frozenset({"PyObject_Call", "PyType_GetModuleByDef", "malloc"}))
    assert symbols.faults(newer, Target("aarch64", "3.8")) == ["CPython 3.8 has no PyType_GetModuleByDef"]
    assert symbols.faults(newer, Target("aarch64", "3.12")) == []
    assert symbols.faults(newer, Target("aarch64", "3.99")) == ["python_symbols.txt knows nothing of CPython 3.99"]


def test_the_record_knows_every_python() -> None:
    known = symbols.load()
    assert set(known) == set(pythons())
    assert all(len(names) > 1000 for names in known.values())


def test_the_record_is_true_of_this_python() -> None:
    public = [name for name in symbols.load()[PYTHON] if name.startswith("Py")]
    assert [name for name in public if not hasattr(ctypes.pythonapi, name)] == []


@given(st.dictionaries(st.sampled_from(pythons()), st.frozensets(st.sampled_from(["PyA", "PyB", "_PyC"]), min_size=1)))
def test_a_record_reads_as_it_was_written(found: dict[str, frozenset[str]]) -> None:
    whole = {version: found.get(version, frozenset({"Py_Always"})) for version in pythons()}
    assert symbols.load(symbols.dump(whole)) == whole
