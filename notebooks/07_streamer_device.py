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
# # 7. The Streamer device: many producers, many workers
#
# **You will** gather jobs from several producers, spread them over several workers, and account for every single one: also when nobody is there to
# take them, and also when the device is stopped in the middle.
#
# **You will learn**
# - how to join producers and workers through one fixed address;
# - what *back-pressure* is: senders that wait instead of losing;
# - what a device guarantees when it stops, and in which order to close a pipeline down;
# - what can still be lost, and where.
#
# **You need** [lesson 4](04_push_pull.ipynb) (PUSH and PULL) and the idea of a device from [lesson 5](05_queue_device.ipynb). About 30 minutes. To
# play it with three notebooks, open [streamer_device](roles/streamer_device.ipynb), [streamer_worker](roles/streamer_worker.ipynb) and
# [streamer_producer](roles/streamer_producer.ipynb) in `roles/`.

# %% [markdown]
# ## A funnel with several outlets
#
# In lesson 4 there was one producer. It bound, and the workers connected to it. With several producers each worker would have to know all of them. A
# **Streamer** stands between: it *pulls* from whoever pushes into its frontend, and *pushes* to whoever pulls from its backend.
#
# ![Two producers and three workers, all connected to a Streamer device](images/streamer.svg)
#
# Each job goes to exactly one worker. Compare that with the Forwarder, where each update goes to everyone who wants it.

# %%
import json
import queue
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"       # where the device runs, as the others see it
FRONTEND_PORT = 5559     # for producers
BACKEND_PORT = 5557      # for workers
PRODUCERS = 2
WORKERS = 3
COUNT = 10_000           # jobs of each producer

# %%
BIND_FRONTEND = f"tcp://*:{FRONTEND_PORT}"
BIND_BACKEND = f"tcp://*:{BACKEND_PORT}"
FRONTEND = f"tcp://{HOST}:{FRONTEND_PORT}"
BACKEND = f"tcp://{HOST}:{BACKEND_PORT}"
TIMEOUT = 10             # seconds; nothing here waits forever
NAMES = [f"worker {n + 1}" for n in range(WORKERS)]

context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor(16)

# %% [markdown]
# ## The producer and the worker
#
# The producer sends JSON objects, as in lesson 4. The worker reports each job it has done to a Python queue, so that we can count in the main thread.
# (On several machines that would be lesson 4's collector, with one more pair of PUSH and PULL.)
#
# A worker cannot know how many jobs it will get, so it works until its workplace closes, like the servers of lesson 5.

# %%
def producer(endpoint, first, count):
    """Sends the jobs {"num": first}, {"num": first + 1}, ...; returns how many."""
    with context.socket(zmq.PUSH) as socket:
        socket.connect(endpoint)
        for number in range(first, first + count):
            socket.send_json({"num": number}, timeout=TIMEOUT)
    return count


def worker(workplace, endpoint, name, done, everyone_here):
    """Does jobs until the workplace closes, and reports each one."""
    with workplace.socket(zmq.PULL) as socket:
        socket.connect(endpoint)
        socket.wait_for_peers(1, timeout=TIMEOUT)
        everyone_here.wait(timeout=TIMEOUT)
        for job in socket:
            done.put({"consumer": name, "num": json.loads(job)["num"]})


def hire(*names, done):
    """Starts workers that report to the queue `done`, waits until all are connected, and returns their workplace."""
    workplace, everyone_here = zmq.Context(), threading.Barrier(len(names) + 1)
    for name in names:
        background.submit(worker, workplace, BACKEND, name, done, everyone_here)
    everyone_here.wait(timeout=TIMEOUT)
    return workplace


def collect(done, count):
    return [done.get(timeout=TIMEOUT) for _ in range(count)]


# %% [markdown]
# ## The device
#
# `start` and `stop` do what `with` did in the lessons before. Here we write them out, because this time *when* we stop is the point.

# %%
device = zmq.Streamer(BIND_FRONTEND, BIND_BACKEND)
device.start()
done = queue.SimpleQueue()
workplace = hire(*NAMES, done=done)

started = time.perf_counter()
producers = [background.submit(producer, FRONTEND, n * COUNT, COUNT) for n in range(PRODUCERS)]
results = collect(done, PRODUCERS * COUNT)
elapsed = time.perf_counter() - started

sent = sum(one.result(timeout=TIMEOUT) for one in producers)
device.stop()
workplace.term()

print(sent, "jobs sent,", len(results), "done:", dict(Counter(result["consumer"] for result in results)))
print("through the device:", device.stats.frontend_messages, "messages,", device.stats.frontend_bytes, "bytes")

assert sorted(result["num"] for result in results) == list(range(PRODUCERS * COUNT)), "each job once, none missing"
assert len({result["consumer"] for result in results}) == WORKERS, "everybody had some"
assert device.stats.frontend_messages == sent
assert device.stats.backend_messages == 0, "nothing ever travels backwards"
assert done.empty() and not device.running

# %% [markdown]
# Each number from 0 to 19,999 came out exactly once. The jobs are dealt out like cards, one to each worker in turn, and the producers' streams are
# taken in turn as well, so that none of them can crowd out the other.
#
# ## In pyzmq's words
#
# As before, you'll meet the form with two sockets. It is the same engine. Note the types: PULL in front, PUSH behind.

# %%
def device_in_the_foreground(own_context):
    with own_context.socket(zmq.PULL) as frontend, own_context.socket(zmq.PUSH) as backend:
        frontend.bind(BIND_FRONTEND)
        backend.bind(BIND_BACKEND)
        try:
            zmq.device(zmq.STREAMER, frontend, backend)
        except zmq.ContextTerminated:
            return "the context was closed"


own_context = zmq.Context()
running_device = background.submit(device_in_the_foreground, own_context)
done = queue.SimpleQueue()
workplace = hire("ada", "bob", done=done)
background.submit(producer, FRONTEND, 0, 1000)
results = collect(done, 1000)
workplace.term()
own_context.term()

print(len(results), "jobs done;", running_device.result(timeout=TIMEOUT))
assert sorted(result["num"] for result in results) == list(range(1000))

# %% [markdown]
# ## Back-pressure: senders that wait
#
# What if nobody is there to work? A publisher would throw its news away. A PUSH socket waits. The device does not take in what it cannot hand on, so
# its frontend fills up; then the network's buffers fill up; then the producer's own queue; and then the producer's `send` waits. A slow consumer
# slows the whole chain down to its own pace, which is what you want when every job counts.
#
# We see it with jobs that are a little larger, and a producer that loses patience after 0.3 s. The last line of the cell is a picture of all that was
# open when the last job had arrived.

# %%
job = bytes(10_000)
with zmq.Streamer(BIND_FRONTEND, BIND_BACKEND) as device, context.socket(zmq.PUSH) as pushing:
    pushing.connect(FRONTEND)
    accepted = 0
    try:
        while accepted < 50_000:
            pushing.send(job, timeout=0.3)
            accepted += 1
        had_to_wait = False
    except zmq.Again:
        had_to_wait = True
    taken_in = device.stats.frontend_messages

    with context.socket(zmq.PULL) as pulling:      # somebody comes to work after all
        pulling.connect(BACKEND)
        for _ in range(accepted):
            assert pulling.recv(timeout=TIMEOUT) == job
        picture = zmq.diagram()

print(f"the producer's queue took {accepted} jobs, then it had to wait; the device had handed on {taken_in}")
print(f"after a worker came: {device.stats.frontend_messages} handed on")
assert had_to_wait and taken_in == 0
assert device.stats.frontend_messages == accepted, "every accepted job arrived"

picture

# %% [markdown]
# How many jobs fit in is not a fixed number: each queue holds 1,000 messages by default (its *high-water mark*, the options `SNDHWM` and `RCVHWM`),
# and what the operating system's buffers hold comes on top.
#
# ## Stopping in the middle
#
# Now the hard case. A producer sends without end, and we stop the device in the middle. What it has taken in, it delivers: `stop` returns when
# everything that was moved has been handed over. So the number that it counted and the number that the workers have done must agree to the last job.

# %%
stop_sending = threading.Event()


def endless_producer(endpoint):
    """Sends 0, 1, 2, ... until told to stop; returns how many its queue accepted."""
    number = 0
    with context.socket(zmq.PUSH) as socket:
        socket.connect(endpoint)
        while not stop_sending.is_set():
            try:
                socket.send_json({"num": number}, timeout=0.1)
                number += 1
            except zmq.Again:
                pass                               # no room for now; look at the event again
        socket.close(linger=0)                     # what has not left by now may stay here
    return number


device = zmq.Streamer(BIND_FRONTEND, BIND_BACKEND).start()
done = queue.SimpleQueue()
workplace = hire(*NAMES, done=done)
endless = background.submit(endless_producer, FRONTEND)
results = collect(done, 5_000)                     # let it get into its stride

device.stop()
moved = device.stats.frontend_messages
results += collect(done, moved - len(results))     # what was on its way to the workers
stop_sending.set()
accepted = endless.result(timeout=TIMEOUT)
workplace.term()

print(f"the device took in {moved}, the workers did {len(results)}")
print(f"the producer's queue accepted {accepted}: {accepted - moved} had not been taken in")
assert sorted(result["num"] for result in results) == list(range(moved)), "the first `moved` jobs, each once"
assert done.empty()
assert accepted >= moved

# %% [markdown]
# Read the last line of the output again. What the device took in has arrived. But the producer had already put more jobs into its queue, and those
# were waiting at the device's closed door: in its own queue, in the cable, in the buffers. `send` returning means "accepted for delivery", not
# "done".
#
# So close a pipeline **from the front to the back**, as you would empty a water pipe:
#
# 1. the producers stop sending;
# 2. wait until the device has moved as many as were sent (or, better, until the results are in);
# 3. stop the device;
# 4. send the workers home.
#
# That is the order of our very first cell, and there not one of 20,000 was missing.
#
# ## What you have now
#
# - Producers and workers meet at one address; each job goes to one worker.
# - Nothing is dropped for want of room: senders wait.
# - A device that stops delivers what it has taken in.
# - A job that was handed to a worker is the worker's. If that one dies, its jobs die with it (exercise 2). The cure is to count *results*, and to
#   hand out again what has no result. brokerless' `pipeline` helpers from lesson 4 are the place for that.

# %%
from brokerless.course import report

report("Streamer", messages=PRODUCERS * COUNT, seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1.** Workers may join while the stream is running. Start with one worker, and let a second one join after the first has done 100 jobs. Do both get
# some? Is each job still done once?

# %% tags=["solution"]
done = queue.SimpleQueue()
with zmq.Streamer(BIND_FRONTEND, BIND_BACKEND):
    early = hire("early", done=done)
    producer(FRONTEND, 0, 100)
    alone = collect(done, 100)

    late = hire("late", done=done)
    producer(FRONTEND, 100, 2000)
    together = collect(done, 2000)
early.term()
late.term()

# The second one takes its turn from the moment it is connected; nobody had to be told.
print(len(alone), "by the first alone, then", dict(Counter(result["consumer"] for result in together)))
assert {result["consumer"] for result in together} == {"early", "late"}
assert sorted(result["num"] for result in alone + together) == list(range(2100))

# %% [markdown]
# **2.** Let one of two workers take a single job and die, after 1,000 jobs have been dealt out. How many are lost?

# %% tags=["solution"]
def mortal_worker(all_dealt, here):
    with context.socket(zmq.PULL) as socket:
        socket.connect(BACKEND)
        socket.wait_for_peers(1, timeout=TIMEOUT)
        here.set()
        socket.recv(timeout=TIMEOUT)
        all_dealt.wait(timeout=TIMEOUT)
    return 1


all_dealt, here, done = threading.Event(), threading.Event(), queue.SimpleQueue()
with zmq.Streamer(BIND_FRONTEND, BIND_BACKEND) as device:
    mortal = background.submit(mortal_worker, all_dealt, here)
    here.wait(timeout=TIMEOUT)
    workplace = hire("survivor", done=done)
    producer(FRONTEND, 0, 1000)
    survived = collect(done, 400)
    deadline = time.monotonic() + TIMEOUT
    while device.stats.frontend_messages < 1000 and time.monotonic() < deadline:
        device.join(timeout=0.01)                  # gives the device time; it does not end yet
    all_dealt.set()
    mortal.result(timeout=TIMEOUT)
workplace.term()
while not done.empty():
    survived.append(done.get())

# About half: everything that was in the dead worker's queue. The device had done its duty when it handed those jobs over.
print(len(survived), "done, 1 taken by the dead worker,", 999 - len(survived), "lost in its queue")
assert len(survived) < 999

# %% [markdown]
# **3.** Which device for which purpose? (a) Ten cameras, three image recognisers, each picture needs one of them. (b) Ten thermometers, three
# displays, each display shows two rooms. (c) Ten phones ask three servers for the time of the next train.

# %% [markdown] tags=["solution"]
# (a) Streamer: each picture to one recogniser, none may be dropped, the cameras can wait. (b) Forwarder: each value to all who want it, and an old
# value is of no use, so dropping is fine. (c) Queue: each question needs its own answer, which must find its way back to the right phone.

# %%
background.shutdown()
context.term()
