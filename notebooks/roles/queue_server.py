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
# # Role: server behind a Queue
#
# A REP server as in [lesson 5](../05_queue_device.ipynb). It **connects** to the device's backend and answers `World from server ...` to whatever it
# is asked. Start as many as you like.
#
# It needs [queue_device](queue_device.ipynb) and at least one [queue_client](queue_client.ipynb). It ends when the device has gone, or when nobody
# asks any more.

# %%
import random
import time

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
BACKEND_PORT = 5560
TIMEOUT = 60             # seconds to wait for the device, and for the first request
QUIET = 3                # seconds without a request after which it ends

# %%
server_id = random.randrange(1, 10005)
answered = 0

with zmq.Context() as context, context.socket(zmq.REP) as socket:
    socket.connect(f"tcp://{HOST}:{BACKEND_PORT}")
    socket.wait_for_peers(1, timeout=TIMEOUT)
    print(f"I am server {server_id}, and the device is there")

    last_request = time.monotonic()
    while socket.peers and time.monotonic() < last_request + (QUIET if answered else TIMEOUT):
        if socket.poll(200):                       # milliseconds; then look again whether the device is still there
            request = socket.recv_string()
            socket.send_string(f"World from server {server_id}")
            answered, last_request = answered + 1, time.monotonic()
            if answered <= 5:
                print("Received request:", request)
    stats = socket.stats

# %%
print(f"server {server_id} answered {answered} requests")
assert stats.messages_received == stats.messages_sent == answered
