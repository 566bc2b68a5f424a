"""Which of pyzmq's tests count, and why the others do not.

pyzmq 27.3.0 has 460 tests where gevent is installed; it passes 427 of them and skips 33. Of these 460,

- 39 are in the files of LEFT_OUT, and 72 are about zmq.green (65 exist only with gevent, which is not installed here):
  they test pyzmq's build, or what no other implementation can have;
- 14 pyzmq skips itself (PYZMQ_SKIPS): what another implementation passes of them is a gain, but no duty.

That leaves 335, which pyzmq passes: COUNTS says how many of them each file has.
"""

from __future__ import annotations

VERSION = "27.3.0"
SHA256 = "bbedb3d1d99babc625f1dd9d7438acefd442b36b75073fd6bc1ef7c0a4b96d56"

#: What the tests import, and pytest with what the suite's pytest.ini asks for. pyzmq must not come in with any of it.
REQUIREMENTS = ("numpy", "pytest>=7.4", "pytest-asyncio>=0.24", "pytest-rerunfailures", "tornado>=5")

LEFT_OUT = {
    "test_cffi_backend.py": "tests pyzmq's backend for PyPy, function by function",
    "test_cython.py": "compiles Cython code against pyzmq's C headers",
    "test_includes.py": "looks for pyzmq's C headers",
    "test_mypy.py": "type-checks pyzmq's examples, which are not in its sdist's tests",
    "test_win32_shim.py": "only for Windows",
}

#: Tests that exist twice, once for gevent.
GREEN = "zmq.green"

_DRAFT = "pyzmq's wheels have no draft API"
_STEERABLE = "pyzmq takes them for removed in libzmq 4.3.5"
_PYCZMQ = "needs pyczmq, which has no release for Python 3"
_BUNDLED = "needs pyzmq's module of a bundled libzmq"
_TODO = "not written yet: pyzmq has no way to interrupt it"

PYZMQ_SKIPS = {
    "tests/test_asyncio.py::test_draft_asyncio": _DRAFT,
    "tests/test_context.py::TestContext::test_shadow_pyczmq": _PYCZMQ,
    "tests/test_draft.py::TestDraftSockets::test_client_server": _DRAFT,
    "tests/test_draft.py::TestDraftSockets::test_client_server_frame": _DRAFT,
    "tests/test_draft.py::TestDraftSockets::test_radio_dish": _DRAFT,
    "tests/test_draft.py::test_draft_fd": _DRAFT,
    "tests/test_etc.py::test_has_curve": _BUNDLED,
    "tests/test_etc.py::test_has_ipc": _BUNDLED,
    "tests/test_proxy_steerable.py::TestProxySteerable::test_proxy_steerable": _STEERABLE,
    "tests/test_proxy_steerable.py::TestProxySteerable::test_proxy_steerable_bind_to_random_with_args": _STEERABLE,
    "tests/test_proxy_steerable.py::TestProxySteerable::test_proxy_steerable_statistics": _STEERABLE,
    "tests/test_retry_eintr.py::TestEINTRSysCall::test_retry_getsockopt": _TODO,
    "tests/test_retry_eintr.py::TestEINTRSysCall::test_retry_setsockopt": _TODO,
    "tests/test_socket.py::TestSocket::test_shadow_pyczmq": _PYCZMQ,
}

#: Files whose tests race with pyzmq too, and how often what has not passed of them is run again: test_log's log before the
#: subscription has surely arrived, and then wait for ever.
RERUNS = {"test_log.py": 5}

#: How many tests of each file pyzmq passes: 335 in all.
COUNTS = {
    "test_asyncio.py": 25,
    "test_auth.py": 31,
    "test_constants.py": 42,
    "test_context.py": 27,
    "test_curve_keygen.py": 4,
    "test_decorators.py": 27,
    "test_device.py": 8,
    "test_error.py": 3,
    "test_etc.py": 1,
    "test_ext.py": 1,
    "test_future.py": 20,
    "test_imports.py": 16,
    "test_ioloop.py": 2,
    "test_log.py": 9,
    "test_message.py": 20,
    "test_monitor.py": 6,
    "test_monqueue.py": 8,
    "test_multipart.py": 2,
    "test_pair.py": 4,
    "test_poll.py": 8,
    "test_pubsub.py": 2,
    "test_reqrep.py": 6,
    "test_retry_eintr.py": 4,
    "test_security.py": 5,
    "test_socket.py": 38,
    "test_ssh.py": 1,
    "test_version.py": 4,
    "test_z85.py": 4,
    "test_zmqstream.py": 7,
}


def counts(test: str) -> bool:
    """Whether a test, by its pytest id, is one of those that pyzmq passes."""
    return GREEN not in test and test not in PYZMQ_SKIPS
