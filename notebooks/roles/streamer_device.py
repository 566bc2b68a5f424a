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
# # Role: Streamer device
#
# The meeting place of [lesson 7](../07_streamer_device.ipynb): it **binds** two ports and passes each job from a producer to one of the workers.
#
# Run it together with [streamer_worker](streamer_worker.ipynb) and [streamer_producer](streamer_producer.ipynb), each once or several times, in any
# order, on this machine or on others. It ends by itself when the traffic has ended.
#
# ![Two producers and three workers, all connected to a Streamer device](../images/streamer.svg)

# %%
import time

import brokerless as zmq

# %% tags=["parameters"]
FRONTEND_PORT = 5559     # for producers
BACKEND_PORT = 5557      # for workers
TIMEOUT = 60             # seconds to wait for the first job
QUIET = 3                # seconds without a job after which it ends; more if you start the others by hand, one by one
SECONDS = 600            # and never run for longer than this

# %%
device = zmq.Streamer(f"tcp://*:{FRONTEND_PORT}", f"tcp://*:{BACKEND_PORT}")
device.start()
print("for producers: bound to", device.frontend_endpoint)
print("for workers: bound to", device.backend_endpoint)

# %% [markdown]
# The device runs in a thread of its own. All that is left to do here is to look at its counter from time to time.

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
device.stop()                                      # returns when all that it took in has been handed over

stats = device.stats
print(f"{stats.frontend_messages} jobs passed, {stats.frontend_bytes} bytes")
assert stats.frontend_messages > 0, f"no job, or no worker, came within {TIMEOUT} s"
assert stats.backend_messages == 0, "nothing travels backwards"
