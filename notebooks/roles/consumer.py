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
# # Role: consumer
#
# A consumer as in [lesson 4](../04_push_pull.ipynb). It **connects** to the producer and to the collector, takes numbers from
# the one and passes the even ones on to the other, under its own id. Start as many as you like.
#
# It needs [producer](producer.ipynb) and [collector](collector.ipynb). It ends when the producer has ended and no number is
# left.
#
# ![A producer pushes to two consumers in turn, and both push their results to one collector](../images/pushpull.svg)

# %% tags=["parameters"]
PRODUCER_HOST = "127.0.0.1"  # the machine on which the producer runs
WORK_PORT = 5557
COLLECTOR_HOST = "127.0.0.1"  # the machine on which the collector runs
RESULT_PORT = 5558
TIMEOUT = 60  # seconds to wait for the collector, and for each number

# %%
import brokerless as zmq
from brokerless import pipeline

source = f"tcp://{PRODUCER_HOST}:{WORK_PORT}"
sink = f"tcp://{COLLECTOR_HOST}:{RESULT_PORT}"
with zmq.Context() as context:
    context.linger = 1000 * TIMEOUT  # milliseconds: for the last results, if the collector has gone
    with pipeline.Worker(source, sink, context=context) as worker:
        print("I am consumer", worker.id)

        def keep_even(job):
            if job["num"] % 2 == 0:
                return {"consumer": worker.id, "num": job["num"]}
            return None

        done = worker.run(keep_even, timeout=TIMEOUT)

# %%
assert done.received > 0
assert done.sent <= done.received
print(f"{done.received} numbers taken in, {done.sent} passed on")
