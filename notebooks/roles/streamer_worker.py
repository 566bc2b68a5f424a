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
# # Role: worker behind a Streamer
#
# A PULL worker as in [lesson 7](../07_streamer_device.ipynb). It **connects** to the device's backend and turns each job `{"num": ...}` into a
# result. Start as many as you like.
#
# It needs [streamer_device](streamer_device.ipynb) and at least one [streamer_producer](streamer_producer.ipynb). It ends when the device has gone
# and its own queue is empty, or when no job comes any more.

# %%
import random
import time

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
BACKEND_PORT = 5557
TIMEOUT = 60             # seconds to wait for the device, and for the first job
QUIET = 3                # seconds without a job after which it ends

# %%
consumer_id = random.randrange(1, 10005)
results = []

with zmq.Context() as context, context.socket(zmq.PULL) as socket:
    socket.connect(f"tcp://{HOST}:{BACKEND_PORT}")
    socket.wait_for_peers(1, timeout=TIMEOUT)
    print(f"I am consumer #{consumer_id}, and the device is there")

    last_job = time.monotonic()
    while time.monotonic() < last_job + (QUIET if results else TIMEOUT):
        if socket.poll(200):                       # milliseconds; then look whether the device is still there
            work = socket.recv_json()
            results.append({"consumer": consumer_id, "num": work["num"]})
            last_job = time.monotonic()
        elif not socket.peers:
            break
    stats = socket.stats

# %%
print(f"consumer #{consumer_id} did {len(results)} jobs; the first ones:", *results[:3], sep="\n  ")
assert stats.messages_received == len(results)
