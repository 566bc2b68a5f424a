"""brokerless and the real pyzmq, in one process and on one wire: every pattern, both ways, and neither is in the other's way."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import brokerless as zmq
from brokerless import _core

# (who binds, who connects) by the names of types; every pattern in both directions.
PATTERNS = [
    "PAIR-PAIR",
    "PUB-SUB",
    "SUB-PUB",
    "REP-REQ",
    "REQ-REP",
    "ROUTER-DEALER",
    "DEALER-ROUTER",
    "PULL-PUSH",
    "PUSH-PULL",
    "XPUB-XSUB",
    "XSUB-XPUB",
    "XPUB-SUB",
    "PUB-XSUB",
    "DEALER-REP",
    "ROUTER-REQ",
]

JSON = {"num": 7, "consumer": "caf\u00e9 \U0001f600", "list": [1, -2.5, 1e300, None, True, {}], "": '\u2028"\\'}


@pytest.fixture(params=["brokerless binds", "pyzmq binds"])
def sides(request, make_socket, pyzmq, pyzmq_ctx, endpoint):
    """sides(kind, kind, transport): two sockets of these types, one of each library; both ways round."""

    def theirs(kind, **options):
        sock = pyzmq_ctx.socket(kind)
        sock.linger = 0
        sock.rcvtimeo = sock.sndtimeo = 10_000
        for name, value in options.items():
            setattr(sock, name, value)
        return sock

    def ours(kind, **options):
        return make_socket(kind, rcvtimeo=10_000, sndtimeo=10_000, **options)

    def make(binds, connects, transport="tcp"):
        first, second = (ours, theirs) if request.param == "brokerless binds" else (theirs, ours)
        a = first(int(getattr(zmq, binds)))
        b = second(int(getattr(zmq, connects)))
        a.bind(endpoint(transport))
        for sock, kind in ((a, binds), (b, connects)):
            if kind == "SUB":
                sock.subscribe(b"")
        b.connect(a.last_endpoint.decode())
        return a, b

    return make


def say(sender, receiver, frames):
    """Whether a message arrives as it was."""
    sender.send_multipart(frames)
    return receiver.recv_multipart() == frames


FRAMES = [b"topic", b"", bytes(range(256)) * 500]


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern(sides, transport, pattern):
    kinds = pattern.split("-")
    a, b = sides(*kinds, transport=transport)
    sockets = dict(zip(kinds, (a, b)))
    if pattern == "PAIR-PAIR":
        assert say(a, b, FRAMES) and say(b, a, FRAMES)
    elif {"REQ", "REP"} == set(kinds):
        for _ in range(2):
            assert say(sockets["REQ"], sockets["REP"], FRAMES) and say(sockets["REP"], sockets["REQ"], FRAMES)
    elif {"PUSH", "PULL"} == set(kinds):
        assert say(sockets["PUSH"], sockets["PULL"], FRAMES)
        sockets["PUSH"].send_json(JSON)
        assert sockets["PULL"].recv_json() == JSON
    elif {"ROUTER", "DEALER"} == set(kinds):
        dealer, router = sockets["DEALER"], sockets["ROUTER"]
        dealer.send_multipart(FRAMES)
        name, *rest = router.recv_multipart()
        assert rest == FRAMES
        router.send_multipart([name, *FRAMES])
        assert dealer.recv_multipart() == FRAMES
    elif pattern == "DEALER-REP":
        sockets["DEALER"].send_multipart([b"", *FRAMES])
        assert sockets["REP"].recv_multipart() == FRAMES
        sockets["REP"].send_multipart(FRAMES)
        assert sockets["DEALER"].recv_multipart() == [b"", *FRAMES]
    elif pattern == "ROUTER-REQ":
        sockets["REQ"].send_multipart(FRAMES)
        name, empty, *rest = sockets["ROUTER"].recv_multipart()
        assert (empty, rest) == (b"", FRAMES)
        sockets["ROUTER"].send_multipart([name, b"", *FRAMES])
        assert sockets["REQ"].recv_multipart() == FRAMES
    else:
        publisher = next(sock for kind, sock in sockets.items() if kind in ("PUB", "XPUB"))
        subscriber = next(sock for kind, sock in sockets.items() if kind in ("SUB", "XSUB"))
        if "XSUB" in kinds:
            subscriber.send(b"\x01topic")
        # Until the subscription is there, messages are dropped.
        for number in range(2000):
            publisher.send_multipart([*FRAMES, b"%d" % number])
            if subscriber.poll(5):
                break
        assert subscriber.recv_multipart()[:3] == FRAMES
        if "XPUB" in kinds:
            expected = b"\x01topic" if "XSUB" in kinds else b"\x01"
            assert publisher.recv() == expected


def test_streams(sides):
    a, b = sides("STREAM", "STREAM")
    (to_b, opened), (to_a, _) = a.recv_multipart(), b.recv_multipart()
    assert opened == b""
    a.send_multipart([to_b, b"raw"])
    assert b.recv_multipart() == [to_a, b"raw"]
    b.send_multipart([to_a, b"and back"])
    assert a.recv_multipart() == [to_b, b"and back"]


def test_json_bytes_are_identical(sides):
    a, b = sides("PAIR", "PAIR")
    for one, other in ((a, b), (b, a)):
        one.send_json(JSON)
        first = other.recv()
        other.send_json(JSON)
        assert one.recv() == first
        one.send_json(JSON, sort_keys=True, indent=1)
        first = other.recv()
        other.send_json(JSON, sort_keys=True, indent=1)
        assert one.recv() == first
        one.send_string("\u00e9")
        assert other.recv_string() == "\u00e9"


def test_our_calls_see_their_peers(make_socket, pyzmq, pyzmq_ctx):
    pub = make_socket(zmq.PUB, bind="tcp://127.0.0.1:*")
    sub = pyzmq_ctx.socket(pyzmq.SUB)
    sub.connect(pub.last_endpoint.decode())
    sub.subscribe("10001")
    assert pub.wait_for_subscribers(1, topic="10001", timeout=10) == 1
    assert pub.wait_for_peers(timeout=10) == 1
    pub.send(b"10001 20 60")
    assert sub.recv() == b"10001 20 60"

    rep = pyzmq_ctx.socket(pyzmq.REP)
    port = rep.bind_to_random_port("tcp://127.0.0.1")
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{port}")
    assert req.wait_for_peers(timeout=10) == 1


def test_a_request_served_by_pyzmq(make_socket, pyzmq, pyzmq_ctx, in_thread):
    rep = pyzmq_ctx.socket(pyzmq.REP)
    rep.rcvtimeo = 10_000
    port = rep.bind_to_random_port("tcp://127.0.0.1")

    def serve():
        for _ in range(2):
            rep.send(rep.recv().upper())

    served = in_thread(serve)
    req = make_socket(zmq.REQ, connect=f"tcp://127.0.0.1:{port}")
    assert [req.request(b"a", timeout=10), req.request(b"b", timeout=10)] == [b"A", b"B"]
    served.result()


def test_inproc_names_are_apart(make_socket, pyzmq, pyzmq_ctx):
    """Two libraries, two libzmqs: the same inproc name is another place in each."""
    ours, theirs = make_socket(zmq.PAIR, bind="inproc://name"), pyzmq_ctx.socket(pyzmq.PAIR)
    theirs.bind("inproc://name")
    assert ours.peers == []


# The library


def test_only_the_modules_init_is_exported():
    """Else the two libzmqs in a Jupyter kernel would call each other."""
    library = _core.__file__
    if shutil.which("nm"):
        listed = subprocess.run(["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, check=True).stdout
        exported = {line.split()[-1].decode() for line in listed.splitlines()}
    else:
        exported = set(exported_names(Path(library).read_bytes()))
    assert exported == {"PyInit__core"}


def exported_names(elf):
    """The names of defined symbols in .dynsym of a 64 bit ELF file of this machine's byte order."""
    import struct

    (section_offset,) = struct.unpack_from("Q", elf, 0x28)
    size, count = struct.unpack_from("HH", elf, 0x3A)
    sections = [struct.unpack_from("IIQQQQIIQQ", elf, section_offset + index * size) for index in range(count)]
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != 11:  # SHT_DYNSYM
            continue
        names = sections[link][4]
        for at in range(offset + entry, offset + length, entry):
            name, _info, _other, section = struct.unpack_from("IBBH", elf, at)
            if section:
                yield elf[names + name : elf.index(b"\0", names + name)].decode()


def test_the_elf_reader_agrees_with_nm():
    """What a machine without binutils relies on."""
    if not shutil.which("nm"):
        pytest.skip("nm is not here")
    import zmq.backend.cython._zmq as theirs

    for library in (_core.__file__, theirs.__file__):
        listed = subprocess.run(["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, check=True).stdout
        expected = {line.split()[-1].decode().split("@")[0] for line in listed.splitlines()}
        assert set(exported_names(Path(library).read_bytes())) == expected


def test_one_descriptor_per_socket(run_python):
    """libzmq without eventfd takes two; so would a watch that nobody asked for."""
    done = run_python(
        """
import os
import brokerless, zmq

def descriptors_of(library):
    context = library.Context()
    first = context.socket(library.PAIR)
    before = len(os.listdir("/proc/self/fd"))
    sockets = [context.socket(library.PAIR) for _ in range(20)]
    taken = len(os.listdir("/proc/self/fd")) - before
    for sock in (first, *sockets):
        sock.close()
    context.term()
    return taken

print(descriptors_of(brokerless), descriptors_of(zmq))
"""
    )
    assert done.stdout == "20 20\n"


def test_what_libzmq_can():
    assert zmq.zmq_version() == "4.3.5"
    assert zmq.zmq_version_info() == (4, 3, 5)
    for capability in ("curve", "ipc", "draft"):
        assert zmq.has(capability)
    for capability in ("gssapi", "norm", "nonsense", "", "c\0urve"):
        assert not zmq.has(capability)
    assert zmq.pyzmq_version_info()[0] >= 25
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", zmq.__version__)


def test_curve_keys(pyzmq):
    public, secret = zmq.curve_keypair()
    assert len(public) == len(secret) == 40
    assert zmq.curve_public(secret) == pyzmq.curve_public(secret) == public


def test_an_encrypted_connection(make_socket, pyzmq, pyzmq_ctx):
    public, secret = zmq.curve_keypair()
    server = make_socket(zmq.PULL, curve_server=1, curve_secretkey=secret, bind="tcp://127.0.0.1:*")
    client = pyzmq_ctx.socket(pyzmq.PUSH)
    client.curve_publickey, client.curve_secretkey = pyzmq.curve_keypair()
    client.curve_serverkey = public
    client.connect(server.last_endpoint.decode())
    client.send(b"secret")
    assert server.recv(timeout=10) == b"secret"
    assert server.mechanism == zmq.CURVE


def test_either_may_be_imported_first(run_python):
    for first, second in (("zmq", "brokerless"), ("brokerless", "zmq")):
        done = run_python(
            f"""
import {first}
import {second}
import brokerless, zmq
assert brokerless.__file__ != zmq.__file__
with brokerless.Context() as ours, zmq.Context() as theirs:
    with ours.socket(brokerless.PUSH) as push, theirs.socket(zmq.PULL) as pull:
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        push.connect(f"tcp://127.0.0.1:{{port}}")
        push.send(b"hello")
        print(pull.recv())
"""
        )
        assert done.stdout == "b'hello'\n"


def test_an_end_of_theirs_does_not_touch_ours(pair, pyzmq):
    push, pull = pair(zmq.PUSH, zmq.PULL)
    theirs = pyzmq.Context()
    theirs.socket(pyzmq.PAIR).close()
    theirs.term()
    push.send(b"still here")
    assert pull.recv(timeout=10) == b"still here"
    assert theirs.closed and not push.context.closed
