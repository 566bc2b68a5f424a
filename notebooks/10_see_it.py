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
# # 10. See it: one notebook is enough
#
# **You will** run a server, workers and their clients in one notebook, each in a process of its own, and watch what goes on between them.
#
# **You will learn**
# - how a cell becomes a process with `%%peer`, and how to list, replace and stop such processes;
# - why a cell that binds can be run again, and what the stop button does;
# - how to draw what is connected, plot what flows, and record what is said;
# - how to ask why nothing arrives.
#
# **You need** [lesson 2](02_request_reply.ipynb) (REQ and REP), [lesson 5](05_queue_device.ipynb) (the Queue device), and Jupyter or IPython. About
# 30 minutes.

# %% [markdown]
# ## Turn it on
#
# In the lessons before, the other side was a function in a thread, or a second notebook. Both have their price: a thread shares everything with the
# notebook, and of two notebooks you see only one at a time.
#
# One line gives the notebook what it lacks:

# %%
# %load_ext brokerless

import os
import time

import brokerless as zmq
from brokerless.jupyter import peers

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"
PORT = 5570              # the server's
FRONTEND_PORT = 5571     # the device's, for clients
BACKEND_PORT = 5572      # the device's, for workers
EMPTY_PORT = 5573        # nobody binds to this one
COUNT = 5000             # requests through the device

# %%
SERVER = f"tcp://{HOST}:{PORT}"
FRONTEND = f"tcp://{HOST}:{FRONTEND_PORT}"
BACKEND = f"tcp://{HOST}:{BACKEND_PORT}"

TIMEOUT = 20             # seconds; nothing here waits forever
context = zmq.Context()
context.linger = 0       # what nobody has taken does not hold up the end

# %% [markdown]
# ## A cell that is a process
#
# `%%peer NAME`, as the first line of a cell, runs the cell in a Python process of its own, *beside* the notebook. The cell returns at once, and you
# go on. What the process prints appears under its cell whenever it comes, and so does a traceback if it fails.
#
# Such a process knows nothing of the notebook: it imports for itself, and gets the variables that `--env` hands over.

# %%
# %%peer server --env SERVER
import os

import brokerless as zmq

context = zmq.Context()
with context.socket(zmq.REP) as socket:
    socket.bind(SERVER)
    print("the server is process", os.getpid())
    for question in socket:
        print("asked for", question.decode())
        socket.send_json({"answer": question.decode().upper(), "process": os.getpid()})

# %% [markdown]
# That is a server as in lesson 2, and it runs now. The client is an ordinary cell:

# %%
def ask(endpoint, *words):
    """Asks for each of these words; returns the replies."""
    replies = []
    with context.socket(zmq.REQ) as client:
        client.connect(endpoint)
        for word in words:
            client.send_string(word)
            replies.append(client.recv_json(timeout=TIMEOUT))
    return replies


replies = ask(SERVER, "hello", "goodbye")
first_process = replies[0]["process"]
print(replies)
assert [reply["answer"] for reply in replies] == ["HELLO", "GOODBYE"]
assert first_process != os.getpid(), "another process than the notebook's"

# %% [markdown]
# Look at the server's cell again: the two lines that it printed while *this* cell ran are there, not here.
#
# `%peers` lists the processes, with the addresses that they bind or connect to, and with what they have sent and received. The same for programs is
# in `brokerless.jupyter.peers`.

# %%
(listed,) = peers.table()
assert peers.running() == ["server"]
assert listed.pid == first_process and list(listed.binds) == [SERVER]
assert (listed.received, listed.sent) == (2, 2)

# %peers

# %% [markdown]
# ## Another server in its place
#
# Programs change while you write them. Run a `%%peer` cell again, as it is or with changes, and its process is replaced: the old one ends first, so
# the port is free for the new one. A `%%peer` of the same name in another cell does the same. Here is a server that answers backwards:

# %%
# %%peer server --env SERVER
import os

import brokerless as zmq

context = zmq.Context()
with context.socket(zmq.REP) as socket:
    socket.bind(SERVER)
    for question in socket:
        socket.send_json({"answer": question.decode()[::-1], "process": os.getpid()})

# %%
(reply,) = ask(SERVER, "hello")
print(reply)
assert reply["answer"] == "olleh"
assert reply["process"] != first_process
assert peers.running() == ["server"], "one, not two"

# %% [markdown]
# `%stop NAME` ends a peer, `%stop --all` all of them. If you forget: they end with the kernel, also when it is killed.

# %%
# %stop server
assert peers.running() == []

# %% [markdown]
# ## Run a cell again
#
# The next cell binds a socket and leaves it open. Without the extension, its second run would fail: "Address already in use", by the socket of the
# first run. With it, **a cell owns what it opens**: when it is run again, the sockets of its last run are closed and its devices stopped, before
# anything else happens.
#
# Press `Shift`+`Enter` here a few times.

# %%
runs = globals().get("runs", 0) + 1
if runs > 1:
    assert shop.closed, "this cell's last run has opened it, so this one has closed it"  # noqa: F821
shop = context.socket(zmq.REP)
shop.bind(SERVER)
print(f"run {runs}: bound to {SERVER}")

# %% [markdown]
# *Another* cell does not take it away. The error says who has the port: here, which cell opened the socket; for another program, its name and its
# number.

# %%
with context.socket(zmq.REP) as rival:
    try:
        rival.bind(SERVER)
        refusal = None
    except zmq.ZMQError as reason:
        refusal = str(reason)
print(refusal)
assert refusal is not None and "opened in cell" in refusal
shop.close()

# %% [markdown]
# What is to outlive the next run of its cell: `%keep` in the cell keeps all that it opens, `%keep shop` one thing; `%own off` is for all cells.
#
# ## Stop
#
# A cell that waits for ever is nothing to be afraid of. Run the cell that binds once more, put `shop.recv()` into a cell of your own, with no time
# limit, and press the stop button (■, or `I` `I`). It ends at once, with one line in place of a page of traceback, and the socket stays usable:
#
#     KeyboardInterrupt: interrupted while recv() waited on <zmq.Socket(zmq.REP) bound to tcp://127.0.0.1:5570>, 3.2 s;
#     the socket is still usable (line 1)
#
# The same holds for a cell that awaits (lesson 8), and for `%%peer --wait`, where the wait ends and the peer goes on. Any other cell says in
# which of its lines it was, a loop that does not end as well; `%tb` then shows the whole traceback, and `%debug` the variables.
#
# ## A picture of it all
#
# Now something with more parts: the Queue device of lesson 5 in the notebook, and two workers, each a process.

# %%
device = zmq.Queue(FRONTEND, BACKEND).start()

# %%
# %%peer anna --env BACKEND
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REP) as worker:
    worker.connect(BACKEND)
    for question in worker:
        worker.send_json({"worker": "anna", "to": question.decode()})

# %%
# %%peer ben --env BACKEND
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REP) as worker:
    worker.connect(BACKEND)
    for question in worker:
        worker.send_json({"worker": "ben", "to": question.decode()})

# %%
device.backend.wait_for_peers(2, timeout=TIMEOUT)
answered = ask(FRONTEND, "first", "second", "third", "fourth")
by_worker = [reply["worker"] for reply in answered]
print(by_worker)
assert sorted(by_worker) == ["anna", "anna", "ben", "ben"], "in turn"

# %% [markdown]
# `zmq.diagram()` draws what is open, here and in the peers. Lines end in a full square at the socket that binds, in an open circle at the one that
# connects, and have the numbers of messages. `zmq.diagram(live=True)` follows what happens; `save("x.svg")` keeps the picture, `save("x.md")` a text
# of which JupyterLab and many wikis draw it themselves.

# %%
client = context.socket(zmq.REQ)
client.connect(FRONTEND)
client.wait_for_peers(1, timeout=TIMEOUT)

picture = zmq.diagram()
assert all(name in picture.to_mermaid() for name in ("Queue", "anna", "ben"))
picture

# %% [markdown]
# ## Plots while it flows
#
# `dashboard()` of a device, a socket or a role of a pipeline plots messages and bytes per second. The plots appear in the cell and go on by
# themselves, until the thing is closed, the cell is interrupted or run again, or the `with` ends. The figures are read by a thread that does not
# need Python, so a busy notebook is plotted as well.

# %%
before = device.stats.frontend_messages
with device.dashboard(0.05) as board:                   # looks every 0.05 s
    started = time.perf_counter()
    for number in range(COUNT):
        client.send_string(str(number))
        client.recv(timeout=TIMEOUT)
    elapsed = time.perf_counter() - started
passed = board.data["frontend_messages"]                # a list of totals; to_arrays() makes numpy's arrays of them
print(len(passed), "samples, the last one", passed[-1])
assert passed[-1] - before == COUNT

client.close()
device.stop()
# %stop --all

# %% [markdown]
# ## Why is nothing arriving?
#
# ZeroMQ is patient. Where a mistake would end another program, its sockets wait: perhaps the other side comes yet. So the usual sign of a mistake
# is silence. Three mistakes make most of it, and here they are, on purpose. `zmq.doctor()` asks all sockets what they know, of the notebook and of
# its peers; with sockets in the brackets, only these.
#
# **One: nobody is there.** The server is not up, or the port is mistyped.

# %%
def silence(socket):
    """Waits in vain; returns what the error says."""
    try:
        return socket.recv(timeout=1)
    except zmq.Again as reason:
        return str(reason)


with context.socket(zmq.REQ) as client:
    client.connect(f"tcp://{HOST}:{EMPTY_PORT}")
    client.send(b"is anybody there?")
    said = silence(client)
    nobody = zmq.doctor(client)

print(said, nobody, sep="\n\n")
assert nobody.first.kind == "refused"
assert "nobody is bound to" in said, "the error has the doctor's first finding in it"

# %% [markdown]
# **Two: these two do not talk to each other.** Both are up and the address is right, but REQ talks to REP or ROUTER, not to PULL.

# %%
with context.socket(zmq.PULL) as receiver, context.socket(zmq.REQ) as client:
    receiver.bind(SERVER)
    client.connect(SERVER)
    client.send(b"hello?")
    silence(receiver)
    wrong_types = zmq.doctor(client, receiver)
print(wrong_types)
assert [found.kind for found in wrong_types.problems] == ["mismatch", "mismatch"]

# %% [markdown]
# **Three: a prefix that matches nothing.** A subscription is compared byte by byte, and `Zug` is not `zug`.

# %%
with context.socket(zmq.PUB) as station, context.socket(zmq.SUB) as listener:
    station.bind(SERVER)
    listener.subscribe("Zug")
    listener.connect(SERVER)
    station.wait_for_subscribers(1, timeout=TIMEOUT)
    station.send_string("zug 21.5")
    silence(listener)
    no_match = zmq.doctor(listener, station)
print(no_match)
assert [found.kind for found in no_match.problems] == ["no match"]

# %% [markdown]
# ## Who said what, and when
#
# `zmq.trace()` records messages: when, which way, how many bytes, and how each begins. As a cell's value it is a drawing with a line for each
# socket and an arrow for each message; `print` makes a list of it. (Do not trace passwords: they would be in it.)

# %%
with context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
    server.bind(SERVER)
    client.connect(SERVER)
    with zmq.trace(client, server) as talk:
        client.send_json({"city": "Zürich"})
        question = server.recv_json(timeout=TIMEOUT)
        server.send_json({"degrees": 21.5})
        client.recv_json(timeout=TIMEOUT)
print(talk)
assert [(record.socket, record.direction) for record in talk] == [
    ("REQ", "sent"), ("REP", "received"), ("REP", "sent"), ("REQ", "received")]
assert talk.records[0].text == '{"city":"Zürich"}'
talk

# %% [markdown]
# ## What you have now
#
# - One notebook is enough: `%%peer` for the other side, `%peers` and `%stop` to keep house.
# - Cells can be run again, and stopped.
# - `zmq.diagram()` shows what there is, a dashboard how much flows, a trace what is said, and `zmq.doctor()` what is wrong. None of these four
#   needs the extension; without a notebook they speak text.
# - A socket, device or poller as the last line of a cell shows its figures, too.

# %%
from brokerless.course import report

report("See it", messages=2 * COUNT, seconds=elapsed)   # requests and replies, through a device, to two processes

# %% [markdown]
# ## Exercises
#
# **1.** `%%peer NAME --wait` returns when the process has ended, shows the value of its last line, and fails if the process does. Let a process add
# up the numbers below `COUNT`.

# %% tags=["solution"]
# %%peer adder --wait --env COUNT
total = sum(range(COUNT))
assert total == COUNT * (COUNT - 1) // 2
total

# %% [markdown]
# **2.** Trace a device: `zmq.trace(device)` records both of its sockets. Which frames does a request have on its way through a Queue? (Lesson 5
# built a device of glass to find out.)

# %% tags=["solution"]
with zmq.Queue(FRONTEND, BACKEND) as device, context.socket(zmq.REQ) as client, context.socket(zmq.REP) as server:
    client.setsockopt_string(zmq.IDENTITY, "anna")
    client.connect(FRONTEND)
    server.connect(BACKEND)
    with zmq.trace(device) as through:
        client.send(b"Hello")
        server.send(server.recv(timeout=TIMEOUT) + b" World")
        client.recv(timeout=TIMEOUT)

# The envelope: who asked, an empty frame, and the message; twice on the way there and twice on the way back.
print(through)
assert [record.frames[0] for record in through] == [b"anna"] * 4 and len(through) == 4
assert through.records[0].text == "anna | (empty) | Hello"

# %% [markdown]
# **3.** `%%peer NAME --thread` runs a cell in a thread of the notebook itself. When is that better than a process, and when not?

# %% [markdown] tags=["solution"]
# A thread sees the notebook's variables, may share its context (so `inproc` works), and starts at once. A process can be killed in any state, takes
# nothing from the notebook when it fails, computes on a processor of its own, and is what your program will meet in the end. `%stop` can close the
# sockets of a thread, which ends its waits, but it cannot end `time.sleep(1000)`.

# %%
# %stop --all
context.term()
