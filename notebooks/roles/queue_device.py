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
# # Role: Queue device
#
# The meeting place of [lesson 5](../05_queue_device.ipynb): it **binds** two ports and passes requests from clients to servers, and replies back.
#
# Run it together with [queue_server](queue_server.ipynb) and [queue_client](queue_client.ipynb), each once or several times, in any order, on this
# machine or on others. It ends by itself when the traffic has ended.
#
# ![Three clients and two servers, all connected to a Queue device](../images/queue.svg)

# %%
import time

import brokerless as zmq

# %% tags=["parameters"]
FRONTEND_PORT = 5559     # for clients
BACKEND_PORT = 5560      # for servers
TIMEOUT = 60             # seconds to wait for the first request
QUIET = 3                # seconds without a message after which it ends; more if you start the others by hand, one by one
SECONDS = 600            # and never run for longer than this

# %%
device = zmq.Queue(f"tcp://*:{FRONTEND_PORT}", f"tcp://*:{BACKEND_PORT}")
device.start()
print("for clients: bound to", device.frontend_endpoint)
print("for servers: bound to", device.backend_endpoint)

# %% [markdown]
# The device runs in a thread of its own. All that is left to do here is to look at its counters from time to time.

# %%
started = last_move = time.monotonic()
moved = 0
while time.monotonic() < started + SECONDS:
    device.join(timeout=0.2)                       # looks five times a second; ends at once if the device does
    so_far = device.stats.frontend_messages + device.stats.backend_messages
    if so_far != moved:
        moved, last_move = so_far, time.monotonic()
    elif time.monotonic() > last_move + (QUIET if moved else TIMEOUT):
        break
device.stop()

stats = device.stats
print(f"{stats.frontend_messages} requests and {stats.backend_messages} replies passed")
assert stats.frontend_messages > 0, f"no client came within {TIMEOUT} s"
assert stats.backend_messages == stats.frontend_messages, "some requests had no reply"
