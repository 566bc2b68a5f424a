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
# # Role: client of a PAIR
#
# A PAIR socket as in [lesson 1](../01_pair.ipynb). It **connects** to the server, listens to a greeting and answers it,
# `ROUNDS` times.
#
# It needs [pair_server](pair_server.ipynb), in another kernel or on another board; it does not matter which of the two starts
# first.
#
# ![A server that binds and a client that connects, with messages in both directions](../images/pair.svg)

# %% tags=["parameters"]
HOST = "127.0.0.1"  # the machine on which the other side runs
PORT = 5556
ROUNDS = 10
TIMEOUT = 60  # seconds to wait for the server

# %%
import brokerless as zmq

heard = []
with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
    socket.linger = 2000
    socket.connect(f"tcp://{HOST}:{PORT}")
    print(f"listening to the server at {HOST}:{PORT}")
    for number in range(ROUNDS):
        heard.append(socket.recv_string(timeout=TIMEOUT))
        socket.send_string(f"answer {number} from the client", timeout=TIMEOUT)
        print(heard[-1])

# %%
assert len(heard) == ROUNDS
print(f"{len(heard)} greetings heard, {ROUNDS} answers sent")
