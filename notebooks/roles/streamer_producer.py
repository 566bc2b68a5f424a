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
# # Role: producer before a Streamer
#
# A PUSH producer as in [lesson 7](../07_streamer_device.ipynb). It **connects** to the device's frontend and sends jobs as JSON, `{"num": 0}`,
# `{"num": 1}` and so on. Start as many as you like, each with another `FIRST`.
#
# It needs [streamer_device](streamer_device.ipynb) and at least one [streamer_worker](streamer_worker.ipynb): without workers it waits when the
# queues are full.

# %%
import time

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
FRONTEND_PORT = 5559
FIRST = 0                # the first number
COUNT = 20_000           # jobs
TIMEOUT = 60             # seconds to wait for the device, and for room in the queue

# %%
with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
    socket.linger = TIMEOUT * 1000                # milliseconds: how long the end may wait for what is still in the queue
    socket.connect(f"tcp://{HOST}:{FRONTEND_PORT}")
    socket.wait_for_peers(1, timeout=TIMEOUT)
    started = time.monotonic()
    for number in range(FIRST, FIRST + COUNT):
        socket.send_json({"num": number}, timeout=TIMEOUT)
    stats = socket.stats
# The end of `with` waits until everything has been delivered to the device.
elapsed = time.monotonic() - started

# %%
print(f"{stats.messages_sent} jobs, {stats.bytes_sent} bytes, delivered in {elapsed:.2f} s")
assert stats.messages_sent == COUNT
