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
# # Role: client before a Queue
#
# A REQ client as in [lesson 5](../05_queue_device.ipynb). It **connects** to the device's frontend, asks `Hello from ...` a number of times and waits
# for each reply. Start as many as you like.
#
# It needs [queue_device](queue_device.ipynb) and at least one [queue_server](queue_server.ipynb).

# %%
import random
from collections import Counter

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
FRONTEND_PORT = 5559
COUNT = 10               # requests
TIMEOUT = 60             # seconds to wait for a reply

# %%
client_id = random.randrange(1, 10005)
replies = []

with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.linger = 0                              # a request that nobody took is not worth waiting for at the end
    socket.connect(f"tcp://{HOST}:{FRONTEND_PORT}")
    for number in range(1, COUNT + 1):
        socket.send_string(f"Hello from {client_id}")
        replies.append(socket.recv_string(timeout=TIMEOUT))
        if number <= 5:
            print("Received reply", number, "[", replies[-1], "]")

# %%
print(dict(Counter(replies)))
assert len(replies) == COUNT
assert all(reply.startswith("World from") for reply in replies)
