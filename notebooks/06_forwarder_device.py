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
# # 6. The Forwarder device: many publishers, many subscribers
#
# **You will** collect what several publishers send at one place, and hand it out to several subscribers who know nothing of them.
#
# **You will learn**
# - how to join publishers and subscribers through one fixed address;
# - *where* topics are filtered, and how to measure it instead of believing it;
# - why the choice of the device's sockets (SUB/PUB or XSUB/XPUB) decides what travels over your network;
# - how a publisher can know, through a device, that somebody is listening.
#
# **You need** [lesson 3](03_publish_subscribe.ipynb) (PUB and SUB) and the idea of a device from [lesson 5](05_queue_device.ipynb). About 30 minutes.
# To play it with three notebooks, open [forwarder_device](roles/forwarder_device.ipynb), [forwarder_subscriber](roles/forwarder_subscriber.ipynb) and
# [forwarder_publisher](roles/forwarder_publisher.ipynb) in `roles/`.

# %% [markdown]
# ## A meeting place for news
#
# In lesson 3 a subscriber connected to each publisher. With ten sensors and ten readers that makes a hundred connections, and every new sensor must
# be announced to every reader. A **Forwarder** is the meeting place: publishers connect to its frontend, subscribers to its backend.
#
# ![Two publishers and three subscribers, all connected to a Forwarder device](images/forwarder.svg)
#
# Messages go one way, from left to right. Something else goes the other way: the subscriptions. Keep that in mind, it is the heart of this lesson.

# %%
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"       # where the device runs, as the others see it
FRONTEND_PORT = 5559     # for publishers
BACKEND_PORT = 5560      # for subscribers
PUBLISHERS = 2
COUNT = 100              # rounds; in each round a publisher sends one update on each of the topics 1 to 9

# %%
BIND_FRONTEND = f"tcp://*:{FRONTEND_PORT}"
BIND_BACKEND = f"tcp://*:{BACKEND_PORT}"
FRONTEND = f"tcp://{HOST}:{FRONTEND_PORT}"
BACKEND = f"tcp://{HOST}:{BACKEND_PORT}"

ALL_TOPICS = [str(number) for number in range(1, 10)]
WANTED = ["1", "5", "9"]                           # one subscriber for each of these

TIMEOUT = 10             # seconds; nothing here waits forever

context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor(16)

# A publisher throws away what does not fit into a full queue, and a queue holds 1,000 messages unless you say otherwise.
# This lesson counts exactly, so no publisher sends more than that in one go.
assert COUNT * len(ALL_TOPICS) <= 1000

# %% [markdown]
# ## The publisher and the subscriber
#
# Once more these are the ones of the lesson before, and both connect. A message is a topic, a space, and the news: `9 station 2/17`.
#
# Before it starts, the publisher waits until somebody wants each of the topics it was told about. That is not a part of the pattern, a publisher may
# always speak into the void. We wait because we want to count.

# %%
def publisher(endpoint, name, rounds, awaited, each=1):
    """Publishes `rounds` updates on each topic, once the `awaited` topics have subscribers; returns how many, and since when."""
    sent = 0
    with context.socket(zmq.PUB) as socket:
        socket.connect(endpoint)
        for topic in awaited:
            socket.wait_for_subscribers(each, topic=topic, timeout=TIMEOUT)
        began = time.perf_counter()
        for number in range(rounds):
            for topic in ALL_TOPICS:
                socket.send_string(f"{topic} {name}/{number}")
                sent += 1
    return sent, began


def subscriber(endpoint, topic, count):
    """Receives `count` updates on one topic; returns them as a list of (topic, news)."""
    updates = []
    with context.socket(zmq.SUB) as socket:
        socket.connect(endpoint)
        socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        for _ in range(count):
            received_topic, news = socket.recv_string(timeout=TIMEOUT).split(" ", 1)
            updates.append((received_topic, news))
    return updates


# %% [markdown]
# ## The device
#
# Exactly as with the Queue: two endpoints, a native thread, `with`.

# %%
with zmq.Forwarder(BIND_FRONTEND, BIND_BACKEND) as device:
    subscribers = [background.submit(subscriber, BACKEND, topic, PUBLISHERS * COUNT) for topic in WANTED]
    publishers = [background.submit(publisher, FRONTEND, f"station {n + 1}", COUNT, WANTED) for n in range(PUBLISHERS)]
    received = {topic: one.result(timeout=TIMEOUT) for topic, one in zip(WANTED, subscribers)}
    ended = time.perf_counter()
    results = [one.result(timeout=TIMEOUT) for one in publishers]

sent = [number for number, began in results]
elapsed = ended - min(began for number, began in results)

through_forwarder = device.stats
print("sent:", sent, "- received:", {topic: len(updates) for topic, updates in received.items()})
print("passed through the device:", through_forwarder.frontend_messages)

for topic, updates in received.items():
    assert len(updates) == PUBLISHERS * COUNT
    assert all(one_topic == topic for one_topic, news in updates), "only what was asked for"
    for n in range(PUBLISHERS):                    # all of each publisher's updates, in the order in which it sent them
        of_one = [news for _, news in updates if news.startswith(f"station {n + 1}/")]
        assert of_one == [f"station {n + 1}/{number}" for number in range(COUNT)]

# %% [markdown]
# Each subscriber got all updates on its topic from both publishers, and none on any other. It does not know how many publishers there are.
#
# ## Who filtered?
#
# You may read that a SUB socket receives everything and then picks what it wants. That is how ZeroMQ 2 worked, and on that picture it seems clear
# that a device must pass on everything. Let's look at the number that was printed. The publishers sent 1,800 messages. How many reached the device?

# %%
published = sum(sent)
wanted_messages = PUBLISHERS * COUNT * len(WANTED)
print(f"published {published}, reached the device {through_forwarder.frontend_messages}, wanted by somebody {wanted_messages}")

assert published == PUBLISHERS * COUNT * len(ALL_TOPICS)
assert through_forwarder.frontend_messages == wanted_messages < published

# %% [markdown]
# A third. The other two thirds never left the publishers: nobody had asked for topic 2, so nothing about topic 2 was put on the wire.
#
# Since ZeroMQ 3 a subscription is itself a message. It travels *upstream*, from the SUB socket to the publisher, and the **publisher** filters (over
# tcp and ipc; only with multicast, where one packet serves all, does each subscriber still filter for itself). A SUB socket checks once more on
# arrival, but as a rule there is nothing left to drop.
#
# A Forwarder made of an XSUB and an XPUB socket hands the subscriptions on, from its backend to its frontend:
#
# | Socket | What it is | In the device |
# |---|---|---|
# | XPUB | a PUB that shows you the subscriptions it gets, as messages | backend: reads the subscriptions |
# | XSUB | a SUB that subscribes by *sending* such messages | frontend: sends them on to the publishers |
#
# ## The device of the old textbooks: SUB and PUB
#
# A SUB socket cannot pass on what others subscribe to. So a device with SUB in front subscribes to `""`, the empty prefix, which means everything.
# Here it is with `zmq.device`, as you may meet it in other programs. We count again. The device's PUB socket can tell when its three subscribers have
# arrived, so that we start only then.

# %%
def plain_forwarder(own_context):
    """SUB in front, PUB behind; returns how many messages came in before the context was closed."""
    with own_context.socket(zmq.SUB) as frontend, own_context.socket(zmq.PUB) as backend:
        backend.bind(BIND_BACKEND)
        for topic in WANTED:
            backend.wait_for_subscribers(1, topic=topic, timeout=TIMEOUT)
        frontend.setsockopt_string(zmq.SUBSCRIBE, "")
        frontend.bind(BIND_FRONTEND)
        try:
            zmq.device(zmq.FORWARDER, frontend, backend)
        except zmq.ContextTerminated:
            return frontend.stats.messages_received


own_context = zmq.Context()
plain = background.submit(plain_forwarder, own_context)
subscribers = [background.submit(subscriber, BACKEND, topic, PUBLISHERS * COUNT) for topic in WANTED]
publishers = [background.submit(publisher, FRONTEND, f"station {n + 1}", COUNT, [""]) for n in range(PUBLISHERS)]
received_plain = [one.result(timeout=TIMEOUT) for one in subscribers]
own_context.term()
through_plain = plain.result(timeout=TIMEOUT)

print(f"SUB/PUB: {through_plain} messages came in; XSUB/XPUB: {through_forwarder.frontend_messages}")
assert [len(updates) for updates in received_plain] == [PUBLISHERS * COUNT] * len(WANTED)
assert through_plain == published

# %% [markdown]
# The subscribers saw no difference. The network between the publishers and the device did: all 1,800 messages came across it, and the device's PUB
# socket threw two thirds away.
#
# | Device | The publishers see | Filtering happens | Use it when |
# |---|---|---|---|
# | SUB + PUB | one subscriber who wants everything | in the device, as it sends | the device must see everything (it logs, it measures) |
# | XSUB + XPUB | what the subscribers really want | in each publisher | the network in front is slow or costs money |
#
# In both cases topics are chosen by the *subscriber*: it says what it wants. Only the place where the rest is dropped differs. `zmq.Forwarder` is the
# second kind.
#
# ## The publisher sees one subscriber
#
# The device gathers the subscriptions. If ten subscribers want topic 5, the publishers are told once. That keeps the traffic low, and it has a
# consequence: a publisher cannot count the readers behind a device.
#
# Then how can it know that a particular one has arrived? Here is a trick with no extra socket. Subscriptions of one subscriber travel in order. If it
# subscribes to its topic first and *then* to a name of its own, the publisher that sees the name knows that everything before it has been seen on the
# way.
#
# We use it to let a second subscriber join in the middle, at a point we know: after the first one has read ten updates. The last line of the cell
# shows who is connected then, with the number of messages on each way.

# %%
def join(socket, topic, name, station):
    """Subscribes `socket` to a topic behind the device, and waits until the station has noticed."""
    socket.connect(BACKEND)
    socket.setsockopt_string(zmq.SUBSCRIBE, topic)
    socket.setsockopt_string(zmq.SUBSCRIBE, name)
    station.wait_for_subscribers(1, topic=name, timeout=TIMEOUT)


def read(socket, count):
    return [int(socket.recv_string(timeout=TIMEOUT).split()[1]) for _ in range(count)]


with zmq.Forwarder(BIND_FRONTEND, BIND_BACKEND), context.socket(zmq.PUB) as station:
    station.connect(FRONTEND)
    with context.socket(zmq.SUB) as first, context.socket(zmq.SUB) as second:
        join(first, "5", "I am early", station)
        for number in range(1, 11):
            station.send_string(f"5 {number}")
        early = read(first, 10)

        join(second, "5", "I am late", station)
        seen_by_station = dict(station.subscriptions)
        for number in range(11, 21):
            station.send_string(f"5 {number}")
        early += read(first, 10)
        late = read(second, 10)
        picture = zmq.diagram()

print("early:", early)
print("late: ", late)
print("what the station knows:", seen_by_station)
assert early == list(range(1, 21))
assert late == list(range(11, 21)), "what was published before the subscription is gone"
assert seen_by_station[b"5"] == 1, "two subscribers behind the device look like one"

picture

# %% [markdown]
# The late subscriber missed the first ten updates. A Forwarder does not change that: it keeps no archive. If newcomers need the last known value, let
# them ask for it (REQ/REP), or have the publisher repeat it from time to time.
#
# The same holds for losses: a publisher whose queue towards the device is full drops messages, and so does the device towards a slow subscriber. News
# may be missed. Where every message counts you want the [Streamer](07_streamer_device.ipynb), whose senders wait instead.
#
# ## What you have now
#
# - Publishers and subscribers find each other through one address, and may come and go in any order.
# - Subscriptions travel upstream, and the publisher filters; a device made of XSUB and XPUB keeps it that way.
# - A device with SUB and PUB sees everything, and pays for it.
# - `wait_for_subscribers` works through the device. Nobody had to sleep for a second and hope.

# %%
from brokerless.course import report

report("Forwarder", messages=wanted_messages, seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1.** The weather stations of lesson 3 *bind*, and you may not touch them. An endpoint with `>` before it is connected instead of bound, and a list
# of endpoints is allowed: make a Forwarder that collects from two stations which bind, so that subscribers need one address only.

# %% tags=["solution"]
with context.socket(zmq.PUB) as north, context.socket(zmq.PUB) as south:
    addresses = []
    for station in (north, south):
        port = station.bind_to_random_port("tcp://127.0.0.1")
        addresses.append(f">tcp://127.0.0.1:{port}")

    with zmq.Forwarder(addresses, BIND_BACKEND):
        reader = background.submit(subscriber, BACKEND, "10001", 2)
        for station, degrees in ((north, -3), (south, 28)):
            station.wait_for_subscribers(1, topic="10001", timeout=TIMEOUT)
            station.send_string(f"10001 {degrees}")
        weather = sorted(int(news) for _, news in reader.result(timeout=TIMEOUT))

print(weather)
assert weather == [-3, 28]

# %% [markdown]
# **2.** A logger wants everything. Add one to the first experiment (three subscribers with a topic each), subscribed to `""`. How many messages reach
# the device now, and why? (A subscription counts for each topic that begins with it. So with the logger there, a publisher that wants to be sure of
# the others has to wait for *two* subscriptions to topic 1.)

# %% tags=["solution"]
with zmq.Forwarder(BIND_FRONTEND, BIND_BACKEND) as device:
    logger = background.submit(subscriber, BACKEND, "", PUBLISHERS * 10 * len(ALL_TOPICS))
    readers = [background.submit(subscriber, BACKEND, topic, PUBLISHERS * 10) for topic in WANTED]
    publishers = [background.submit(publisher, FRONTEND, f"station {n + 1}", 10, WANTED, each=2) for n in range(PUBLISHERS)]
    logged = logger.result(timeout=TIMEOUT)
    for reader in readers:
        assert len(reader.result(timeout=TIMEOUT)) == PUBLISHERS * 10

# All of them: somebody wants everything, so the publishers filter nothing. The three readers still get only their own topic: the
# XPUB filters for them. And one message on topic 1, wanted by two, still crosses the frontend once.
print(len(logged), device.stats.frontend_messages)
assert len(logged) == device.stats.frontend_messages == PUBLISHERS * 10 * len(ALL_TOPICS)

# %% [markdown]
# **3.** Subscribing to `"1"` also brings topics 10, 11 and 123. Publish on `1` and `10` through a Forwarder so that a subscriber gets only topic 1,
# without changing the library.

# %% tags=["solution"]
with zmq.Forwarder(BIND_FRONTEND, BIND_BACKEND), context.socket(zmq.PUB) as station:
    station.connect(FRONTEND)
    reader = background.submit(subscriber, BACKEND, "1 ", 2)       # the space is a part of the prefix
    station.wait_for_subscribers(1, topic="1 ", timeout=TIMEOUT)
    for message in ("1 one", "10 ten", "1 two"):
        station.send_string(message)
    only_one = reader.result(timeout=TIMEOUT)

print(only_one)
assert only_one == [("1", "one"), ("1", "two")]

# %% [markdown]
# **4.** Your sensors send over a mobile network where each megabyte costs money, and you must log everything that any reader has asked for, and
# nothing else. Which kind of device do you take, and where does the logger go?

# %% [markdown] tags=["solution"]
# XSUB/XPUB, so that only wanted topics cross the mobile network. The logger must not subscribe to `""`, since that would make every topic a wanted
# one. It belongs *inside* the device: what passes through is exactly what some reader has asked for. A device can give a copy of everything it moves
# to a third socket, the `capture` (`zmq.Forwarder(frontend, backend, capture=...)`), and the logger reads that.

# %%
background.shutdown()
context.term()
