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
# # Role: client that asks
#
# A REQ client as in [lesson 2](../02_request_reply.ipynb). It **connects** to the server, sends `REQUESTS` requests and waits
# for the reply to each. With a second server, set `SECOND_PORT`: then the requests go to one and the other in turn.
#
# It needs [reqrep_server](reqrep_server.ipynb), once or twice.
#
# ![A client connected to two servers: requests go to one and the other in turn, each reply comes back](../images/reqrep.svg)

# %% tags=["parameters"]
HOST = "127.0.0.1"  # the machine on which the other side runs
PORT = 5556
SECOND_PORT = None  # a number, if there is a second server
REQUESTS = 10
TIMEOUT = 60  # seconds to wait for each reply

# %%
import brokerless as zmq

ports = [PORT] if SECOND_PORT is None else [PORT, SECOND_PORT]
replies = []
with zmq.Context() as context, context.socket(zmq.REQ) as socket:
    socket.linger = 0  # a request that nobody took need not be delivered after we have gone
    for port in ports:
        socket.connect(f"tcp://{HOST}:{port}")
    for number in range(REQUESTS):
        socket.send_string("Hello")
        replies.append(socket.recv_string(timeout=TIMEOUT))
        print(f"request {number}: {replies[-1]}")

# %%
assert len(replies) == REQUESTS
if len(ports) == 2 and REQUESTS > 1:
    assert set(replies[0::2]).isdisjoint(replies[1::2])  # one server and the other, in turn
print(f"{len(replies)} replies from {len(set(replies))} server(s)")
