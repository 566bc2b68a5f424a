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
# # 3. Publish and subscribe: the weather station
#
# **You will** run a weather station that publishes temperatures for several places, and subscribers that listen to one of them.
#
# **You will learn**
# - how topics work, and that they are prefixes;
# - where messages are filtered (not where you might think);
# - how to listen to several publishers, and publish to several subscribers;
# - which messages get lost, and how to lose none: `wait_for_subscribers`.
#
# **You need** [lesson 0](00_start.ipynb). About 30 minutes. To play it with two or three notebooks, open
# [roles/pub_server](roles/pub_server.ipynb) and [roles/sub_client](roles/sub_client.ipynb) (once or twice).
#
# ![A publisher that binds; two subscribers connect and each gets the topics it asked for](images/pubsub.svg)

# %% [markdown]
# A publisher speaks, whoever wants to hears it. It does not know its listeners by name, does not wait for them and gets no
# answer. Subscribers come and go while it runs. That makes PUB/SUB the pattern for sensors, for status reports, for anything
# that goes on whether somebody listens or not.

# %%
import json
import random
import select
import socket as tcp
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq
from brokerless.course import report

# %% tags=["parameters"]
HOST = "127.0.0.1"
PORT = 5556
SECOND_PORT = 5557
UPDATES = 5
MEASURED_UPDATES = 100_000

# %% [markdown]
# ## The weather station
#
# The station reports for six postal codes, 9999 to 10004; 10001 is in New York. One message is a text such as `10001 68`: the
# topic comes first, then the temperature in degrees Fahrenheit.
#
# It starts to report when enough subscribers are there. We'll see below what would happen if it did not wait.

# %%
TIMEOUT = 10
PLACES = range(9999, 10005)
context = zmq.Context()
background = ThreadPoolExecutor()


def weather_station(port, rounds, subscribers=1, name=""):
    """Publishes one report for each place in each round. Returns what it said about 10001."""
    said = []
    with context.socket(zmq.PUB) as socket:
        socket.bind(f"tcp://*:{port}")
        socket.wait_for_subscribers(subscribers, timeout=TIMEOUT)
        for _ in range(rounds):
            for place in PLACES:
                temperature = random.randint(-10, 100)
                socket.send_string(f"{place} {temperature} {name}".rstrip())
                if place == 10001:
                    said.append(temperature)
    return said


# %% [markdown]
# ## A subscriber
#
# It connects, and then says what it wants. A new SUB socket is subscribed to nothing and gets nothing. `"10001"` asks for the
# messages that begin with these five characters.


# %%
def subscriber(port, topic, updates):
    """Listens for this many updates on a topic. Returns their temperatures."""
    temperatures = []
    with context.socket(zmq.SUB) as socket:
        socket.connect(f"tcp://{HOST}:{port}")
        socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        for _ in range(updates):
            place, temperature = socket.recv_string(timeout=TIMEOUT).split()
            print(f"{place}: {temperature} F")
            temperatures.append(int(temperature))
    return temperatures


station = background.submit(weather_station, PORT, UPDATES)
temperatures = subscriber(PORT, "10001", UPDATES)
said = station.result(timeout=TIMEOUT)

average = sum(temperatures) / len(temperatures)
print(f"average of {len(temperatures)} updates: {average:.1f} F")
assert temperatures == said

# %% [markdown]
# An average is the sum divided by **how many** there are. Watch out when you count with a loop: after `for number in range(5)`
# the variable `number` is 4, the last index, and dividing by it makes New York 25 % too warm.
#
# ## Topics are prefixes
#
# The library compares the first bytes of a message with what you subscribed to, nothing more. So `"1000"` gets every place from
# 10000 to 10004. The empty text `""` gets everything. And `"10001"` would also get a place called 100012, should there ever be
# one. To be exact, put the character that ends the topic into the subscription: `"10001 "`, with the space.


# %%
def heard(topic, messages):
    """Which of these messages does a subscriber to this topic get?"""
    got = []
    with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as socket:
        publisher.bind(f"tcp://*:{PORT}")
        socket.connect(f"tcp://{HOST}:{PORT}")
        socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        socket.setsockopt_string(zmq.SUBSCRIBE, "that's all")  # a socket may have many subscriptions
        publisher.wait_for_subscribers(1, topic="that's all", timeout=TIMEOUT)
        for message in [*messages, "that's all"]:
            publisher.send_string(message)
        while not got or got[-1] != "that's all":
            got.append(socket.recv_string(timeout=TIMEOUT))
    return got[:-1]


messages = ["9999 61", "10000 64", "10001 68", "100012 35"]
for topic in ("10001", "10001 ", "1000", "", "20000"):
    print(f"{topic!r:>8} gets {heard(topic, messages)}")

assert heard("10001", messages) == ["10001 68", "100012 35"]
assert heard("10001 ", messages) == ["10001 68"]
assert heard("1000", messages) == ["10000 64", "10001 68", "100012 35"]
assert heard("", messages) == messages
assert heard("20000", messages) == []

# %% [markdown]
# ## Where are messages filtered?
#
# At the **publisher**. (With tcp and ipc; in very old versions of ZeroMQ it was the subscriber, and many texts still say so.)
# When a subscriber subscribes, its library sends the topic to the publisher, and the publisher keeps a list. `subscriptions`
# shows that list. What nobody has asked for never leaves the machine.

# %%
with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as one, context.socket(zmq.SUB) as two:
    publisher.bind(f"tcp://*:{PORT}")
    for number, socket in enumerate((one, two)):
        socket.connect(f"tcp://{HOST}:{PORT}")
        socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
        socket.setsockopt_string(zmq.SUBSCRIBE, f"1000{number + 2}")
        publisher.wait_for_subscribers(1, topic=f"1000{number + 2}", timeout=TIMEOUT)
    known = publisher.subscriptions
    print(known)

assert known == {b"10001": 2, b"10002": 1, b"10003": 1}

# %% [markdown]
# Don't take my word for it: let us listen to the wire. The function below stands between a subscriber and a publisher, passes
# on every byte that comes by, and counts those that the publisher sends. It uses Python's plain network sockets, as ZeroMQ does
# underneath.


# %%
def wire_tap(listener, port):
    """Passes bytes between whoever connects to `listener` and the publisher at `port`; counts the publisher's."""
    counted = 0
    with listener.accept()[0] as left, tcp.create_connection((HOST, port)) as right:
        other_end = {left: right, right: left}
        while True:
            for end in select.select([left, right], [], [], TIMEOUT)[0]:
                data = end.recv(65536)
                if not data:
                    return counted
                other_end[end].sendall(data)
                counted += len(data) if end is right else 0


with context.socket(zmq.PUB) as publisher, tcp.create_server((HOST, SECOND_PORT)) as listener:
    publisher.bind(f"tcp://*:{PORT}")
    tapped = background.submit(wire_tap, listener, PORT)
    with context.socket(zmq.SUB) as socket:
        socket.connect(f"tcp://{HOST}:{SECOND_PORT}")  # to the tap, not to the publisher
        socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
        publisher.wait_for_subscribers(1, timeout=TIMEOUT)
        for _ in range(1_000):
            publisher.send_string("20002 " + "a long report that nobody here wants to read " * 20)
        publisher.send_string("10001 68")
        wanted = socket.recv_string(timeout=TIMEOUT)
        published = publisher.stats.bytes_sent
    on_the_wire = tapped.result(timeout=TIMEOUT)

print(f"published {published:,} bytes, on the wire {on_the_wire:,}; the subscriber got {wanted!r}")
assert wanted == "10001 68"
assert on_the_wire < 1_000 < published

# %% [markdown]
# (The few bytes on the wire are the greeting with which the two libraries introduce themselves, and the one message.) On a
# board with a slow radio link this is the difference between a link that is idle and one that is full. It also means that the
# publisher does the comparing, so thousands of topics cost it some work.
#
# ## Two publishers, one subscriber
#
# A SUB socket may connect to several publishers. Their messages arrive in one queue, taken from each in turn. Nothing in a
# message tells which publisher it came from, so let the publishers sign.

# %%
names = {"east": PORT, "west": SECOND_PORT}
stations = {name: background.submit(weather_station, port, UPDATES, 1, name) for name, port in names.items()}

reports = []
with context.socket(zmq.SUB) as socket:
    socket.connect(f"tcp://{HOST}:{PORT}")
    socket.connect(f"tcp://{HOST}:{SECOND_PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, "10001 ")
    while len(reports) < 2 * UPDATES:
        reports.append(socket.recv_string(timeout=TIMEOUT).split())

for name, station in stations.items():
    from_here = [int(temperature) for _, temperature, signed in reports if signed == name]
    print(f"{name}: {from_here}")
    assert from_here == station.result(timeout=TIMEOUT)

# %% [markdown]
# ## One publisher, two subscribers
#
# Each subscriber gets its own copy of what it asked for. The station waits for both of them: `subscribers=2`.

# %%
station = background.submit(weather_station, PORT, UPDATES, 2)
listeners = [background.submit(subscriber, PORT, topic, UPDATES) for topic in ("10001", "10001 ")]
said = station.result(timeout=TIMEOUT)
assert [listener.result(timeout=TIMEOUT) for listener in listeners] == [said, said]

# %% [markdown]
# ## Too late: the slow joiner
#
# A publisher never waits. If nobody is subscribed, `send` throws the message away and returns. Connecting takes a few
# milliseconds, in which a publisher can say thousands of things. So the first messages after the start get lost, in a program
# that looks perfectly right. Books tell you to write `time.sleep(1)` and hope that a second is enough. `wait_for_subscribers`
# knows.

# %%
with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as socket:
    publisher.bind(f"tcp://*:{PORT}")
    for number in range(1_000):
        publisher.send_string(f"10001 too early {number}")
    print("1,000 messages sent to nobody, without an error")

    socket.connect(f"tcp://{HOST}:{PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
    publisher.wait_for_subscribers(1, timeout=TIMEOUT)
    publisher.send_string("10001 in time")
    first_heard = socket.recv_string(timeout=TIMEOUT)

print("the first one heard:", first_heard)
assert first_heard == "10001 in time"

# %% [markdown]
# ## Too much: the slow listener
#
# And a subscriber that is there but too slow? Its messages wait in a queue, up to 1,000 at the publisher and 1,000 at the
# subscriber (the *high-water marks*, options `SNDHWM` and `RCVHWM`), and in the buffers of tcp. When all of that is full, the
# publisher drops what is new **for this subscriber**; the others go on undisturbed. Using tcp does not change that: it makes
# the queue a little longer, not endless.
#
# To see it soon, we allow only ten messages on each side, and send long ones.

# %%
with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as socket:
    publisher.sndhwm = socket.rcvhwm = 10  # before bind and connect
    publisher.bind(f"tcp://*:{PORT}")
    socket.connect(f"tcp://{HOST}:{PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, "")
    publisher.wait_for_subscribers(1, timeout=TIMEOUT)

    for number in range(2_000):  # nobody reads yet
        publisher.send_multipart([b"%d" % number, bytes(20_000)])

    arrived = []
    while socket.poll(timeout=500):  # until half a second passes without a message
        arrived.append(int(socket.recv_multipart()[0]))

print(f"of 2,000 messages {len(arrived)} arrived; the last was number {arrived[-1]}")
assert 10 <= len(arrived) < 2_000
assert arrived == sorted(set(arrived))  # gaps, but nothing twice and nothing out of order

# %% [markdown]
# If every single message matters, PUB/SUB is the wrong pattern: take PUSH/PULL (lesson 4) or REQ/REP. If only the latest value
# matters, see exercise 2.
#
# ## How fast is it?
#
# One publisher, two subscribers in the background. Without a limit on the queues (`0`) none of them loses anything, as long as
# there is memory.


# %%
def count_updates(updates):
    with context.socket(zmq.SUB) as socket:
        socket.rcvhwm = 0
        socket.connect(f"tcp://{HOST}:{PORT}")
        socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
        for _ in range(updates):
            socket.recv(timeout=TIMEOUT)
    return updates


with context.socket(zmq.PUB) as publisher:
    publisher.sndhwm = 0
    publisher.bind(f"tcp://*:{PORT}")
    listeners = [background.submit(count_updates, MEASURED_UPDATES) for _ in range(2)]
    publisher.wait_for_subscribers(2, topic="10001", timeout=TIMEOUT)

    started = time.perf_counter()
    for _ in range(MEASURED_UPDATES):
        publisher.send(b"10001 68")
    delivered = sum(listener.result(timeout=60) for listener in listeners)
    elapsed = time.perf_counter() - started

assert delivered == 2 * MEASURED_UPDATES
report("PUB/SUB", messages=delivered, seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1. All places.** Write a subscriber that listens to all six places for five rounds and prints the average of each.

# %% tags=["solution"]
station = background.submit(weather_station, PORT, 5)
by_place = {}
with context.socket(zmq.SUB) as socket:
    socket.connect(f"tcp://{HOST}:{PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, "")
    for _ in range(5 * len(PLACES)):
        place, temperature = socket.recv_string(timeout=TIMEOUT).split()
        by_place.setdefault(int(place), []).append(int(temperature))

for place, temperatures in by_place.items():
    print(f"{place}: {sum(temperatures) / len(temperatures):.1f} F")
assert sorted(by_place) == list(PLACES)
assert by_place[10001] == station.result(timeout=TIMEOUT)

# %% [markdown]
# **2. Only the latest.** A display shows the newest temperature and does not care about older ones. Set the option `CONFLATE`
# on its socket (before it connects) and see how many of 1,000 quick updates it has to read until it knows the last.

# %% tags=["solution"]
with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as display:
    display.setsockopt(zmq.CONFLATE, 1)  # keep one message: the newest
    publisher.bind(f"tcp://*:{PORT}")
    display.connect(f"tcp://{HOST}:{PORT}")
    display.setsockopt_string(zmq.SUBSCRIBE, "")
    publisher.wait_for_subscribers(1, timeout=TIMEOUT)
    for number in range(1_000):
        publisher.send_string(str(number))
    reads, shown = 0, ""
    while shown != "999":
        shown, reads = display.recv_string(timeout=TIMEOUT), reads + 1

print(f"read {reads} of 1,000 updates to know the last")
assert reads <= 1_000

# %% [markdown]
# **3. A topic of its own.** Send the topic as the first part of a multipart message and the values as JSON in the second. Why
# is that better than one text with spaces?

# %% tags=["solution"]
with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as socket:
    publisher.bind(f"tcp://*:{PORT}")
    socket.connect(f"tcp://{HOST}:{PORT}")
    socket.setsockopt_string(zmq.SUBSCRIBE, "10001")
    publisher.wait_for_subscribers(1, timeout=TIMEOUT)
    values = {"fahrenheit": 68, "sky": "partly cloudy"}
    publisher.send_multipart([b"10001", json.dumps(values).encode()])
    topic, body = socket.recv_multipart(timeout=TIMEOUT)

# The values may hold spaces, numbers, lists; the topic stays a plain prefix at the front, which is all the filter looks at.
print(topic, json.loads(body))
assert topic == b"10001"
assert json.loads(body) == values

# %%
background.shutdown()
context.term()
