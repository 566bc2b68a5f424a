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
# # Role: server that replies
#
# A REP server as in [lesson 2](../02_request_reply.ipynb). It **binds** and replies to `REQUESTS` requests, from one client or
# from many. For two servers on one machine run it twice, with another `PORT` in the second.
#
# It needs [reqrep_client](reqrep_client.ipynb). It ends after `REQUESTS` requests, or when nobody asks any more.
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
