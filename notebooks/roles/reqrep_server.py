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
# # Request and reply: the server
#
# Replies to `REQUESTS` requests, from one client or from many. Run it at the same time as [reqrep_client](reqrep_client.ipynb). For two servers, run this
# notebook twice, with a different `PORT` in the second (two on one machine cannot have the same one). Lesson:
# [2. Request and reply](../02_request_reply.ipynb).
#
# ![A client connected to two servers: requests go to one and the other in turn, each reply comes back](../images/reqrep.svg)

# %% tags=["parameters"]
PORT = 5556
REQUESTS = 10
TIMEOUT = 60  # seconds to wait for the first request
QUIET = 5  # after that: seconds without a request after which the server goes home

# %%
import brokerless as zmq

handled = 0
with zmq.Context() as context, context.socket(zmq.REP) as socket:
    socket.linger = 2000
    socket.bind(f"tcp://*:{PORT}")
    print(f"waiting for requests at port {PORT}")
    while handled < REQUESTS:
        try:
            request = socket.recv_string(timeout=QUIET if handled else TIMEOUT)
        except zmq.Again:
            break
        socket.send_string(f"World from {PORT}")
        handled += 1
        print(f"request {handled}: {request}")

# %%
assert 0 < handled <= REQUESTS, f"no request in {TIMEOUT} s"
print(f"{handled} requests handled")
