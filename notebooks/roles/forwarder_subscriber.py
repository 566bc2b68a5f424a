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
# # Role: subscriber behind a Forwarder
#
# A SUB subscriber as in [lesson 6](../06_forwarder_device.ipynb). It **connects** to the device's backend and reads a number of updates on one topic.
# Start as many as you like, each with a `TOPIC` of its own if you wish.
#
# It needs [forwarder_device](forwarder_device.ipynb) and at least one [forwarder_publisher](forwarder_publisher.ipynb).

# %%
import time
from collections import Counter

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
BACKEND_PORT = 5560
TOPIC = "9"              # "" for everything
COUNT = 10               # updates to read
TIMEOUT = 60             # seconds to wait for an update

# %%
updates = []

with zmq.Context() as context, context.socket(zmq.SUB) as socket:
    socket.connect(f"tcp://{HOST}:{BACKEND_PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, TOPIC)
    started = time.monotonic()
    while len(updates) < COUNT:
        topic, news = socket.recv_string(timeout=TIMEOUT).split(" ", 1)
        updates.append((topic, news))
        if len(updates) <= 5:
            print(topic, news)

# %%
print(f"{len(updates)} updates in {time.monotonic() - started:.1f} s:", dict(Counter(news for topic, news in updates)))
assert len(updates) == COUNT
assert all(topic.startswith(TOPIC) for topic, news in updates)
