"""The errors are pyzmq's: classes, errno and strerror; the text may say more, and nothing of it is lost in a pickle."""

from __future__ import annotations

import copy
import errno
import inspect
import pickle
import warnings

import pytest

from brokerless import _core, constants, error
from brokerless.error import (
    Again,
    ContextTerminated,
    DraftFDWarning,
    ForkedProcessError,
    InterruptedSystemCall,
    NotDone,
    SocketClosed,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
)

# What is different on purpose: two classes for what pyzmq reports as a bare ENOTSOCK or does not notice.
ONLY_HERE = {"ForkedProcessError", "SocketClosed", "UnknownAttribute"}

ONE_ERRNO = {
    Again: errno.EAGAIN,
    ContextTerminated: constants.ETERM,
    InterruptedSystemCall: errno.EINTR,
    SocketClosed: errno.ENOTSOCK,
    ForkedProcessError: errno.ENOTSUP,
}


@pytest.fixture(scope="module")
def pyzmq():
    """pyzmq's module of errors, if pyzmq is installed."""
    return pytest.importorskip("zmq.error")


def test_same_names_as_pyzmq(pyzmq):
    assert set(error.__all__) - set(pyzmq.__all__) == ONLY_HERE
    assert set(pyzmq.__all__) <= set(error.__all__)


def test_same_hierarchy_as_pyzmq(pyzmq):
    for name in pyzmq.__all__:
        theirs, ours = getattr(pyzmq, name), getattr(error, name)
        assert [base.__name__ for base in ours.__mro__] == [base.__name__ for base in theirs.__mro__]


@pytest.mark.parametrize("number", [*range(1, 40), errno.EADDRINUSE, errno.ENOTSOCK, *map(int, constants.Errno)])
def test_same_text_as_pyzmq(pyzmq, number):
    theirs, ours = pyzmq.ZMQError(number), ZMQError(number)
    assert (ours.errno, ours.strerror, str(ours)) == (theirs.errno, theirs.strerror, str(theirs))
    assert repr(ours) == repr(theirs)
    assert ours.args == theirs.args


@pytest.mark.parametrize(
    "args",
    [(None, "text"), (errno.EINVAL, "text"), ("text",), ("text", "other")],
    ids=repr,
)
def test_same_from_a_text_as_pyzmq(pyzmq, args):
    theirs, ours = pyzmq.ZMQError(*args), ZMQError(*args)
    assert (ours.strerror, str(ours), repr(ours)) == (theirs.strerror, str(theirs), repr(theirs))
    if args[0] is not None:
        assert ours.errno == theirs.errno


def test_hierarchy():
    for kind in (*ONE_ERRNO, ZMQError, ZMQBindError, NotDone):
        assert issubclass(kind, ZMQBaseError)
    assert not issubclass(ZMQError, OSError)
    assert not issubclass(ZMQBindError, ZMQError)
    assert not issubclass(NotDone, ZMQError)
    # A loop that ends when its socket is closed must not take a fork for that.
    assert not issubclass(ForkedProcessError, SocketClosed)
    assert issubclass(InterruptedSystemCall, InterruptedError)
    assert issubclass(ZMQVersionError, NotImplementedError)


def test_without_errno_it_is_the_last_one(monkeypatch):
    monkeypatch.setattr(error, "zmq_errno", lambda: errno.EADDRINUSE)
    failed = ZMQError()
    assert failed.errno == errno.EADDRINUSE
    assert failed.strerror == str(failed) == _core.strerror(errno.EADDRINUSE)


@pytest.mark.parametrize(("kind", "number"), ONE_ERRNO.items(), ids=lambda value: getattr(value, "__name__", None))
def test_classes_of_one_errno_keep_it(kind, number):
    for failed in (kind(), kind(number), kind(0), kind("ignored"), kind(errno=5)):
        assert failed.errno == number
        assert failed.strerror == _core.strerror(number)
        assert str(failed).startswith(failed.strerror)
    assert kind(msg="text").strerror == "text"


def test_closed_and_forked_explain_themselves():
    assert str(SocketClosed()) == f"{_core.strerror(errno.ENOTSOCK)}: the socket is closed"
    assert "new Context" in str(ForkedProcessError())


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EAGAIN, Again),
        (errno.EINTR, InterruptedSystemCall),
        (int(constants.ETERM), ContextTerminated),
        (errno.ENOTSOCK, ZMQError),
        (errno.EADDRINUSE, ZMQError),
        (int(constants.EFSM), ZMQError),
    ],
)
def test_make_finds_the_class(number, kind):
    failed = error._make(number, None)
    assert type(failed) is kind
    assert failed.errno == number

    failed = error._make(number, "no message came in 2.0 s")
    assert type(failed) is kind
    assert failed.errno == number
    assert failed.strerror == _core.strerror(number)
    assert failed.detail == "no message came in 2.0 s"
    assert str(failed) == f"{failed.strerror}: no message came in 2.0 s"


@pytest.mark.parametrize(("word", "kind"), [("closed", SocketClosed), ("forked", ForkedProcessError)])
def test_make_is_told_what_an_errno_cannot_tell(word, kind):
    number = ONE_ERRNO[kind]
    bare = error._make(number, None, word)
    assert (type(bare), bare.errno, str(bare)) == (kind, number, str(kind()))
    explained = error._make(number, "by thread 3", word)
    assert type(explained) is kind
    assert str(explained) == f"{_core.strerror(number)}: by thread 3"


def test_detail_of_one_is_not_that_of_all():
    error._make(errno.ENOTSOCK, "mine", "closed")
    error._make(errno.EADDRINUSE, "mine")
    assert SocketClosed().detail == "the socket is closed"
    assert ZMQError(errno.EADDRINUSE).detail is None


@pytest.mark.parametrize("how", [copy.copy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(5))])
@pytest.mark.parametrize(
    "failed",
    [
        ZMQError(errno.EINVAL),
        ZMQError(errno=errno.EINVAL, msg="text"),
        ZMQError("only a text"),
        ZMQBindError("no port"),
        NotDone(),
        ZMQVersionError("9.9"),
        ZMQVersionError(min_version="9.9", msg="Time travel"),
        *(kind() for kind in ONE_ERRNO),
        *(error._make(int(number), "why") for number in ONE_ERRNO.values()),
        error._make(errno.EADDRINUSE, "why"),
        error._make(errno.ENOTSOCK, "why", "closed"),
    ],
    ids=repr,
)
def test_pickle(how, failed):
    again = how(failed)
    assert type(again) is type(failed)
    assert (str(again), repr(again)) == (str(failed), repr(failed))
    assert getattr(again, "errno", None) == getattr(failed, "errno", None)
    assert getattr(again, "detail", None) == getattr(failed, "detail", None)


def test_version_error_says_what_is_there():
    version = ".".join(map(str, _core.zmq_version_info()))
    failed = ZMQVersionError("9.9", "Time travel")
    assert (failed.min_version, failed.version, failed.msg) == ("9.9", version, "Time travel")
    assert str(failed) == f"Time travel requires libzmq >= 9.9, have {version}"
    assert repr(failed) == f"ZMQVersionError({str(failed)!r})"


def test_draft_warning_has_a_text_of_its_own():
    assert "DraftFDWarning" in str(DraftFDWarning())
    assert str(DraftFDWarning("mine")) == "mine"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DraftFDWarning):
            warnings.warn(DraftFDWarning(), stacklevel=1)


@pytest.mark.parametrize("function", ["_check_rc", "_check_version"])
def test_the_checks_have_pyzmqs_signatures(pyzmq, function):
    shapes = [
        [(p.name, p.kind, p.default) for p in inspect.signature(getattr(module, function)).parameters.values()]
        for module in (error, pyzmq)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "args",
    [
        *((rc, errno.EINVAL) for rc in (0, 1, -2, None)),
        *((-1, number) for number in (errno.EAGAIN, errno.EINTR, errno.ENOTSOCK, int(constants.ETERM), 0)),
        (-1, 0, False),
        (-1, errno.EINVAL, False),
    ],
    ids=repr,
)
def test_the_check_of_a_result_raises_what_pyzmqs_raises(pyzmq, args):
    def outcome(module):
        try:
            return module._check_rc(*args)
        except module.ZMQError as failed:
            return type(failed).__name__, failed.errno, failed.strerror

    assert outcome(error) == outcome(pyzmq)


def test_the_check_of_a_result_takes_the_last_error(monkeypatch):
    monkeypatch.setattr(error, "zmq_errno", lambda: errno.EAGAIN)
    with pytest.raises(Again):
        error._check_rc(-1)
    monkeypatch.setattr(error, "zmq_errno", lambda: 0)
    error._check_rc(-1, error_without_errno=False)


def test_the_check_of_the_version():
    error._check_version((4,))
    error._check_version((4, 3, 5))
    with pytest.raises(ZMQVersionError, match=r"Time travel requires libzmq >= 9\.1, have 4"):
        error._check_version((9, 1), "Time travel")
