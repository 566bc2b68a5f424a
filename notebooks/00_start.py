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
# # 0. Start here: messages without a broker
#
# **You will** send your first message from one socket to another, then let two programs talk inside this one notebook.
#
# **You will learn**
# - what *brokerless* messaging is, and the four words that the whole course uses: *context*, *socket*, *bind*, *connect*;
# - how to run the course in one notebook, with several notebooks side by side, or on several boards;
# - how to send bytes, text and JSON, and how never to wait forever.
#
# **You need** Python and this package. No server, no account, no network: everything here runs on one machine. About 20
# minutes.

# %% [markdown]
# ## What brokerless messaging is
#
# Programs on a network that exchange messages need someone to carry them. Many systems put a *broker* in the middle: a server
# that every program logs in to, that stores each message and passes it on. It is convenient, and it is one more machine to run,
# one more hop for every message, and one place where everything stops at once.
#
# ZeroMQ (written ØMQ or ZMQ: *zero broker*) takes the middle away. It is a library, not a server. Each program opens *sockets*,
# and the sockets connect straight to each other. What the broker did moves into the library, which runs in threads of its own
# inside your program:
#
# | The library does | so that you never write |
# |---|---|
# | sends whole messages | code that finds where one message ends and the next begins |
# | queues what cannot go yet | waiting loops around a slow network |
# | connects, and reconnects | code for "the other side is not up yet" |
# | spreads messages by pattern | lists of who gets which message |
#
# It does not store anything on disk, and it does not know whether the other program *handled* a message. Where that matters,
# the course says so and shows what to do.

# %% [markdown]
# ## The four patterns
#
# A socket has a type, and the type decides who gets a message. Sockets come in matching pairs:
#
# | Lesson | Sockets | A message goes | Like |
# |---|---|---|---|
# | [1](01_pair.ipynb) | PAIR and PAIR | to the one other side | a telephone line |
# | [2](02_request_reply.ipynb) | REQ and REP | to one server, and a reply comes back | asking at a counter |
# | [3](03_publish_subscribe.ipynb) | PUB and SUB | to everyone who subscribed to it | a radio station |
# | [4](04_push_pull.ipynb) | PUSH and PULL | to one of the workers, in turn | a conveyor belt |
#
# Lessons 5 to 7 put a *device* in the middle where that helps, 8 watches several sockets at once, 9 spreads it all over
# several machines, and 10 shows in pictures what goes on.

# %% [markdown]
# ## How to run the course
#
# **One notebook is enough.** Each lesson runs from top to bottom by itself. The other side of the conversation runs in the
# background of the same notebook, in a thread. To have it in a process of its own, put `%load_ext brokerless` into a cell, and
# `%%peer server` as the first line into another one, which then runs beside the notebook. With this extension a cell that binds
# can also be run again. [Lesson 10](10_see_it.ipynb) shows it all; the lessons before do without.
#
# **With two or three notebooks.** The folder `roles/` has each side as a notebook of its own: `pair_server` and `pair_client`,
# and so on. Open both, run all cells of one, then of the other. Which one starts first does not matter; each one waits for the
# other for a while, and each one ends by itself.
#
# **On several boards.** Run one role on each machine. Set `HOST` in the cell of parameters to the address of the machine that
# binds. Lesson 9 tells which address that is.
#
# **When a cell waits for too long**, press the stop button (■, or `I` `I` on the keyboard). The call ends at once with
# `KeyboardInterrupt`, the socket stays usable, and there is no need to restart the kernel.
#
# `import brokerless as zmq` gives you the same names as pyzmq, the usual Python binding, so whatever you read elsewhere about
# ZeroMQ in Python applies here. [This page](pyzmq_side_by_side.ipynb) shows both side by side.

# %%
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

print("libzmq", zmq.zmq_version(), "- the library in C++ that does the work underneath")

# %% [markdown]
# ## Parameters
#
# Every notebook has one cell like this. A *port* is the number of a door on a machine: whoever wants to be found binds to it.
# Any free number from 1024 to 65535 will do. If another program already uses 5556, change it here and nowhere else.

# %% tags=["parameters"]
PORT = 5556

# %% [markdown]
# ## The first message
#
# Four steps, always the same:
#
# 1. a **context** holds the library's threads; one for each program;
# 2. the context makes **sockets**, each with a type;
# 3. one side **binds**: it takes a port and waits to be found;
# 4. the other side **connects** to the address of that port.
#
# `with` closes the sockets at the end of the cell, whatever happens in it. Then the port is free again, and you can run the
# cell as often as you like.

# %%
ENDPOINT = f"tcp://127.0.0.1:{PORT}"  # transport://address:port; 127.0.0.1 is this machine itself
context = zmq.Context()

with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as sender:
    receiver.bind(ENDPOINT)
    sender.connect(ENDPOINT)

    sender.send(b"my first message")
    first = receiver.recv(timeout=5)

print(first)
assert first == b"my first message"

# %% [markdown]
# How could one program send and receive, one line after the other, without getting stuck? `send` only puts the message into the
# socket's queue and returns. The library's thread carries it over in the background while Python goes on to the next line.
#
# ## Who comes first does not matter
#
# Here the sender connects to a door that does not exist yet, and sends. The message stays in its queue, the library keeps
# trying to connect, and as soon as someone binds, the message goes through. With plain network sockets you would get
# "connection refused".

# %%
with context.socket(zmq.PUSH) as sender, context.socket(zmq.PULL) as receiver:
    sender.connect(ENDPOINT)
    sender.send(b"is anybody there?")  # nobody is, yet

    receiver.bind(ENDPOINT)
    late = receiver.recv(timeout=5)

print(late)
assert late == b"is anybody there?"

# %% [markdown]
# Who should bind, then? The side that stays: the one whose address everyone knows. Those who come and go connect to it. A
# socket may connect to several addresses, and many sockets may connect to one.
#
# ## Two sides at the same time
#
# A conversation needs someone on the other side who listens while you talk. In this course that is a function running in a
# thread. `ThreadPoolExecutor` comes with Python: `submit` starts a function in the background, and `result` waits for what it
# returns. If the function failed, `result` raises its error here, so that nothing goes wrong in silence.
#
# One habit makes this easy to follow: **each thread opens its own sockets.** The context is shared by all of them. (With pyzmq
# this is a rule, and breaking it may crash the program. Here any thread may use any socket, but two threads in one conversation
# still confuse each other.)

# %%
background = ThreadPoolExecutor()


def shouting_server(endpoint, count):
    """Answers `count` requests in capital letters, then goes home."""
    with context.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        for _ in range(count):
            question = socket.recv_string(timeout=10)
            socket.send_string(question.upper())
    return count


server = background.submit(shouting_server, ENDPOINT, 2)

with context.socket(zmq.REQ) as client:
    client.connect(ENDPOINT)
    answers = []
    for word in ("hello", "goodbye"):
        client.send_string(word)
        answers.append(client.recv_string(timeout=10))

print(answers)
assert answers == ["HELLO", "GOODBYE"]
assert server.result(timeout=10) == 2  # the server has ended too

# %% [markdown]
# ## Bytes, text, JSON
#
# On the wire there are only bytes. What they mean is up to you, and both sides have to agree:
#
# | You have | Send it with | Receive it with | On the wire |
# |---|---|---|---|
# | bytes | `send` | `recv` | as they are |
# | text | `send_string` | `recv_string` | UTF-8 |
# | dictionaries, lists, numbers | `send_json` | `recv_json` | JSON, so any language can read it |
# | several parts that belong together | `send_multipart` | `recv_multipart` | one message; all parts arrive or none |
#
# A common surprise: `recv` after `send_string` gives `b"..."`, with the `b`. That is bytes; `recv_string` gives you text.

# %%
with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as sender:
    receiver.bind(ENDPOINT)
    sender.connect(ENDPOINT)

    sender.send_string("Zürich")
    as_bytes = receiver.recv(timeout=5)

    sender.send_string("Zürich")
    as_text = receiver.recv_string(timeout=5)

    sender.send_json({"city": "Zürich", "degrees": 21.5})
    as_object = receiver.recv_json(timeout=5)

    sender.send_multipart([b"photo.jpg", b"\xff\xd8..."])
    parts = receiver.recv_multipart(timeout=5)

print(as_bytes, as_text, as_object, parts, sep="\n")
assert as_bytes == "Zürich".encode("utf-8") and len(as_bytes) == 7  # six letters, seven bytes
assert as_text == "Zürich"
assert as_object == {"city": "Zürich", "degrees": 21.5}
assert parts == [b"photo.jpg", b"\xff\xd8..."]

# %% [markdown]
# ## Never wait forever
#
# `recv()` waits until a message comes, and if none ever comes it waits for good. In a program that is to run without you, say
# how long to wait: `timeout`, in seconds. When the time is over the call raises `zmq.Again`, whose text tells what it was
# waiting for.
#
# And when nothing arrives, ask `zmq.doctor()`. It looks at all that is open, tells what is wrong, and what to do about it.

# %%
with context.socket(zmq.PULL) as receiver:
    receiver.bind(ENDPOINT)
    started = time.perf_counter()
    try:
        receiver.recv(timeout=0.2)
        gave_up = False
    except zmq.Again as reason:
        gave_up = True
        print(type(reason).__name__, "-", reason)
    waited = time.perf_counter() - started
    report = zmq.doctor(receiver)

print(f"gave up after {waited:.2f} s")
assert gave_up and 0.15 < waited < 5
print(report)
assert report.first.kind == "nobody came"

# %% [markdown]
# ## Look inside
#
# A socket can tell what it has been doing. `stats` counts messages and bytes, `peers` lists who is connected right now,
# `endpoints` the addresses. `wait_for_peers` returns as soon as someone is there. You'll use it in every lesson, where other
# courses write `time.sleep(1)` and hope.

# %%
with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as sender:
    receiver.bind(ENDPOINT)
    sender.connect(ENDPOINT)
    connected = sender.wait_for_peers(1, timeout=10)

    for number in range(100):
        sender.send_string(f"message {number}")
    for _ in range(100):
        receiver.recv(timeout=5)

    sent, received = sender.stats, receiver.stats
    print("the receiver is at", receiver.endpoints)
    print("peers of the sender:", sender.peers)
    print(f"sent {sent.messages_sent} messages, {sent.bytes_sent} bytes")
    assert len(sender.peers) == connected == 1

assert sent.messages_sent == received.messages_received == 100
assert sent.bytes_sent == received.bytes_received

# %% [markdown]
# ## Close, and open again
#
# A port belongs to one socket at a time. `close` (and the end of a `with`) gives it back, and the next socket may have it at
# once. A second socket that wants it *before* that gets an error.

# %%
for _ in range(20):
    with context.socket(zmq.PULL) as receiver:
        receiver.bind(ENDPOINT)

with context.socket(zmq.PULL) as first_one, context.socket(zmq.PULL) as second_one:
    first_one.bind(ENDPOINT)
    try:
        second_one.bind(ENDPOINT)
        refused = False
    except zmq.ZMQError as reason:
        refused = reason.errno == zmq.EADDRINUSE
        print(reason)
assert refused

# %% [markdown]
# You now know all that the four lessons have in common. Before you go on, try these.
#
# ## Exercises
#
# **1.** Send the numbers 1 to 10 as JSON, receive them, and print their sum.

# %% tags=["solution"]
with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as sender:
    receiver.bind(ENDPOINT)
    sender.connect(ENDPOINT)
    for number in range(1, 11):
        sender.send_json(number)
    total = sum(receiver.recv_json(timeout=5) for _ in range(10))

print(total)
assert total == 55

# %% [markdown]
# **2.** Two senders connect to one receiver and send three messages each. Does the receiver get all six? In which order?

# %% tags=["solution"]
with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as red, context.socket(zmq.PUSH) as blue:
    receiver.bind(ENDPOINT)
    red.connect(ENDPOINT)
    blue.connect(ENDPOINT)
    for number in range(3):
        red.send_string(f"red {number}")
        blue.send_string(f"blue {number}")
    arrived = [receiver.recv_string(timeout=5) for _ in range(6)]

# All six. Between the two senders there is no fixed order, but the messages of one sender never overtake each other.
print(arrived)
assert [text for text in arrived if text.startswith("red")] == ["red 0", "red 1", "red 2"]
assert [text for text in arrived if text.startswith("blue")] == ["blue 0", "blue 1", "blue 2"]

# %% [markdown]
# **3.** Write a server that answers a word with its number of letters, run it in the background, and ask it three words.


# %% tags=["solution"]
def counting_server(endpoint, count):
    with context.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        for _ in range(count):
            socket.send_json(len(socket.recv_string(timeout=10)))


server = background.submit(counting_server, ENDPOINT, 3)
with context.socket(zmq.REQ) as client:
    client.connect(ENDPOINT)
    lengths = []
    for word in ("one", "three", "fifteen"):
        client.send_string(word)
        lengths.append(client.recv_json(timeout=10))
server.result(timeout=10)

print(lengths)
assert lengths == [3, 5, 7]

# %% [markdown]
# **4.** tcp is one transport of several. Change the address of the first message to `inproc://anywhere` (between threads of one
# program, no network at all), then try `ipc://` with the path of a file (between programs on one machine). Which one needs the
# same context on both sides?

# %% [markdown] tags=["solution"]
# Both work. `inproc` needs the same context on both sides: a name such as `inproc://anywhere` is known only within one context.
# `ipc` uses a file as its door, so it works between programs, but only on the same machine. tcp is the only one of the three
# that reaches other machines.

# %%
background.shutdown()
context.term()
