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

# %%
# %load_ext brokerless
import brokerless as zmq

device = zmq.Queue("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").start()

# %% tags=["peer"]
# %%peer server --env backend=device.backend_endpoint
import os
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REP) as socket:
    socket.connect(backend)
    print("the server runs beside the notebook, as process", os.getpid())
    for number, question in enumerate(socket):
        socket.send(question.upper())
        if number in (0, 1_000, 10_000):
            print(f"request {number:,}: {question.decode()}")

# %% tags=["client"]
# %%peer client --env frontend=device.frontend_endpoint
import math
import time
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.connect(frontend)
    while True:
        socket.request(b"hello", timeout=1)
        time.sleep(0.0002 * (1 + math.sin(2 * time.monotonic())))

# %% tags=["diagram"]
zmq.diagram()

# %% tags=["dashboard"]
device.dashboard()
