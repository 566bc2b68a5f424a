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
# # Push and pull: the producer
#
# Hands out the numbers 0 to `COUNT` - 1, as soon as `WORKERS` consumers are there, and then ends the stream. Run it at the same time as [consumer](consumer.ipynb), once or several times, and
# [collector](collector.ipynb). Lesson: [4. Push and pull](../04_push_pull.ipynb).
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

with zmq.Context() as context, pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as producer:
    print(f"waiting for {WORKERS} consumer(s) at port {WORK_PORT}")
    sent = producer.send_all(({"num": number} for number in range(COUNT)), workers=WORKERS, timeout=TIMEOUT)

# %%
assert sent == COUNT
print(f"{sent} numbers handed out")
