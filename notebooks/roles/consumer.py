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
# # Push and pull: a consumer
#
# Takes numbers from the producer and passes the even ones on to the collector, under its own id. It ends when the producer has ended and no number is left. Run it once or
# several times, at the same time as [collector](collector.ipynb) and [producer](producer.ipynb). On several boards, set the two hosts. Lesson:
# [4. Push and pull](../04_push_pull.ipynb).
#
# ![A producer pushes to two consumers in turn, and both push their results to one collector](../images/pushpull.svg)

# %% tags=["parameters"]
PRODUCER_HOST = "127.0.0.1"
WORK_PORT = 5557
COLLECTOR_HOST = "127.0.0.1"
RESULT_PORT = 5558
TIMEOUT = 120  # seconds for everything, the wait for the producer included

# %%
import brokerless as zmq
from brokerless import pipeline

with zmq.Context() as context:
    worker = pipeline.Worker(
        f"tcp://{PRODUCER_HOST}:{WORK_PORT}", f"tcp://{COLLECTOR_HOST}:{RESULT_PORT}", context=context
    )
    print("I am consumer", worker.id)

    def keep_even(job):
        if job["num"] % 2 == 0:
            return {"consumer": worker.id, "num": job["num"]}
        return None

    worker.start(keep_even)
    try:
        done = worker.join(timeout=TIMEOUT)
    finally:
        worker.stop()  # if the time was over, or if you pressed stop

# %%
assert done.received > 0
assert done.sent <= done.received
print(f"{done.received} numbers taken in, {done.sent} passed on")
