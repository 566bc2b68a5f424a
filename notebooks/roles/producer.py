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
# # Role: producer
#
# A PUSH producer as in [lesson 4](../04_push_pull.ipynb). It **binds**, waits for `WORKERS` consumers, hands out the numbers 0
# to `COUNT` - 1, and ends the stream.
#
# It needs [consumer](consumer.ipynb), once or several times, and [collector](collector.ipynb).
#
# ![A producer pushes to two consumers in turn, and both push their results to one collector](../images/pushpull.svg)

# %% tags=["parameters"]
WORK_PORT = 5557
WORKERS = 1
COUNT = 20_000
TIMEOUT = 60  # seconds to wait for the consumers

# %%
import brokerless as zmq
from brokerless import pipeline

with zmq.Context() as context:
    context.linger = 1000 * TIMEOUT  # milliseconds: for the last numbers, if the consumers have gone
    with pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as producer:
        print(f"waiting for {WORKERS} consumer(s) at port {WORK_PORT}")
        numbers = ({"num": number} for number in range(COUNT))
        sent = producer.send_all(numbers, workers=WORKERS, timeout=TIMEOUT)

# %%
assert sent == COUNT
print(f"{sent} numbers handed out")
