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
# # Role: subscriber to a weather station
#
# A SUB subscriber as in [lesson 3](../03_publish_subscribe.ipynb). It **connects** to the station, listens for `UPDATES`
# updates of one place and prints their average. With a second station, set `SECOND_PORT`: then the updates of both are taken as
# they come.
#
# It needs [pub_server](pub_server.ipynb), once or twice.
#
# ![A publisher that binds; two subscribers connect and each gets the topics it asked for](../images/pubsub.svg)

# %% tags=["parameters"]
HOST = "127.0.0.1"  # the machine on which the other side runs
PORT = 5556
SECOND_PORT = None  # a number, if there is a second station
TOPIC = "10001"
UPDATES = 5
TIMEOUT = 60  # seconds to wait for each update

# %%
import brokerless as zmq

temperatures = []
with zmq.Context() as context, context.socket(zmq.SUB) as socket:
    socket.connect(f"tcp://{HOST}:{PORT}")
    if SECOND_PORT is not None:
        socket.connect(f"tcp://{HOST}:{SECOND_PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, TOPIC)
    print(f"listening for {TOPIC} at {HOST}:{PORT}")
    for _ in range(UPDATES):
        place, temperature = socket.recv_string(timeout=TIMEOUT).split()
        assert place.startswith(TOPIC)
        temperatures.append(int(temperature))
        print(f"{place}: {temperature} F")

# %%
assert len(temperatures) == UPDATES
print(f"average of {UPDATES} updates: {sum(temperatures) / len(temperatures):.1f} F")
