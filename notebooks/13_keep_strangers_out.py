# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 13. Keep strangers out
#
# **You will** put a server with everybody's grades on a port, and play four parts: the server, Anna who may ask, a stranger who may not, and somebody
# who sits at the cable and records every byte.
#
# **You will learn**
# - what a plain socket promises: nothing;
# - how to make keys, and what to do with each half of them;
# - `zmq.secure`: three lines, and only those on a list get in, and nobody reads along;
# - how to see who was sent away and why, and how to change the list while the server runs;
# - what all of this does *not* protect from.
#
# **You need** lesson 2. About 30 minutes. You attack your own machine only, and that is how it should stay.

# %% [markdown]
# ## Four parts
#
# ![Anna's client reaches the server through a tap that records every byte; a stranger is sent away at the gate](images/strangers.svg)

# %%
import contextlib
import logging
import shutil
import socket as network
import sys
import tempfile
import threading
import time
from pathlib import Path

import brokerless as zmq
from brokerless.course import report

# %% tags=["parameters"]
HOST = "127.0.0.1"
PLAIN_PORT = 5580
SECURE_PORT = 5581
QUESTIONS = 500          # for the figures at the end

# %%
TIMEOUT = 10             # seconds; nothing here waits forever
PATIENCE = 0.5           # how long we give a stranger
PLAIN, SECURE = f"tcp://{HOST}:{PLAIN_PORT}", f"tcp://{HOST}:{SECURE_PORT}"
GRADES = {"anna": "anna has a 1.3 in distributed systems", "bob": "bob has a 2.0 in distributed systems"}

context = zmq.Context(profile="classroom")         # options that forgive; docs/security.md has the table
folder = Path(tempfile.mkdtemp())                  # for our keys; without folder= they are kept in your home

# %% [markdown]
# The server answers with the grade of whom you name. It runs in a thread and writes down who asked for what.

# %%
class Server:
    def __init__(self, endpoint, secure=None):
        self.asked = []
        self.socket = context.socket(zmq.REP)
        self.gate = secure(self.socket) if secure else None         # before bind()
        self.socket.bind(endpoint)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with contextlib.suppress(zmq.ZMQError):                     # stop() closes the socket
            while True:
                question = self.socket.recv(copy=False)
                name = question.bytes.decode()
                self.asked.append((question.get("User-Id") if self.gate else None, name))
                self.socket.send_string(GRADES.get(name, "who is that?"))

    def stop(self):
        self.socket.close()
        self.thread.join()


def ask(endpoint, name, secure=None, timeout=TIMEOUT):
    """One question; None if no answer comes."""
    with context.socket(zmq.REQ) as client:
        client.linger = 0
        if secure:
            secure(client)                                          # before connect()
        client.connect(endpoint)
        client.send_string(name)
        try:
            return client.recv_string(timeout=timeout)
        except zmq.Again:
            return None


plain = Server(PLAIN)
print(ask(PLAIN, "anna"))

# %% [markdown]
# ## A plain socket promises nothing
#
# Who asked? The server cannot know. Whoever reaches the port gets an answer, and `tcp://*` means: from anywhere.

# %%
stolen = ask(PLAIN, "anna")                        # it is not Anna who asks
print("the stranger reads:", stolen)
assert stolen == GRADES["anna"] and plain.asked == [(None, "anna"), (None, "anna")]

# %% [markdown]
# And one need not even ask. Every switch, every access point, every program with the right to listen on this machine sees the bytes. We need no such
# rights: our tap is a small relay, to which Anna connects in place of the server. It passes everything on, both ways, and keeps a copy.

# %%
class Tap:
    def __init__(self, port):
        self.to_server, self.to_client = bytearray(), bytearray()
        self.listener = network.create_server((HOST, 0))
        self.endpoint = f"tcp://{HOST}:{self.listener.getsockname()[1]}"
        self.open = [self.listener]
        threading.Thread(target=self.accept, args=(port,), daemon=True).start()

    def accept(self, port):
        near, _ = self.listener.accept()
        far = network.create_connection((HOST, port))
        self.open += [near, far]
        threading.Thread(target=self.copy, args=(far, near, self.to_client), daemon=True).start()
        self.copy(near, far, self.to_server)

    def copy(self, source, target, record):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                record += data
                target.sendall(data)

    def close(self):
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(network.SHUT_RDWR)
            one.close()


tap = Tap(PLAIN_PORT)
assert ask(tap.endpoint, "anna") == GRADES["anna"]
tap.close()
plain_record = bytes(tap.to_server), bytes(tap.to_client)
print(plain_record[1][-60:])
assert b"anna" in plain_record[0]
assert GRADES["anna"].encode() in plain_record[1]

# %% [markdown]
# There it is, letter by letter. And a recording, sent once again, is a question once again. Had it been "open the door", the door would be open.

# %%
def replay(port, record):
    """Sends what a client once sent, and returns what the server says to it."""
    heard = bytearray()
    opening = 64 + 2 + record[65]                  # the greeting and a first command, which the server wants to answer
    with network.create_connection((HOST, port)) as wire, contextlib.suppress(OSError):
        wire.settimeout(PATIENCE)
        for part in (record[:opening], record[opening:]):
            wire.sendall(part)
            with contextlib.suppress(network.timeout):
                while data := wire.recv(65536):
                    heard += data
    return bytes(heard)


before = len(plain.asked)
heard = replay(PLAIN_PORT, plain_record[0])
print(len(plain.asked) - before, "question more, from a recording")
assert plain.asked[before:] == [(None, "anna")] and GRADES["anna"].encode() in heard
plain.stop()

# %% [markdown]
# ## Keys
#
# A *key pair* has two halves that belong together. The **public** one says who you are: give it to everybody who shall know you. The **secret** one
# proves it, and never leaves your machine. `zmq.Keys.load(name)` makes a pair at the first call, and finds it again at each later one.

# %%
keys, anna = zmq.Keys.load("server", folder=folder), zmq.Keys.load("anna", folder=folder)
print(keys)
for path in sorted(folder.iterdir()):
    print(f"{path.name:20} {path.stat().st_mode & 0o777:o}")

assert zmq.Keys.load("server", folder=folder) == keys and len(keys.public) == 40  # text, for a mail or a board
assert (folder / "server.key_secret").stat().st_mode & 0o077 == 0    # nobody else can read it

# %% [markdown]
# The secret half shows nowhere, not in `print`, not in the notebook that you hand in, and its file is refused when others could read it:

# %%
(folder / "anna.key_secret").chmod(0o644)          # as it happens with a copy from a USB stick
try:
    zmq.Keys.load("anna", folder=folder)
except PermissionError as error:
    complaint = str(error)
print(complaint)
assert "chmod 600" in complaint
(folder / "anna.key_secret").chmod(0o600)          # the cure that it names
assert zmq.Keys.load("anna", folder=folder) == anna

# %% [markdown]
# ## Three lines
#
# The server gets its keys and a list: who may come, by name and public key. The client gets its keys and the server's public key, so that it talks to
# this server and to no other. Both *before* `bind` and `connect`. Everything on the wire is encrypted then; this is libzmq's CURVE, so the other side
# may as well run pyzmq.
#
# What `secure` returns for a server is its **gate**: it knows who may come and who was sent away, and writes that to a log, which we send here.

# %%
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")

server = Server(SECURE, secure=lambda socket: zmq.secure(socket, keys, clients={"anna": anna.public}))
gate = server.gate


as_anna = lambda socket: zmq.secure(socket, anna, server_key=keys.public)  # noqa: E731
answer = ask(SECURE, "anna", secure=as_anna)
print(answer, "| asked by", server.asked[-1][0])
assert answer == GRADES["anna"]
assert server.asked == [("anna", "anna")]          # now the server knows who asks: the User-Id of the message

# %% [markdown]
# ## An attacker who gets nothing
#
# The stranger knows the port and the server's public key, which is no secret, and tries all that there is to try.

# %%
mallory = zmq.Keys.new("mallory")                  # kept in no file
attempts = {
    "without a key": None,
    "with a key of his own": lambda socket: zmq.secure(socket, mallory, server_key=keys.public),
    "with a wrong key of the server": lambda socket: zmq.secure(socket, mallory, server_key=zmq.Keys.new().public),
}
for how, secure in attempts.items():
    got = ask(SECURE, "anna", secure=secure, timeout=PATIENCE)
    print(f"{how}: {got}")
    assert got is None
assert server.asked == [("anna", "anna")], "not one of his questions has reached our code"

print(*gate.refused, sep="\n")
assert len(gate.refused) == 3 and any(one.who == mallory.public.decode() for one in gate.refused)

# A fourth attempt: to *be* the server. He gets nothing of Anna either, because she asks for proof, too.
with context.socket(zmq.REP) as false_server:
    zmq.secure(false_server, mallory, clients=zmq.ANYONE)            # "come in, whoever you are"
    false_server.bind(f"tcp://{HOST}:*")
    told = ask(false_server.endpoints[0], "anna", secure=as_anna, timeout=PATIENCE)
    overheard = false_server.poll(0)
assert told is None and overheard == 0

# %% [markdown]
# ## Reading along
#
# The tap once more. Anna gets her answer, so every byte of it went through the recording.

# %%
tap = Tap(SECURE_PORT)
assert ask(tap.endpoint, "anna", secure=as_anna) == GRADES["anna"]
tap.close()
record = bytes(tap.to_server), bytes(tap.to_client)
print(record[1][-60:])
for text in (b"anna", b"distributed", GRADES["anna"].encode()):
    assert text not in record[0] and text not in record[1]
assert len(record[1]) > len(GRADES["anna"])        # who talks to whom, when and how much is no secret: an answer of 1 MB looks like one

# %% [markdown]
# Both sides make a new key for this connection alone, and forget it afterwards. So the recording is of no use later, even to somebody who steals the
# secret keys one day. Nor can it be sent again:

# %%
before = len(server.asked)
replay(SECURE_PORT, record[0])
assert len(server.asked) == before, "a question from a recording"

# %% [markdown]
# ## The list changes, the server stays
#
# Bob comes later, and is sent away. The teacher puts him on the list: no restart, and Anna notices nothing. The list is asked when somebody connects.

# %%
bob = zmq.Keys.load("bob", folder=folder)


as_bob = lambda socket: zmq.secure(socket, bob, server_key=keys.public)  # noqa: E731
refused_first = ask(SECURE, "bob", secure=as_bob, timeout=PATIENCE)
gate.reload({"anna": anna.public, "bob": bob.public})
let_in = ask(SECURE, "bob", secure=as_bob)
print(refused_first, "->", let_in, gate)
assert refused_first is None and let_in == GRADES["bob"]
assert server.asked[-1] == ("bob", "bob") and gate.clients == ["anna", "bob"]

# %% [markdown]
# ## What it costs, and what it does not do
#
# | Protects from | Does not protect from |
# |---|---|
# | strangers who connect | those on the list who do harm: check the User-Id, and what they ask for |
# | who reads, changes or repeats what is sent | who counts bytes and looks at the clock, or pulls the cable |
# | a false server | a public key that was changed on its way to you: compare it by another way |
# | | somebody who can read your files: then the secret key is no secret |
# | | a flood of connections: that is the network's and the firewall's business |
#
# And each message takes longer, for it is encrypted and checked. How much, you see here: the same questions in turn, the fastest of three rounds.

# %%
def many(endpoint, secure=None):
    with context.socket(zmq.REQ) as client:
        if secure:
            secure(client)
        client.connect(endpoint)
        client.wait_for_peers(1, timeout=TIMEOUT)
        started = time.perf_counter()
        for _ in range(QUESTIONS):
            client.send_string("anna")
            assert client.recv_string(timeout=TIMEOUT) == GRADES["anna"]
        return time.perf_counter() - started


plain = Server(PLAIN)
rounds = [(many(PLAIN), many(SECURE, secure=as_anna)) for _ in range(3)]
in_clear, elapsed = (min(times) for times in zip(*rounds))
plain.stop()
print(f"{1e6 * in_clear / QUESTIONS:.0f} µs a question in the clear, {1e6 * elapsed / QUESTIONS:.0f} µs encrypted")
report("CURVE", messages=2 * QUESTIONS, seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1.** Thirty students send you their `.key` files. Make a folder of them the server's list (`clients=folder`), and let in a latecomer without a restart.

# %% tags=["solution"]
class_folder = folder / "class"
class_folder.mkdir(mode=0o700)
(class_folder / "anna.key").write_bytes((folder / "anna.key").read_bytes())
gate.reload(class_folder)
assert gate.clients == ["anna"]

(class_folder / "bob.key").write_bytes((folder / "bob.key").read_bytes())
gate.reload()                                      # the same folder again
assert gate.clients == ["anna", "bob"] and ask(SECURE, "bob", secure=as_bob) == GRADES["bob"]

# %% [markdown]
# **2.** Anna may ask for her own grade only, and Bob for his. Which part of the server decides that, and from what?

# %% tags=["solution"]
def allowed(question):
    """The gate says *who* it is, what they may do is our own business: compare the User-Id with the question."""
    return question.get("User-Id") == question.bytes.decode()


with context.socket(zmq.PULL) as inbox, context.socket(zmq.PUSH) as asking:
    zmq.secure(inbox, keys, clients={"anna": anna.public})
    inbox.bind(f"tcp://{HOST}:*")
    as_anna(asking)
    asking.connect(inbox.endpoints[0])
    asking.send_many([b"anna", b"bob"])
    assert [allowed(inbox.recv(copy=False, timeout=TIMEOUT)) for _ in range(2)] == [True, False]

# %% [markdown]
# **3.** Put a `zmq.Queue` between Anna and a server. Who has to know whose public key? (`zmq.Queue(..., keys=..., clients=...)`)

# %% tags=["solution"]
# Both connect to the device: they know its key, and it knows theirs. The device reads what it passes on; encryption goes from hop to hop.
with zmq.Queue(f"tcp://{HOST}:*", f"tcp://{HOST}:*", context=context, keys=keys, clients=[anna, bob]) as device:
    with context.socket(zmq.REP) as worker, context.socket(zmq.REQ) as client:
        as_bob(worker)
        worker.connect(device.backend_endpoint)
        as_anna(client)
        client.connect(device.frontend_endpoint)
        client.send_string("Hello")
        assert worker.recv_string(timeout=TIMEOUT) == "Hello"
        worker.send_string("World")
        assert client.recv_string(timeout=TIMEOUT) == "World"

# %% [markdown]
# **4.** Passwords are shorter than keys: `zmq.secure(socket, passwords={"anna": "secret"})`. Why does `bind("tcp://*:5590")` refuse that?

# %% tags=["solution"]
# With passwords (PLAIN) nothing is encrypted, the password neither: our tap would read it. On this machine alone that may do.
with context.socket(zmq.REP) as careless:
    zmq.secure(careless, passwords={"anna": "secret"})
    try:
        careless.bind("tcp://*:*")
    except zmq.ZMQError as error:
        print(error)
    assert careless.endpoints == []

# %%
server.stop()
context.destroy(linger=0)
shutil.rmtree(folder)
