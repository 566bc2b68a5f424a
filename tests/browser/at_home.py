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
# # At home in the notebook
#
# What `make browser-test` does by hand, so to speak: it clicks into these cells, runs them, stops them, runs them again.

# %% tags=["parameters"]
PORT = 5556
FIXED_PORT = 5557

# %% tags=["setup"]
# %load_ext brokerless
import brokerless as zmq
import brokerless.asyncio

context = zmq.Context()

# %% tags=["peer"]
# %%peer oracle --env port=PORT
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REP) as socket:
    socket.bind(f"tcp://127.0.0.1:{port}")
    print("the oracle is open", flush=True)
    for question in socket:
        print("asked:", question.decode(), flush=True)
        socket.send(b"ask again later")

# %% tags=["ask"]
client = context.socket(zmq.REQ)
client.connect(f"tcp://127.0.0.1:{PORT}")
client.send_string("will it rain?")
client.recv_string(timeout=30)

# %% tags=["waits"]
empty = context.socket(zmq.PULL)
empty.bind("tcp://127.0.0.1:*")
print("waiting", flush=True)
empty.recv()

# %% tags=["awaits"]
awaited = zmq.asyncio.Context().socket(zmq.PULL)
awaited.bind("tcp://127.0.0.1:*")
print("waiting", flush=True)
await awaited.recv()

# %% tags=["still-here"]
print("the kernel is still here:", client.closed, empty.closed)

# %% tags=["binds"]
in_the_way = context.socket(zmq.PULL)
in_the_way.bind(f"tcp://127.0.0.1:{FIXED_PORT}")
in_the_way

# %% tags=["dashboard"]
device = zmq.Queue("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").start()
board = device.dashboard(interval=0.1)

# %% tags=["traffic"]
import time

asked = 0
with context.socket(zmq.REQ) as asks, context.socket(zmq.REP) as answers:
    asks.connect(device.frontend_endpoint)
    answers.connect(device.backend_endpoint)
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        asks.send(b"?")
        answers.send(answers.recv(timeout=30) + b"!")
        asks.recv(timeout=30)
        asked += 1
print(f"asked {asked} times")

# %% tags=["diagram"]
zmq.diagram()

# %% tags=["end"]
# %stop --all
board.stop()
device.stop()
