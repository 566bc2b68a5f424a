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
# # pyzmq and brokerless, side by side
#
# **You will** see what changes when you come from pyzmq: for the programs you have, one line; and what you need not write any
# more.
#
# **You will learn** which line of pyzmq is which line of brokerless, and which calls are new.
#
# **You need** lessons [1](01_pair.ipynb) to [4](04_push_pull.ipynb), or some practice with pyzmq. About 15 minutes.
#
# ## What you have runs as it is
#
# | pyzmq | brokerless |
# |---|---|
# | `import zmq` | `import brokerless as zmq` |
# | `context = zmq.Context()` | the same |
# | `socket = context.socket(zmq.REP)` | the same, and so for PAIR, REQ, PUB, SUB, PUSH, PULL, DEALER, ROUTER, ... |
# | `socket.bind("tcp://*:5556")`, `socket.connect("tcp://localhost:5556")` | the same |
# | `socket.send(b"..")`, `send_string`, `send_json`, `send_multipart` | the same |
# | `socket.recv()`, `recv_string`, `recv_json`, `recv_multipart` | the same |
# | `socket.setsockopt_string(zmq.SUBSCRIBE, "10001")` | the same |
# | `socket.linger = 0`, `socket.setsockopt(zmq.RCVHWM, 10)` | the same |
# | `poller = zmq.Poller()`, `poller.poll(100)` | the same |
# | `zmq.device(zmq.QUEUE, frontend, backend)` | the same, and the stop button ends it |
# | `except zmq.Again`, `except zmq.ZMQError as error: error.errno` | the same, with a text that says what to do |
#
# Both can even live in one program, and talk to each other: on the wire they are the same.

# %%
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq
import zmq as pyzmq

# %% tags=["parameters"]
PORT = 5556
RESULT_PORT = 5558

# %%
TIMEOUT = 10
ENDPOINT = f"tcp://127.0.0.1:{PORT}"
RESULTS = f"tcp://127.0.0.1:{RESULT_PORT}"
background = ThreadPoolExecutor(max_workers=8)

# %% [markdown]
# ### One text, two imports, four combinations
#
# Here are a server and a client, as text. Each is run once with either import, and each combination of the two must lead to the
# same conversation.

# %%
SERVER = """
import zmq

context = zmq.Context()
socket = context.socket(zmq.REP)
socket.bind(endpoint)
heard = []
for number in range(5):
    heard.append(socket.recv_string())
    socket.send_json({"number": number, "you said": heard[-1]})
socket.close()
context.term()
"""

CLIENT = """
import zmq

context = zmq.Context()
socket = context.socket(zmq.REQ)
socket.connect(endpoint)
heard = []
for number in range(5):
    socket.send_string("Hello %d" % number)
    heard.append(socket.recv_json())
socket.close()
context.term()
"""


def play(program, import_line):
    """Runs the text of a program with its import replaced. Returns what it heard."""
    names = {"endpoint": ENDPOINT}
    exec(program.replace("import zmq", import_line), names)
    return names["heard"]


conversations = []
for server_import in ("import zmq", "import brokerless as zmq"):
    for client_import in ("import zmq", "import brokerless as zmq"):
        server = background.submit(play, SERVER, server_import)
        conversation = play(CLIENT, client_import), server.result(timeout=TIMEOUT)
        conversations.append(conversation)
        print(f"{client_import:>25}  <->  {server_import:<25} {len(conversation[0])} replies")

assert conversations == [conversations[0]] * 4
assert conversations[0][0][4] == {"number": 4, "you said": "Hello 4"}

# %% [markdown]
# ## What you need not write any more
#
# From here on, each topic shows first what one writes with pyzmq, then the new call. Both are run.
#
# ### Wait, but not forever
#
# pyzmq: poll in milliseconds, then receive, and tell somehow that nothing came.

# %%
before, now = pyzmq.Context(), zmq.Context()

with before.socket(pyzmq.PULL) as socket:
    socket.bind(ENDPOINT)
    if socket.poll(200):
        message = socket.recv()
    else:
        print("pyzmq: nothing came; why, it does not know")

# %%
with now.socket(zmq.PULL) as socket:
    socket.bind(RESULTS)
    try:
        message = socket.recv(timeout=0.2)  # in seconds; send and the others have it too
    except zmq.Again as reason:
        print("brokerless:", reason)

# %% [markdown]
# ### Wait for the other side
#
# pyzmq: most programs say `time.sleep(1)` and hope. To *know*, one opens a second socket that reports the events of the first,
# and reads from it.

# %%
from zmq.utils.monitor import recv_monitor_message

with before.socket(pyzmq.PUSH) as push, before.socket(pyzmq.PULL) as pull:
    monitor = push.get_monitor_socket(pyzmq.EVENT_HANDSHAKE_SUCCEEDED)
    push.bind_to_random_port("tcp://127.0.0.1")
    pull.connect(push.last_endpoint)
    peers = 0
    deadline = time.monotonic() + TIMEOUT
    while peers < 1:
        remaining = max(0, deadline - time.monotonic())
        if not monitor.poll(remaining * 1000):
            raise TimeoutError("nobody came")
        event = recv_monitor_message(monitor)
        peers += event["event"] == pyzmq.EVENT_HANDSHAKE_SUCCEEDED
    push.disable_monitor()
    monitor.close()
assert peers == 1

# %%
with now.socket(zmq.PUSH) as push, now.socket(zmq.PULL) as pull:
    push.bind_to_random_port("tcp://127.0.0.1")
    pull.connect(push.last_endpoint)
    peers = push.wait_for_peers(1, timeout=TIMEOUT)
    print(push.peers)
assert peers == 1

# %% [markdown]
# For a publisher a connection is not enough: the subscription must have arrived too. With pyzmq one takes an XPUB socket
# instead of PUB and receives the subscriptions as messages. Here it is `wait_for_subscribers`.

# %%
with before.socket(pyzmq.XPUB) as publisher, before.socket(pyzmq.SUB) as subscriber:
    publisher.bind_to_random_port("tcp://127.0.0.1")
    subscriber.connect(publisher.last_endpoint)
    subscriber.setsockopt_string(pyzmq.SUBSCRIBE, "10001")
    if not publisher.poll(TIMEOUT * 1000):
        raise TimeoutError("nobody subscribed")
    event = publisher.recv()
    assert event[:1] == b"\x01"  # 1: subscribes; 0: takes it back
    topics = {event[1:]: 1}
    publisher.send_string("10001 68")
    assert subscriber.recv_string() == "10001 68"

# %%
with now.socket(zmq.PUB) as publisher, now.socket(zmq.SUB) as subscriber:
    publisher.bind_to_random_port("tcp://127.0.0.1")
    subscriber.connect(publisher.last_endpoint)
    subscriber.setsockopt_string(zmq.SUBSCRIBE, "10001")
    publisher.wait_for_subscribers(1, timeout=TIMEOUT)
    assert publisher.subscriptions == topics
    publisher.send_string("10001 68")
    assert subscriber.recv_string() == "10001 68"

# %% [markdown]
# ### Ask again when there is no reply
#
# pyzmq: a REQ socket without a reply is stuck, so one closes it and begins with a new one. The server below loses the first
# request. (It is a ROUTER: a REP would insist on replying before it takes another one.)


# %%
def forgetful_server(library, context, endpoint):
    """Loses the first request that it gets, and replies to the others until it has been quiet for a second."""
    with context.socket(library.ROUTER) as socket:
        socket.bind(endpoint)
        lost = socket.recv_multipart()
        while socket.poll(1000):
            envelope = socket.recv_multipart()[:-1]
            socket.send_multipart([*envelope, b"World"])
    return lost[-1]


server = background.submit(forgetful_server, pyzmq, before, ENDPOINT)
reply, attempts = None, 0
while reply is None and attempts < 10:
    attempts += 1
    socket = before.socket(pyzmq.REQ)
    socket.linger = 0
    socket.connect(ENDPOINT)
    socket.send(b"Hello")
    if socket.poll(200):
        reply = socket.recv()
    socket.close()
print("pyzmq:", reply, "at attempt", attempts)
assert reply == b"World"
assert server.result(timeout=TIMEOUT) == b"Hello"

# %%
server = background.submit(forgetful_server, zmq, now, RESULTS)
with now.socket(zmq.REQ) as socket:
    socket.connect(RESULTS)
    reply = socket.request(b"Hello", timeout=0.2, retries=10)
    socket.linger = 0
print("brokerless:", reply)
assert reply == b"World"
assert server.result(timeout=TIMEOUT) == b"Hello"

# %% [markdown]
# ### Receive until it is over
#
# pyzmq: a socket may be used by one thread only, and closing it from another one may crash the program. So a loop looks up from
# time to time whether it should end.


# %%
def pyzmq_loop(endpoint, stop, got):
    with before.socket(pyzmq.PULL) as socket:
        socket.connect(endpoint)
        while True:
            if socket.poll(1000):
                got.append(socket.recv())
            elif stop:
                return


stop, got = [], []
with before.socket(pyzmq.PUSH) as push:
    push.bind_to_random_port("tcp://127.0.0.1")
    loop = background.submit(pyzmq_loop, push.last_endpoint, stop, got)
    for word in (b"one", b"two", b"three"):
        push.send(word)
    stop.append("when it is quiet")
    loop.result(timeout=TIMEOUT)
assert got == [b"one", b"two", b"three"]

# %% [markdown]
# brokerless: any thread may use any socket, closing included. A loop over a socket ends when the socket is closed.


# %%
def loop_over(socket, enough, got):
    for message in socket:
        got.append(message)
        if message == enough:
            socket.close()  # here it is the loop itself; any other thread may do it


got = []
with now.socket(zmq.PUSH) as push, now.socket(zmq.PULL) as pull:
    push.bind_to_random_port("tcp://127.0.0.1")
    pull.connect(push.last_endpoint)
    loop = background.submit(loop_over, pull, b"three", got)
    for word in (b"one", b"two", b"three"):
        push.send(word)
    loop.result(timeout=TIMEOUT)

with now.socket(zmq.PULL) as pull:
    pull.bind_to_random_port("tcp://127.0.0.1")
    idle = background.submit(loop_over, pull, None, got)
idle.result(timeout=TIMEOUT)  # the end of the `with` above has closed the socket, and so ended the loop

print(got)
assert got == [b"one", b"two", b"three"]

# %% [markdown]
# ### Count what passes
#
# pyzmq: variables that you add up yourself. brokerless: `socket.stats`, `socket.peers`, `socket.endpoints`, always there.

# %%
with now.socket(zmq.PUSH) as push, now.socket(zmq.PULL) as pull:
    push.bind_to_random_port("tcp://127.0.0.1")
    pull.connect(push.last_endpoint)
    for _ in range(1_000):
        push.send(b"x" * 10)
        pull.recv(timeout=TIMEOUT)
    print(push.stats)
    assert push.stats.messages_sent == pull.stats.messages_received == 1_000
    assert push.stats.bytes_sent == pull.stats.bytes_received == 10_000

# %% [markdown]
# ### Bind again
#
# pyzmq closes in the background: `close()` may return while the port is still taken for a moment, so a careful program tries
# again. With brokerless the port is free when `close()` returns.

# %%
tries = 0
for _ in range(20):
    with before.socket(pyzmq.PULL) as socket:
        bound = False
        while not bound:
            tries += 1
            try:
                socket.bind(ENDPOINT)
                bound = True
            except pyzmq.ZMQError as error:
                if error.errno != pyzmq.EADDRINUSE:
                    raise
print("pyzmq: 20 sockets one after the other took", tries, "attempts")

# %%
for _ in range(20):
    with now.socket(zmq.PULL) as socket:
        socket.bind(RESULTS)
print("brokerless: 20 sockets one after the other took 20")

# %% [markdown]
# ### A collector that counts
#
# The tally of lesson 4: who has sent how many results? Both collectors get the same results from the same pyzmq socket.


# %%
def send_results(endpoint):
    with before.socket(pyzmq.PUSH) as socket:
        socket.connect(endpoint)
        for number in range(1_000):
            socket.send_json({"consumer": number % 3, "num": number})


with before.socket(pyzmq.PULL) as socket:
    socket.bind(ENDPOINT)
    sending = background.submit(send_results, ENDPOINT)
    tally_before = Counter()
    for _ in range(1_000):
        tally_before[socket.recv_json()["consumer"]] += 1
    sending.result(timeout=TIMEOUT)

# %%
from brokerless import pipeline

with pipeline.Collector(RESULTS, context=now) as collector:
    sending = background.submit(send_results, RESULTS)
    tally = collector.tally("consumer", timeout=TIMEOUT)  # no number needed: it ends when the senders have gone
    sending.result(timeout=TIMEOUT)

print(tally)
assert tally == dict(tally_before) == {0: 334, 1: 333, 2: 333}

# %% [markdown]
# ### A device that can be stopped
#
# pyzmq: `zmq.device` never returns, so one puts it into a thread or a process that cannot be ended. brokerless: the device runs
# in a native thread, counts, pauses and stops.
#
# ```python
# with zmq.Queue("tcp://*:5559", "tcp://*:5560") as device:
#     ...
#     print(device.stats)
# ```
#
# Lessons 5 to 7 are about that.

# %%
background.shutdown()
before.term()
now.term()
