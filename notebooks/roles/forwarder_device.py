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
# # Role: Forwarder device
#
# The meeting place of [lesson 6](../06_forwarder_device.ipynb): it **binds** two ports and passes updates from publishers to subscribers, and
# subscriptions the other way.
#
# Run it together with [forwarder_subscriber](forwarder_subscriber.ipynb) and [forwarder_publisher](forwarder_publisher.ipynb), each once or several
# times, in any order, on this machine or on others. It ends by itself when the traffic has ended.
#
# ![Two publishers and three subscribers, all connected to a Forwarder device](../images/forwarder.svg)

# %%
import time

import brokerless as zmq

# %% tags=["parameters"]
FRONTEND_PORT = 5559     # for publishers
BACKEND_PORT = 5560      # for subscribers
TIMEOUT = 60             # seconds to wait for the first update
QUIET = 3                # seconds without an update after which it ends; more if you start the others by hand, one by one
SECONDS = 600            # and never run for longer than this

# %%
device = zmq.Forwarder(f"tcp://*:{FRONTEND_PORT}", f"tcp://*:{BACKEND_PORT}")
device.start()
print("for publishers: bound to", device.frontend_endpoint)
print("for subscribers: bound to", device.backend_endpoint)

# %% [markdown]
# The device runs in a thread of its own. All that is left to do here is to look at its counter from time to time. Only updates that somebody has
# subscribed to reach the device, so it falls quiet when the last subscriber has gone, even if the publishers go on.

# %%
started = last_move = time.monotonic()
moved = 0
while time.monotonic() < started + SECONDS:
    device.join(timeout=0.2)                       # looks five times a second; ends at once if the device does
    so_far = device.stats.frontend_messages
    if so_far != moved:
        moved, last_move = so_far, time.monotonic()
    elif time.monotonic() > last_move + (QUIET if moved else TIMEOUT):
        break
device.stop()

stats = device.stats
print(f"{stats.frontend_messages} updates passed, {stats.frontend_bytes} bytes")
assert stats.frontend_messages > 0, f"no update that anybody wanted came within {TIMEOUT} s"
