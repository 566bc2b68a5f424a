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
# # Role: weather station
#
# A PUB publisher as in [lesson 3](../03_publish_subscribe.ipynb). It **binds**, waits for `SUBSCRIBERS` subscriptions, and
# publishes temperatures for six postal codes, `ROUNDS` times. For two stations on one machine run it twice, with another `PORT`
# in the second.
#
# It needs [sub_client](sub_client.ipynb), once or several times. It ends after `ROUNDS` rounds, or when nobody listens any
# more.
#
# ![A publisher that binds; two subscribers connect and each gets the topics it asked for](../images/pubsub.svg)

# %% tags=["parameters"]
PORT = 5556
SUBSCRIBERS = 1
ROUNDS = 30
INTERVAL = 0.5  # seconds from one round of reports to the next
TIMEOUT = 60  # seconds to wait for the subscribers

# %%
import random
import time

import brokerless as zmq

rounds = 0
with zmq.Context() as context, context.socket(zmq.PUB) as socket:
    socket.linger = 2000
    socket.bind(f"tcp://*:{PORT}")
    print(f"waiting for {SUBSCRIBERS} subscriber(s) at port {PORT}")
    socket.wait_for_subscribers(SUBSCRIBERS, timeout=TIMEOUT)
    while rounds < ROUNDS and socket.subscriptions:  # no need to go on when everyone has left
        for place in range(9999, 10005):
            socket.send_string(f"{place} {random.randint(-10, 100)}")
        rounds += 1
        time.sleep(INTERVAL)  # the pace of the reports
    sent = socket.stats.messages_sent

# %%
assert rounds >= 1
assert sent == 6 * rounds
print(f"{sent} reports in {rounds} rounds")
