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
# # Role: collector
#
# A PULL collector as in [lesson 4](../04_push_pull.ipynb). It **binds** and counts how many results each consumer has sent,
# until there are as many as there are even numbers below `COUNT`.
#
# It needs [consumer](consumer.ipynb), once or several times, and [producer](producer.ipynb).
#
# ![A producer pushes to two consumers in turn, and both push their results to one collector](../images/pushpull.svg)

# %% tags=["parameters"]
RESULT_PORT = 5558
COUNT = 20_000
TIMEOUT = 120  # seconds for everything

# %%
import brokerless as zmq
from brokerless import pipeline

expected = (COUNT + 1) // 2  # so many numbers below COUNT are even
with zmq.Context() as context, pipeline.Collector(f"tcp://*:{RESULT_PORT}", context=context) as collector:
    print(f"waiting for {expected} results at port {RESULT_PORT}")
    tally = collector.tally("consumer", expected, timeout=TIMEOUT)

# %%
for consumer, results in tally.items():
    print(f"consumer {consumer}: {results} results")
assert sum(tally.values()) == expected
