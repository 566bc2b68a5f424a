"""The constants are pyzmq's: the same enums with the same names, numbers and order, and the same plain names."""

from __future__ import annotations

import enum
import errno
import pickle

import pytest

from brokerless import _core, constants
from brokerless.constants import Errno, Event, Flag, PollEvent, SocketOption, SocketType, _OptType

ENUMS = [
    thing for name, thing in vars(constants).items() if isinstance(thing, enum.EnumMeta) and name in constants.__all__
]
MEMBERS = [member for group in ENUMS for member in group.__members__.values()]

# What is different on purpose: pyzmq exports the classes of Python's enum module along with its own, which is a
# slip; and it has DRAFT_API one level higher only.
ONLY_IN_PYZMQ = {"Enum", "IntEnum", "IntFlag"}
ONLY_HERE = {"DRAFT_API"}


@pytest.fixture(scope="module")
def pyzmq():
    """pyzmq's module of constants, if pyzmq is installed."""
    return pytest.importorskip("zmq.constants")


def test_same_names_as_pyzmq(pyzmq):
    assert set(pyzmq.__all__) - set(constants.__all__) == ONLY_IN_PYZMQ
    assert set(constants.__all__) - set(pyzmq.__all__) == ONLY_HERE


def test_same_constants_as_pyzmq(pyzmq):
    for name in set(pyzmq.__all__) - ONLY_IN_PYZMQ:
        theirs, ours = getattr(pyzmq, name), getattr(constants, name)
        if isinstance(theirs, enum.EnumMeta):
            continue
        assert int(ours) == int(theirs), name
        assert type(ours).__name__ == type(theirs).__name__, name
        assert ours.name == theirs.name, name


@pytest.mark.parametrize("ours", ENUMS, ids=lambda group: group.__name__)
def test_same_enum_as_pyzmq(pyzmq, ours):
    theirs = getattr(pyzmq, ours.__name__)
    sort = enum.IntFlag if issubclass(theirs, enum.IntFlag) else enum.IntEnum
    assert issubclass(ours, sort)
    # Aliases and order included: the first name of a number is the one that is shown.
    assert [(name, int(member), member.name) for name, member in ours.__members__.items()] == [
        (name, int(member), member.name) for name, member in theirs.__members__.items()
    ]
    assert [repr(member) for member in ours] == [repr(member) for member in theirs]
    assert [str(member) for member in ours] == [str(member) for member in theirs]


def test_same_types_of_options_as_pyzmq(pyzmq):
    theirs = {option.name: option._opt_type.value for option in pyzmq.SocketOption}
    assert {option.name: option._opt_type.value for option in SocketOption} == theirs
    assert {kind.name: kind.value for kind in _OptType} == {kind.name: kind.value for kind in pyzmq._OptType}


def test_all_is_what_the_module_has():
    assert len(constants.__all__) == len(set(constants.__all__))
    for name in constants.__all__:
        assert hasattr(constants, name), name
    # Every row of the table is there, as a member and by a plain name.
    table = _core.constants_table()
    assert sum(len(group.__members__) for group in ENUMS) == len(table)
    assert len(constants.__all__) == len(table) + len(ENUMS) + len(ONLY_HERE)


def test_table_has_a_kind_for_options_only():
    for group, name, number, kind in _core.constants_table():
        assert getattr(constants, group)[name] == number
        assert (kind in {"int", "int64", "bytes", "fd"}) == group.endswith("Option"), name


def test_plain_names_have_their_prefix():
    assert constants.EVENT_CONNECTED is Event.CONNECTED
    assert constants.PROTOCOL_ERROR_ZMTP_UNSPECIFIED is Event.PROTOCOL_ERROR_ZMTP_UNSPECIFIED
    assert constants.NOTIFY_CONNECT is constants.RouterNotify.CONNECT
    assert constants.NORM_CC is constants.NormMode.CC
    assert constants.RECONNECT_STOP_CONN_REFUSED is constants.ReconnectStop.CONN_REFUSED


def test_aliases():
    assert constants.IDENTITY is SocketOption.ROUTING_ID
    assert constants.FAIL_UNROUTABLE is SocketOption.ROUTER_MANDATORY
    assert constants.XREQ is SocketType.DEALER
    assert constants.XREP is SocketType.ROUTER
    assert constants.NOBLOCK is Flag.DONTWAIT
    assert (constants.STREAMER, constants.FORWARDER, constants.QUEUE) == (1, 2, 3)


def test_system_errors_have_the_numbers_of_this_system():
    for number in Errno:
        if number < constants.EFSM:
            assert number == getattr(errno, number.name)
    assert (constants.EFSM, constants.ETERM) == (156384763, 156384765)


def test_options_know_their_type():
    assert SocketOption(constants.LINGER)._opt_type is _OptType.int
    assert SocketOption(5)._opt_type is _OptType.bytes
    assert constants.MAXMSGSIZE._opt_type is _OptType.int64
    assert constants.FD._opt_type is _OptType.fd


def test_flags_combine():
    both = PollEvent.POLLIN | PollEvent.POLLOUT
    assert both == 3
    assert isinstance(both, PollEvent)
    assert Event(0x10) is Event.BIND_FAILED


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    for thing in [*ENUMS, *MEMBERS]:
        assert pickle.loads(pickle.dumps(thing, protocol)) is thing


def test_enums_say_where_they_come_from():
    for group in ENUMS:
        assert group.__module__ == "brokerless.constants"
        assert group.__qualname__ == group.__name__
        assert group.__doc__
