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
# # 2. Request and reply: asking a server
#
# **You will** ask one server, then two servers with the same socket, then let a server die with your request in its hands.
#
# **You will learn**
# - how REQ and REP take turns, and how requests are shared among several servers;
# - how to choose ports when a program starts, instead of in its text;
# - what really happens when a server dies, and how `request(timeout, retries)` gets you an answer anyway.
#
# **You need** [lesson 0](00_start.ipynb). About 30 minutes. To play it with two or three notebooks, open
# [roles/reqrep_server](roles/reqrep_server.ipynb) (once or twice) and [roles/reqrep_client](roles/reqrep_client.ipynb).
#
# ![A client connected to two servers: requests go to one and the other in turn, each reply comes back](images/reqrep.svg)

# %% [markdown]
# A REQ socket asks and a REP socket answers. The server does nothing by itself: it waits for a request, handles it, replies,
# and waits for the next. One server can have many clients, and the library sends each reply to the one who asked. Web pages,
# databases and most services you know work like this.

# %%
import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq
from brokerless.course import report

# %% tags=["parameters"]
HOST = "127.0.0.1"
PORT = 5556
SECOND_PORT = 5557
REQUESTS = 10
MEASURED_REQUESTS = 2_000

# %% [markdown]
# ## One server
#
# This server signs its replies with its port, so that we can see who answered. It ends after a number of requests, or when
# nobody has asked for `patience` seconds: `poll` waits so many milliseconds for a message, and tells whether one is there. (A
# server that is to run for months would say `while True`. Here each cell cleans up after itself.)

# %%
TIMEOUT = 10
context = zmq.Context()
background = ThreadPoolExecutor()


def reply_server(port, requests=None, patience=TIMEOUT):
    """Answers requests. Returns how many it has handled."""
    handled = 0
    with context.socket(zmq.REP) as socket:
        socket.bind(f"tcp://*:{port}")
        while handled != requests and socket.poll(1000 * patience):
            socket.recv()
            socket.send_string(f"World from {port}")
            handled += 1
    return handled


# %%
server = background.submit(reply_server, PORT, REQUESTS)

replies = []
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    for number in range(REQUESTS):
        client.send_string("Hello")
        replies.append(client.recv_string(timeout=TIMEOUT))
        print(f"request {number}: {replies[-1]}")

assert replies == [f"World from {PORT}"] * REQUESTS
assert server.result(timeout=TIMEOUT) == REQUESTS

# %% [markdown]
# (`range(10)` counts ten requests, 0 to 9. `range(1, 10)` would make nine.)
#
# ## Ports from the command line
#
# A program whose ports are written in its text has to be edited for each machine. Let whoever starts it say them. `argparse` is
# part of Python: it reads the arguments, checks them, fills in what was left out, and explains itself with `--help`.
#
# Save the cell below as `reqrep_client.py`, add the imports and a last line `client_program(sys.argv[1:])`, and it runs in a
# terminal:
#
#     python reqrep_client.py                   # the usual port
#     python reqrep_client.py 5556 5557         # two servers
#     python reqrep_client.py --host 192.168.1.20 --requests 3 5556


# %%
def client_program(arguments):
    parser = argparse.ArgumentParser(prog="reqrep_client", description="Asks one or more servers in turn.")
    parser.add_argument("ports", nargs="*", type=int, default=[5556], help="the servers' ports")
    parser.add_argument("--host", default="127.0.0.1", help="the machine they run on")
    parser.add_argument("--requests", type=int, default=10)
    options = parser.parse_args(arguments)

    replies = []
    with context.socket(zmq.REQ) as socket:
        for port in options.ports:
            socket.connect(f"tcp://{options.host}:{port}")  # the same socket, connected to each server
        for _ in range(options.requests):
            socket.send_string("Hello")
            replies.append(socket.recv_string(timeout=TIMEOUT))
    return replies


# %% [markdown]
# ## Two servers
#
# The same socket may connect to several servers. The library then deals out the requests in turn: the first to one server, the
# second to the other, and so on. The client does not choose; it has no idea who will answer. This is `reqrep_client.py 5556
# 5557`:

# %%
servers = [background.submit(reply_server, port, REQUESTS // 2) for port in (PORT, SECOND_PORT)]
replies = client_program([str(PORT), str(SECOND_PORT), "--host", HOST, "--requests", str(REQUESTS)])

print(*replies, sep="\n")
assert replies == [f"World from {PORT}", f"World from {SECOND_PORT}"] * (REQUESTS // 2)
assert [server.result(timeout=TIMEOUT) for server in servers] == [REQUESTS // 2] * 2

# %% [markdown]
# In turn means just that: the library does not look at which server is quicker or less busy. Lesson 5 comes back to this.
#
# ## The rule of turns
#
# A REQ socket must do send, recv, send, recv; a REP socket recv, send, recv, send. Anything else is an error, at once and with
# an explanation. That is a help: a reply can never be taken for the reply to another question.

# %%
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    out_of_turn = []
    try:
        client.recv(timeout=1)  # nothing was asked yet
    except zmq.ZMQError as reason:
        out_of_turn.append(reason.errno)
        print(reason)

    client.send_string("Hello")
    try:
        client.send_string("Hello?")  # the reply to the first one is still to come
    except zmq.ZMQError as reason:
        out_of_turn.append(reason.errno)
        print(reason)
    client.linger = 0  # nobody will ever take that Hello; don't wait for it when closing

assert out_of_turn == [zmq.EFSM, zmq.EFSM]

# %% [markdown]
# ## When the server dies
#
# You may read that a server keeps trying until its reply is confirmed. It does not. A request is carried to a server **once**.
# If the server dies while it has the request, then the request is gone, nobody tells the client, and a new server at the same
# address never hears of it.


# %%
def crashing_server(port):
    """Takes one request and dies before it answers."""
    with context.socket(zmq.REP) as socket:
        socket.bind(f"tcp://*:{port}")
        return socket.recv_string(timeout=TIMEOUT)


with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    victim = background.submit(crashing_server, PORT)
    client.send_string("Hello")
    print("the server took", repr(victim.result(timeout=TIMEOUT)), "and died")

    stuck = []
    try:
        client.recv(timeout=0.5)  # without a timeout this would wait for good
    except zmq.Again as reason:
        stuck.append("no reply")
        print("recv:", reason)
    try:
        client.send_string("Hello again")  # and by the rule of turns we may not ask again
    except zmq.ZMQError as reason:
        stuck.append("may not ask again")
        print("send:", reason)
    client.linger = 0

assert stuck == ["no reply", "may not ask again"]

# %% [markdown]
# Two things are wrong here: we would wait forever, and once we have stopped waiting the socket is stuck in the middle of its
# turn. The usual advice is to close the socket, open a new one, connect again, send again, and count how often. It is about
# twenty lines in every client.
#
# ## The cure: `request`
#
# `client.request(b"Hello", timeout=0.5, retries=10)` sends, waits half a second for the reply, and if none comes sends again,
# up to ten more times. A reply to an attempt that was given up is dropped, so you never get an old answer to a new question. If
# all attempts fail, it raises `zmq.Again`, and the socket is free for the next request.


# %%
def successor(port):
    """A new server that takes the place of the dead one."""
    victim.result(timeout=TIMEOUT)
    return reply_server(port, patience=1.5)


with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    victim = background.submit(crashing_server, PORT)
    replacement = background.submit(successor, PORT)

    reply = client.request(b"Hello", timeout=0.5, retries=10)
    client.linger = 0

print("the first server took", repr(victim.result(timeout=TIMEOUT)), "and died; then came", reply)
assert victim.result() == "Hello"
assert reply == f"World from {PORT}".encode()
assert replacement.result(timeout=TIMEOUT) >= 1

# %% [markdown]
# It helps as well when one of two servers is missing: the repetition goes to the next server in turn. (Then it is the missing
# one's turn again, which is why each request below needs a repetition. Servers that come and go are better placed behind a
# device, lesson 5.)

# %%
server = background.submit(reply_server, SECOND_PORT, 5)  # and nobody at PORT
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    client.connect(f"tcp://{HOST}:{SECOND_PORT}")
    for number in range(5):
        started = time.perf_counter()
        reply = client.request(b"Hello", timeout=0.2, retries=5).decode()
        print(f"request {number}: {reply} after {time.perf_counter() - started:.3f} s")
        assert reply == f"World from {SECOND_PORT}"
    client.linger = 0
assert server.result(timeout=TIMEOUT) == 5

# %% [markdown]
# ## What a repetition means for the server
#
# No reply may mean: the request was lost, or the reply was lost, or the server is slow. The client cannot tell. So with
# `request` a server may get **the same request twice**. Reading a temperature twice does no harm. "Open the valve" is fine too.
# "Turn by ten degrees" is not: it would turn by twenty.
#
# Below, the first answer takes longer than the client is willing to wait.


# %%
def slow_at_first(port):
    """A server whose first answer takes 0.4 s. Returns the requests it got."""
    got = []
    with context.socket(zmq.REP) as socket:
        socket.bind(f"tcp://*:{port}")
        while socket.poll(1000):
            got.append(socket.recv_string())
            if len(got) == 1:
                time.sleep(0.4)  # this stands for hard work
            socket.send_string(f"turned {10 * len(got)} degrees")
    return got


server = background.submit(slow_at_first, PORT)
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    reply = client.request(b"turn by ten degrees", timeout=0.25, retries=10)
    client.linger = 0

turns = server.result(timeout=TIMEOUT)
print(f"one request, one reply: {reply.decode()!r}; but the server got it {len(turns)} times")
assert len(turns) >= 2

# %% [markdown]
# Two habits follow:
#
# - choose a `timeout` longer than the slowest honest answer;
# - make requests that may be repeated ("turn **to** 70 degrees"), or number them, so that the server can recognise one that it
#   has done (exercise 3).
#
# ## How fast is it?
#
# One client, one server, each request waiting for its reply. Then the same client with two servers: not faster, because a REQ
# socket never has more than one question in the air. What two servers give you is two pairs of hands when there are many
# clients.

# %%
for system, ports in (("REQ/REP", [PORT]), ("REQ/REP, two servers", [PORT, SECOND_PORT])):
    count = MEASURED_REQUESTS // len(ports)
    servers = [background.submit(reply_server, port, count + 1) for port in ports]
    with context.socket(zmq.REQ) as client:
        for port in ports:
            client.connect(f"tcp://{HOST}:{port}")
        for _ in ports:  # one request to each, not counted, so that all are connected
            client.send(b"Hello")
            client.recv(timeout=TIMEOUT)
        started = time.perf_counter()
        for _ in range(count * len(ports)):
            client.send(b"Hello")
            client.recv(timeout=TIMEOUT)
        elapsed = time.perf_counter() - started
    assert [server.result(timeout=TIMEOUT) for server in servers] == [count + 1] * len(ports)
    report(system, messages=2 * count * len(ports), seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1. A calculator.** Write a server that gets `{"op": "+", "a": 2, "b": 3}` as JSON and replies with `{"result": 5}`. What
# should it reply to `{"op": "/", "a": 1, "b": 0}`? It must reply something, or the client waits in vain.


# %% tags=["solution"]
def calculator(port, requests):
    operations = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "/": lambda a, b: a / b}
    with context.socket(zmq.REP) as socket:
        socket.bind(f"tcp://*:{port}")
        for _ in range(requests):
            question = socket.recv_json(timeout=TIMEOUT)
            try:
                reply = {"result": operations[question["op"]](question["a"], question["b"])}
            except (KeyError, ZeroDivisionError) as reason:
                reply = {"error": f"{type(reason).__name__}: {reason}"}
            socket.send_json(reply)


server = background.submit(calculator, PORT, 3)
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    replies = []
    for question in ({"op": "+", "a": 2, "b": 3}, {"op": "/", "a": 1, "b": 0}, {"op": "?"}):
        client.send_json(question)
        replies.append(client.recv_json(timeout=TIMEOUT))
server.result(timeout=TIMEOUT)

print(*replies, sep="\n")
assert replies[0] == {"result": 5} and "ZeroDivisionError" in replies[1]["error"] and "KeyError" in replies[2]["error"]

# %% [markdown]
# **2. Many clients.** Start one calculator and three clients in the background, each asking five times with its own number.
# Does everyone get replies meant for itself?


# %% tags=["solution"]
def client_with_number(number):
    with context.socket(zmq.REQ) as socket:
        socket.connect(f"tcp://{HOST}:{PORT}")
        for _ in range(5):
            socket.send_json({"op": "+", "a": number, "b": number})
            assert socket.recv_json(timeout=TIMEOUT) == {"result": 2 * number}  # never another client's reply


server = background.submit(calculator, PORT, 15)
clients = [background.submit(client_with_number, number) for number in (1, 10, 100)]
for client in [*clients, server]:
    client.result(timeout=TIMEOUT)

# %% [markdown]
# **3. Once only.** Change `slow_at_first` so that each request carries a number, and a request that was done already gets the
# old reply instead of being done again.


# %% tags=["solution"]
def careful_server(port):
    angle, done = 0, {}
    with context.socket(zmq.REP) as socket:
        socket.bind(f"tcp://*:{port}")
        while socket.poll(1000):
            number, degrees = socket.recv_json()
            if number not in done:  # the work is done only the first time
                time.sleep(0.4)
                angle += degrees
                done[number] = {"angle": angle}
            socket.send_json(done[number])
    return angle


server = background.submit(careful_server, PORT)
with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{PORT}")
    reply = client.request(json.dumps([1, 10]).encode(), timeout=0.25, retries=10)
    client.linger = 0

assert json.loads(reply) == {"angle": 10}
assert server.result(timeout=TIMEOUT) == 10

# %%
background.shutdown()
context.term()
