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
# # 5. The Queue device: many clients, many servers, one address
#
# **You will** put a small relay between the clients and the servers of [lesson 2](02_request_reply.ipynb) without changing a line of what they say,
# and then add servers, pause the traffic and lose a server while it runs.
#
# **You will learn**
# - what a *device* is for, and why it is the one that binds;
# - how a reply finds its way back to the right client: *envelopes*;
# - three ways to run a Queue: brokerless' own, pyzmq's `zmq.device`, and ten lines by hand;
# - what a Queue does *not* do for you.
#
# **You need** [lesson 2](02_request_reply.ipynb) (REQ and REP). About 30 minutes. To play it with three notebooks, open
# [queue_device](roles/queue_device.ipynb), [queue_server](roles/queue_server.ipynb) and [queue_client](roles/queue_client.ipynb) in `roles/`.

# %% [markdown]
# ## Why put something in the middle again?
#
# In lesson 2 the client connected to the server. With three servers it had to know three addresses, and with a fourth one all clients had to be told.
# On a network of boards it gets worse: they get their addresses from the router when they are switched on, so nobody can write them down beforehand.
#
# A *device* is a relay with two fixed doors. Clients connect to its **frontend**, servers to its **backend**, and only the device's address has to be
# known. The rest may come, go and move as they like.
#
# ![Three clients and two servers, all connected to a Queue device](images/queue.svg)
#
# Look at the ports in the picture: only the device's are filled. The clients and the servers both *connect*. Lesson 0: who stays is who binds.
#
# It is still not a broker. A device stores nothing on disk, knows nothing of your messages, and is a part of one of your programs, not a product to
# install. You can run it in the notebook that you are reading.

# %%
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"       # where the device runs, as its clients and servers see it
FRONTEND_PORT = 5559     # for clients
BACKEND_PORT = 5560      # for servers
CLIENTS = 3
SERVERS = 2
COUNT = 200              # requests of each client

# %% [markdown]
# The device binds to `*`, which is every address of this machine. The others need an address to connect to.

# %%
BIND_FRONTEND = f"tcp://*:{FRONTEND_PORT}"
BIND_BACKEND = f"tcp://*:{BACKEND_PORT}"
FRONTEND = f"tcp://{HOST}:{FRONTEND_PORT}"
BACKEND = f"tcp://{HOST}:{BACKEND_PORT}"

TIMEOUT = 10             # seconds; nothing here waits forever

context = zmq.Context()
background = ThreadPoolExecutor(16)

# %% [markdown]
# ## The client and the server
#
# These are lesson 2's. The client is the same to the letter. The server differs in one word: `connect` and not `bind`, as the device is who stays.
#
# One question is new. A server behind a device cannot know how many requests will come its way, so when does it go home? When its workplace closes:
# `for question in socket` ends by itself as soon as the socket or its context is closed. We'll give the servers a context of their own to close.

# %%
def client(endpoint, name, count):
    """Asks `count` times and returns who answered, e.g. ["server 1", "server 2", ...]."""
    answered_by = []
    with context.socket(zmq.REQ) as socket:
        socket.connect(endpoint)
        for number in range(count):
            socket.send_string(f"{name}/{number}")
            reply = socket.recv_string(timeout=TIMEOUT)
            server_name, question = reply.split(" answers ")
            assert question == f"{name}/{number}", "this reply belongs to somebody else"
            answered_by.append(server_name)
    return answered_by


def server(workplace, endpoint, name, everyone_here):
    """Answers until its workplace closes; returns how many requests that were."""
    answered = 0
    with workplace.socket(zmq.REP) as socket:
        socket.connect(endpoint)
        socket.wait_for_peers(1, timeout=TIMEOUT)       # the device is there
        everyone_here.wait(timeout=TIMEOUT)
        for question in socket:
            socket.send_string(f"{name} answers {question.decode()}")
            answered += 1
    return answered


# %% [markdown]
# `everyone_here` is a *barrier* from Python's `threading`: it lets nobody pass until all have arrived. We use it so that the clients start when both
# servers are at work. Otherwise the first server to arrive would get all the requests of the first milliseconds, which does no harm but looks unfair.
#
# ## The device
#
# `zmq.Queue(frontend, backend)` runs on a thread of its own, written in Rust, which never asks for Python's global lock. It moves messages while your
# cell computes something. `with` starts it, and stops it at the end.

# %%
def open_for_business(endpoint, count):
    """Starts `count` servers; returns their workplace (close it to send them home) and their results to come."""
    workplace = zmq.Context()
    everyone_here = threading.Barrier(count + 1)
    results = [background.submit(server, workplace, endpoint, f"server {n + 1}", everyone_here) for n in range(count)]
    everyone_here.wait(timeout=TIMEOUT)
    return workplace, results


def run_clients(endpoint, count, requests):
    """Runs `count` clients at the same time; returns one list of answering servers for each."""
    running = [background.submit(client, endpoint, f"client {n + 1}", requests) for n in range(count)]
    return [one.result(timeout=60) for one in running]


# %%
with zmq.Queue(BIND_FRONTEND, BIND_BACKEND) as device:
    workplace, servers = open_for_business(BACKEND, SERVERS)

    started = time.perf_counter()
    answers = run_clients(FRONTEND, CLIENTS, COUNT)
    elapsed = time.perf_counter() - started

    workplace.term()                               # closing time: each server's loop ends
    by_server = [one.result(timeout=TIMEOUT) for one in servers]

moved = device.stats                               # may be read after the end, too
print(f"{CLIENTS} clients asked {CLIENTS * COUNT} times, the servers answered {by_server}")
print(f"through the device: {moved.frontend_messages} requests, {moved.backend_messages} replies, "
      f"{moved.frontend_bytes + moved.backend_bytes:,} bytes")

assert all(len(one) == COUNT for one in answers)
assert sum(by_server) == CLIENTS * COUNT
assert min(by_server) > 0, "the work is shared"
assert moved.frontend_messages == moved.backend_messages == CLIENTS * COUNT
assert not device.running

# %% [markdown]
# Each client got every one of its own replies (the `assert` inside `client` sees to that), although the requests of all three came through one door
# and were answered by whichever server was next.
#
# ## How a reply finds its way: the envelope
#
# A REQ socket may only talk to a REP socket, or to something that behaves like one. The two sockets inside the device are of other types, the
# *extended* ones:
#
# | Socket | Older name | In the device | What it does |
# |---|---|---|---|
# | ROUTER | XREP | frontend | on receiving, puts the sender's identity in front; on sending, takes it off and sends to that peer |
# | DEALER | XREQ | backend | hands messages to its peers in turn, and takes what comes from any of them |
#
# To see what passes between them we need a device made of glass. Here is one by hand. It handles one request at a time, which is enough for looking.

# %%
def glass_device(count):
    """A Queue in Python that remembers what it carried: a list of (request, reply), each a list of frames."""
    seen = []
    with context.socket(zmq.ROUTER) as frontend, context.socket(zmq.DEALER) as backend:
        frontend.bind(BIND_FRONTEND)
        backend.bind(BIND_BACKEND)
        for _ in range(count):
            request = frontend.recv_multipart(timeout=TIMEOUT)
            backend.send_multipart(request)
            reply = backend.recv_multipart(timeout=TIMEOUT)
            frontend.send_multipart(reply)
            seen.append((request, reply))
    return seen


looking = background.submit(glass_device, 2)
workplace, servers = open_for_business(BACKEND, 1)

with context.socket(zmq.REQ) as anna, context.socket(zmq.REQ) as ben:
    anna.setsockopt_string(zmq.IDENTITY, "anna")   # without it, the ROUTER makes up five bytes
    for socket in (anna, ben):
        socket.connect(FRONTEND)
        socket.send(b"Hello")
        socket.recv(timeout=TIMEOUT)

seen = looking.result(timeout=TIMEOUT)
workplace.term()
for request, reply in seen:
    print("request:", request, "\n  reply:", reply)

(anna_asked, anna_got), (ben_asked, ben_got) = seen
assert anna_asked == [b"anna", b"", b"Hello"]
assert ben_asked[1:] == [b"", b"Hello"] and len(ben_asked[0]) == 5
assert anna_got[:2] == anna_asked[:2] and ben_got[:2] == ben_asked[:2]

# %% [markdown]
# Three frames: who asked, an empty one, and the message. The empty frame is the edge of the envelope: everything before it is addresses, everything
# after it is yours. REQ adds the empty frame and takes it off again, and REP keeps the envelope aside while you write the answer and puts it back.
# That is why neither your client nor your server ever saw it.
#
# It also explains why a device written by hand must use `recv_multipart` and `send_multipart`. With plain `recv` it would carry a third of a message.
#
# ## The same thing in pyzmq's words
#
# You'll find this form in many programs. It takes two sockets that you made, and runs in the foreground until somebody closes the context. On
# brokerless it runs on the same engine as `zmq.Queue`, and the notebook's stop button ends it.
#
# Mind how it ends. `zmq.device` does not return, it *raises*: `zmq.ContextTerminated` when the context is closed. Catch exactly that. A bare
# `except:` would also swallow the stop button and your own spelling mistakes.

# %%
def device_in_the_foreground(own_context):
    with own_context.socket(zmq.XREP) as frontend, own_context.socket(zmq.XREQ) as backend:
        frontend.bind(BIND_FRONTEND)
        backend.bind(BIND_BACKEND)
        try:
            zmq.device(zmq.QUEUE, frontend, backend)
        except zmq.ContextTerminated:
            return "the context was closed"


own_context = zmq.Context()
running_device = background.submit(device_in_the_foreground, own_context)
workplace, servers = open_for_business(BACKEND, SERVERS)
answers = run_clients(FRONTEND, 2, 20)
workplace.term()
own_context.term()                                 # this is what ends the device
how_it_ended = running_device.result(timeout=TIMEOUT)

print("2 clients,", sum(map(len, answers)), "replies;", how_it_ended)
assert [len(one) for one in answers] == [20, 20]
assert how_it_ended == "the context was closed"

# %% [markdown]
# XREP and XREQ are the same sockets as ROUTER and DEALER, under the names of long ago.
#
# ## Pause, resume
#
# `zmq.Queue` can hold the traffic, for example while you exchange a server. A paused device takes nothing in and gives nothing out, and what its
# clients send meanwhile waits. Nothing is lost: after `resume` it goes on where it stopped. The last line of the cell shows what is connected then.

# %%
assert (zmq.XREP, zmq.XREQ) == (zmq.ROUTER, zmq.DEALER)

with zmq.Queue(BIND_FRONTEND, BIND_BACKEND) as device:
    workplace, servers = open_for_business(BACKEND, 1)
    with context.socket(zmq.REQ) as socket:
        socket.connect(FRONTEND)
        socket.wait_for_peers(1, timeout=TIMEOUT)

        device.pause()
        assert device.paused and device.running
        socket.send(b"anybody there?")
        try:
            socket.recv(timeout=0.3)
            answered_while_paused = True
        except zmq.Again:
            answered_while_paused = False
        moved_while_paused = device.stats.frontend_messages

        device.resume()
        reply = socket.recv(timeout=TIMEOUT)            # the same request, and only now its reply
        picture = zmq.diagram(device)
    workplace.term()

print("while paused:", moved_while_paused, "moved; after resume:", reply)
assert not answered_while_paused and moved_while_paused == 0
assert reply == b"server 1 answers anybody there?"

picture

# %% [markdown]
# ## A server goes home with a request in its pocket
#
# What if a server dies between question and answer? The device has handed the request over and forgotten it. It will not send it again: it cannot
# know whether the server had already done the work. The one who knows that an answer is missing is the client, so the cure is at the client, as in
# lesson 2: `request` asks again when no answer came in time. The device then gives the repeated request to a server that is still there.

# %%
def deserter(endpoint):
    """Takes one request and leaves without a word."""
    with context.socket(zmq.REP) as socket:
        socket.connect(endpoint)
        return socket.recv(timeout=TIMEOUT)


with zmq.Queue(BIND_FRONTEND, BIND_BACKEND) as device:
    lost = background.submit(deserter, BACKEND)
    with context.socket(zmq.REQ) as socket:
        socket.connect(FRONTEND)
        asking = background.submit(socket.request, b"important", timeout=0.5, retries=10)
        taken = lost.result(timeout=TIMEOUT)            # the deserter has it, and is gone
        workplace, servers = open_for_business(BACKEND, 1)
        reply = asking.result(timeout=30)
    workplace.term()

print("taken and never answered:", taken, "- answered in the end:", reply)
assert taken == b"important"
assert reply == b"server 1 answers important"
assert device.stats.frontend_messages >= 2, "the request passed the device more than once"

# %% [markdown]
# Asking again means that a request may be handled twice. For "what is the temperature?" that is harmless. For "pay 100 francs" give each request a
# number, and let the server refuse a number it has seen.
#
# ## What you have now
#
# - Clients and servers know one address, the device's, and may come and go.
# - Envelopes bring each reply to the client that asked, through any number of devices.
# - The device shares the requests out *in turn*, and counts them.
# - It does not watch whether a server is busy (exercise 1), and does not repeat what a dead server took.

# %%
from brokerless.course import report

report("Queue", messages=2 * CLIENTS * COUNT, seconds=elapsed)      # requests and replies

# %% [markdown]
# ## Exercises
#
# **1.** In turn is not the same as fair. Let one of two servers think for a while about each request, and let four clients ask. How many requests
# does each server get? What does that mean for the clients?

# %% tags=["solution"]
def thoughtful_server(workplace, endpoint, name, thinking, everyone_here):
    answered = 0
    with workplace.socket(zmq.REP) as socket:
        socket.connect(endpoint)
        socket.wait_for_peers(1, timeout=TIMEOUT)
        everyone_here.wait(timeout=TIMEOUT)
        for question in socket:
            sum(range(thinking))                   # the work: Python adds numbers
            socket.send_string(f"{name} answers {question.decode()}")
            answered += 1
    return answered


with zmq.Queue(BIND_FRONTEND, BIND_BACKEND):
    workplace, everyone_here = zmq.Context(), threading.Barrier(3)
    quick = background.submit(thoughtful_server, workplace, BACKEND, "quick", 1, everyone_here)
    slow = background.submit(thoughtful_server, workplace, BACKEND, "slow", 300_000, everyone_here)
    everyone_here.wait(timeout=TIMEOUT)
    run_clients(FRONTEND, 4, 10)
    workplace.term()
    quick, slow = quick.result(timeout=TIMEOUT), slow.result(timeout=TIMEOUT)

# About half each: the device counts turns, not work. So all clients soon queue up at the slow server, while the quick one is idle.
# A cure is a ROUTER backend whose servers ask for work when they are free.
print("quick:", quick, "slow:", slow)
assert quick + slow == 40 and slow >= 15

# %% [markdown]
# **2.** Connect two Queue devices one behind the other, as a branch office and its headquarters would. An endpoint with `>` before it is connected
# instead of bound: `zmq.Queue("tcp://127.0.0.1:*", ">tcp://...")`, and `frontend_endpoint` tells which port `*` became. What does the envelope look
# like at the far end? (Let a DEALER socket play the server: unlike REP it shows you all frames.)

# %% tags=["solution"]
with zmq.Queue(BIND_FRONTEND, BIND_BACKEND) as headquarters:
    with zmq.Queue("tcp://127.0.0.1:*", ">" + FRONTEND) as branch:
        with context.socket(zmq.REQ) as asking, context.socket(zmq.DEALER) as answering:
            asking.setsockopt_string(zmq.IDENTITY, "anna")
            asking.connect(branch.frontend_endpoint)
            answering.connect(BACKEND)
            asking.send(b"Hello")
            envelope = answering.recv_multipart(timeout=TIMEOUT)
            answering.send_multipart(envelope[:-1] + [b"World"])
            reply = asking.recv(timeout=TIMEOUT)

# Each ROUTER on the way adds one address in front: headquarters' name for the branch, then the branch's name for anna.
print(envelope, "->", reply)
assert len(envelope) == 4 and envelope[1:] == [b"anna", b"", b"Hello"]
assert reply == b"World"

# %% [markdown]
# **3.** Why are the device's sockets not simply a REP for the clients and a REQ for the servers?

# %% [markdown] tags=["solution"]
# REP must answer a request before it may take the next one, and REQ must wait for its reply before it may ask again. The device would carry one
# request at a time: while one client waits for its answer, all others wait too, and all servers but one have nothing to do. ROUTER and DEALER have no
# such turns: any number of requests can be on their way, and the envelope says whose is whose.

# %%
background.shutdown()
context.term()
