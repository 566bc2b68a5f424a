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
# # Role: publisher before a Forwarder
#
# A PUB publisher as in [lesson 6](../06_forwarder_device.ipynb). It **connects** to the device's frontend and publishes `topic server#id` on the
# topics 1 to 9. Start as many as you like.
#
# It needs [forwarder_device](forwarder_device.ipynb) and at least one [forwarder_subscriber](forwarder_subscriber.ipynb). It begins when somebody has
# subscribed, and ends when nobody listens any more.

# %%
import random
import time

import brokerless as zmq

# %% tags=["parameters"]
HOST = "127.0.0.1"       # the machine on which the device runs
FRONTEND_PORT = 5559
INTERVAL = 0.05          # seconds between two rounds of updates
TIMEOUT = 60             # seconds to wait for the first subscriber
SECONDS = 30             # publish for at most so long

# %% [markdown]
# When to begin and when to end is told by the subscriptions, which travel through the device to this publisher.

# %%
publisher_id = random.randrange(0, 9999)
sent = 0

with zmq.Context() as context, context.socket(zmq.PUB) as socket:
    socket.connect(f"tcp://{HOST}:{FRONTEND_PORT}")
    socket.wait_for_subscribers(1, timeout=TIMEOUT)
    wanted = sorted(topic.decode() for topic in socket.subscriptions)
    print(f"I am server#{publisher_id}, and somebody wants {wanted}")

    deadline = time.monotonic() + SECONDS
    while socket.subscriptions and time.monotonic() < deadline:
        for topic in range(1, 10):
            socket.send_string(f"{topic} server#{publisher_id}")
            sent += 1
        time.sleep(INTERVAL)                       # its pace, nothing more

# %%
print(f"server#{publisher_id} published {sent} updates on 9 topics")
assert sent > 0 and sent % 9 == 0
