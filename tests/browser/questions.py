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
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REP) as socket:
    socket.connect(backend)
    for number, question in enumerate(socket, 1):
        socket.send(question.upper())
        if number in (1, 100, 10_000):
            print(f"question {number:,}: {question.decode()}")

# %% tags=["client"]
# %%peer client --env frontend=device.frontend_endpoint
import random
import time
import brokerless as zmq

with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.connect(frontend)
    while True:
        socket.request(b"are you there?", timeout=1)
        time.sleep(random.random() / 2_000)

# %% tags=["diagram"]
zmq.diagram(live=True)

# %% tags=["dashboard"]
device.dashboard()
