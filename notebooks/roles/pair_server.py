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
# # Role: server of a PAIR
#
# A PAIR socket as in [lesson 1](../01_pair.ipynb). It **binds**, greets one client and listens to its answer, `ROUNDS` times.
#
# It needs [pair_client](pair_client.ipynb), in another kernel or on another board; it does not matter which of the two starts
# first.
#
# ![A server that binds and a client that connects, with messages in both directions](../images/pair.svg)

# %% tags=["parameters"]
PORT = 5556
ROUNDS = 10
TIMEOUT = 60  # seconds to wait for the client

# %%
import brokerless as zmq

heard = []
with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
    socket.linger = 2000  # milliseconds: closing waits no longer than this for what is not delivered yet
    socket.bind(f"tcp://*:{PORT}")
    print(f"waiting for a client at port {PORT}")
    for number in range(ROUNDS):
        socket.send_string(f"greeting {number} from the server", timeout=TIMEOUT)
        heard.append(socket.recv_string(timeout=TIMEOUT))
        print(heard[-1])

# %%
assert len(heard) == ROUNDS
print(f"{ROUNDS} greetings sent, {len(heard)} answers heard")
