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
# # 4. Push and pull: sharing the work
#
# **You will** send 20,000 numbers to several consumers, which pass on the even ones under their own id, to a collector that
# counts who did how much.
#
# **You will learn**
# - how PUSH deals out messages, and what that means for who gets what;
# - why the producer has to wait for its workers;
# - how a consumer can know that the work is over;
# - how `brokerless.pipeline` does all of this in a few lines.
#
# **You need** [lesson 0](00_start.ipynb). About 30 minutes. To play it with three or more notebooks, open
# [roles/collector](roles/collector.ipynb), [roles/consumer](roles/consumer.ipynb) (once or several times) and
# [roles/producer](roles/producer.ipynb).
#
# ![A producer pushes to two consumers in turn, and both push their results to one collector](images/pushpull.svg)

# %% [markdown]
# A PUSH socket gives each message to **one** of the PULL sockets connected to it, in turn. A PULL socket takes in messages from
# all PUSH sockets connected to it. Put two such steps in a row and you have a pipeline: one who hands out jobs, many who work,
# one who collects. It has two doors that everyone must know, the producer's and the collector's, so these two bind; consumers
# connect, and may be as many as you like.

# %%
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import brokerless as zmq
from brokerless import pipeline
from brokerless.course import report

# %% tags=["parameters"]
HOST = "127.0.0.1"
WORK_PORT = 5557
RESULT_PORT = 5558
CONSUMERS = 2
COUNT = 20_000

# %% [markdown]
# ## The three roles, with plain sockets
#
# Jobs and results are JSON. A consumer gets `{"num": 4}` and passes on `{"consumer": 1, "num": 4}`, unless the number is odd.

# %%
TIMEOUT = 10
WORK = f"tcp://{HOST}:{WORK_PORT}"
RESULTS = f"tcp://{HOST}:{RESULT_PORT}"
context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor(max_workers=8)


def producer(count, consumers):
    """Hands out the numbers below `count` as soon as so many consumers are there."""
    with context.socket(zmq.PUSH) as jobs:
        jobs.bind(f"tcp://*:{WORK_PORT}")
        jobs.wait_for_peers(consumers, timeout=TIMEOUT)
        for number in range(count):
            jobs.send_json({"num": number})


def consumer(my_id):
    """Passes on the even numbers. Returns how many numbers it has seen."""
    seen = 0
    with context.socket(zmq.PULL) as jobs, context.socket(zmq.PUSH) as results:
        jobs.connect(WORK)
        results.connect(RESULTS)
        while True:
            try:
                number = jobs.recv_json(timeout=1)["num"]
            except zmq.Again:
                return seen  # nothing for a second: it seems that the work is over
            seen += 1
            if number % 2 == 0:
                results.send_json({"consumer": my_id, "num": number})


# %% [markdown]
# The collector counts results for each consumer, and adds up the numbers as a check. It is the one of the three that we watch,
# so it runs here and the others in the background.

# %%
with context.socket(zmq.PULL) as results:
    results.bind(f"tcp://*:{RESULT_PORT}")
    consumers = [background.submit(consumer, number + 1) for number in range(CONSUMERS)]
    producing = background.submit(producer, COUNT, CONSUMERS)

    tally, total = Counter(), 0
    for _ in range(COUNT // 2):  # half of the numbers are even
        result = results.recv_json(timeout=TIMEOUT)
        tally[result["consumer"]] += 1
        total += result["num"]

producing.result(timeout=TIMEOUT)
seen = [consumer.result(timeout=TIMEOUT) for consumer in consumers]
print("numbers seen by each consumer:", seen)
print("results from each consumer:", dict(tally))

assert sum(seen) == COUNT
assert sum(tally.values()) == COUNT // 2
assert total == sum(range(0, COUNT, 2))  # each even number arrived, and none of them twice

# %% [markdown]
# ## Who gets what?
#
# Look at the two lines above. Both consumers have seen about as many numbers as the other, yet the results may come mostly from
# one of them. To see why, do it slowly with ten numbers.

# %%
with context.socket(zmq.PUSH) as jobs, context.socket(zmq.PULL) as left, context.socket(zmq.PULL) as right:
    jobs.bind(f"tcp://*:{WORK_PORT}")
    left.connect(WORK)
    right.connect(WORK)
    jobs.wait_for_peers(2, timeout=TIMEOUT)
    for number in range(10):
        jobs.send_json({"num": number})
    hands = sorted([worker.recv_json(timeout=TIMEOUT)["num"] for _ in range(5)] for worker in (left, right))

print(hands)
assert hands == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]

# %% [markdown]
# PUSH deals like a card player: one for you, one for you, one for you. With two consumers one gets all the even numbers and the
# other all the odd ones! The *messages* are shared equally, the *work* is not. (With 20,000 numbers it gets mixed: as soon as
# the queue of one consumer is full, the player skips it for a turn.)
#
# Each message is dealt at the moment it is sent, into the queue of one consumer. Three things follow from that.
#
# **1. Nobody there: `send` waits.** Nothing is lost.
#
# **2. Only the first one there: it gets everything.** A second consumer that comes a moment later stands by with empty hands.
# So a producer that starts right away has one busy consumer and a lot of idle ones. `wait_for_peers` (or `workers=`, below) is
# the cure.
#
# **3. A consumer dies: its queue dies with it.** PUSH/PULL makes sure that a message goes to *one* consumer. It does not make
# sure that the consumer finishes it.

# %%
with context.socket(zmq.PUSH) as jobs, context.socket(zmq.PULL) as late:
    jobs.bind(f"tcp://*:{WORK_PORT}")
    try:
        jobs.send_json({"num": -1}, timeout=0.2)
        waited = False
    except zmq.Again as reason:
        waited = True
        print("1.", reason)

    with context.socket(zmq.PULL) as early:
        early.connect(WORK)
        jobs.wait_for_peers(1, timeout=TIMEOUT)
        for number in range(100):
            jobs.send_json({"num": number})

        late.connect(WORK)
        jobs.wait_for_peers(2, timeout=TIMEOUT)
        print("2. does the late one have work?", bool(late.poll(timeout=300)))
        assert not late.poll(timeout=0)

        done = [early.recv_json(timeout=TIMEOUT)["num"] for _ in range(10)]

    print("3. the early one died after", len(done), "jobs; are the others back?", bool(late.poll(timeout=300)))
    assert not late.poll(timeout=0)

assert waited
assert done == list(range(10))

# %% [markdown]
# ## What ends a consumer?
#
# A consumer's life is often written as `while True: recv()`, and so it waits forever after the last job. The consumers above
# give up after a second of silence. That is a guess: if the producer has to think for two seconds, they leave too early, and
# after the last job all of them waste a second. Other ways:
#
# | How | What is wrong with it |
# |---|---|
# | `while True`, and stop the kernel | you have to be there, and a script never ends |
# | a timeout | a guess, too short or too long |
# | a message "that's all" | you need one for each consumer, and when a queue is full the next consumer gets two of them |
# | the producer's connection has ended | right, but more work to program |
#
# The last one is what `brokerless.pipeline` does for you.
#
# ## The same with `brokerless.pipeline`
#
# - `Producer.send_all(jobs, workers=2)` waits until two workers are connected, sends all jobs, waits until they have left, and
#   closes. That is the end of the stream. It keeps the queues short, so that a worker that comes late still finds work.
# - `Worker.start(function)` calls the function for each job in the background. What it returns is passed on; `None` is not.
#   When the producers are gone and the queue is empty, the worker passes on its last result and closes.
# - `Collector.tally("consumer")` counts how often each value of `"consumer"` occurs, and ends when all workers have closed.


# %%
def keep_even(consumer, job):
    if job["num"] % 2 == 0:
        return {"consumer": consumer, "num": job["num"]}
    return None


numbers = ({"num": number} for number in range(COUNT))

with pipeline.Collector(f"tcp://*:{RESULT_PORT}", context=context) as collector:
    workers = []
    for _ in range(CONSUMERS):
        worker = pipeline.Worker(WORK, RESULTS, context=context)
        workers.append(worker.start(partial(keep_even, worker.id)))  # the function knows whose results these are

    with pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as jobs:
        started = time.perf_counter()
        sending = background.submit(jobs.send_all, numbers, workers=CONSUMERS, timeout=TIMEOUT)
        tally = collector.tally("consumer", timeout=60)
        elapsed = time.perf_counter() - started
        sent = sending.result(timeout=TIMEOUT)

for worker in workers:
    done = worker.join(timeout=TIMEOUT)
    print(f"worker {worker.id}: {done.received} jobs, {done.sent} results")
print("tally:", tally)

assert sent == COUNT
assert sum(tally.values()) == COUNT // 2
assert sum(worker.stats.received for worker in workers) == COUNT
assert all(worker.stats.sent == tally.get(worker.id, 0) for worker in workers)

# %% [markdown]
# Why does `send_all` run in the background here? Because this notebook is the collector as well. If it sent all jobs first and
# collected afterwards, the collector's queue would fill up, then the workers would have to wait, then their queues would fill
# up, and in the end `send_all` would wait for a collector that has not started. In three notebooks, or on three boards, each
# one simply runs its own line.

# %%
report("PUSH/PULL", messages=sent + sum(tally.values()), seconds=elapsed)

# %% [markdown]
# ## Mixed company
#
# On the wire there is nothing but PUSH, PULL and JSON. So any role may be played by a plain socket, by pyzmq, or by a program
# in another language. Here the consumers are the ones from the beginning, with plain sockets; the producer and the collector
# are the new ones. And the results are not counted but looked at, one by one: a collector can be iterated.

# %%
with pipeline.Collector(f"tcp://*:{RESULT_PORT}", context=context) as collector:
    consumers = [background.submit(consumer, number + 1) for number in range(CONSUMERS)]
    with pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as jobs:
        jobs.send_all(({"num": number} for number in range(100)), workers=CONSUMERS, timeout=TIMEOUT)
    evens = sorted(result["num"] for result in collector)

assert evens == list(range(0, 100, 2))
assert sum(consumer.result(timeout=TIMEOUT) for consumer in consumers) == 100
print(len(evens), "results, all even")

# %% [markdown]
# ## When a job fails
#
# If your function raises an error, the worker stops, and `join` raises that error here. Nothing fails in silence in some
# thread.


# %%
def careless(job):
    return {"inverse": 1 / job["num"]}


worker = pipeline.Worker(WORK, context=context).start(careless)
with pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as jobs:
    jobs.wait_for_workers(1, timeout=TIMEOUT)
    jobs.send({"num": 0}, timeout=TIMEOUT)
    try:
        worker.join(timeout=TIMEOUT)
        failed = False
    except ZeroDivisionError as reason:
        failed = True
        print("the worker stopped:", reason)
assert failed

# %% [markdown]
# ## Exercises
#
# **1. Three consumers.** Deal 30 numbers to three workers. Which numbers does each one get? How are the even ones shared now?

# %% tags=["solution"]
with context.socket(zmq.PUSH) as jobs:
    jobs.bind(f"tcp://*:{WORK_PORT}")
    workers = [context.socket(zmq.PULL) for _ in range(3)]
    for worker in workers:
        worker.connect(WORK)
    jobs.wait_for_peers(3, timeout=TIMEOUT)
    for number in range(30):
        jobs.send_json({"num": number})
    hands = sorted([worker.recv_json(timeout=TIMEOUT)["num"] for _ in range(10)] for worker in workers)
    for worker in workers:
        worker.close()

# Every third number each, so each of them has five even ones. Three and two have no common divisor; that is all there is to it.
print(*hands, sep="\n")
assert hands == [list(range(start, 30, 3)) for start in range(3)]
assert [sum(number % 2 == 0 for number in hand) for hand in hands] == [5, 5, 5]

# %% [markdown]
# **2. Primes.** Let three workers find the primes below 2,000. How many are there, and what is the largest?


# %% tags=["solution"]
def keep_prime(job):
    number = job["num"]
    is_prime = number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
    return {"prime": number} if is_prime else None


with pipeline.Collector(f"tcp://*:{RESULT_PORT}", context=context) as collector:
    workers = [pipeline.Worker(WORK, RESULTS, context=context).start(keep_prime) for _ in range(3)]
    with pipeline.Producer(f"tcp://*:{WORK_PORT}", context=context) as jobs:
        jobs.send_all(({"num": number} for number in range(2_000)), workers=3, timeout=TIMEOUT)
    primes = [result["prime"] for result in collector]
for worker in workers:
    worker.join(timeout=TIMEOUT)

print(len(primes), "primes; the largest is", max(primes))
assert len(primes) == 303
assert max(primes) == 1999

# %% [markdown]
# **3. Quick and slow.** Two consumers; one is ten times slower than the other. Give 60 jobs to them, first with the usual
# queues, then with queues of one message (`sndhwm` of the producer and `rcvhwm` of the consumers set to 1 before they bind or
# connect). Who does how much? (Make the jobs large, or tcp's own buffers will hold them all.)


# %% tags=["solution"]
def timed_consumer(seconds, limit):
    with context.socket(zmq.PULL) as jobs:
        jobs.rcvhwm = limit
        jobs.rcvbuf = 20_000
        jobs.connect(WORK)
        for seen in range(61):
            if not jobs.poll(timeout=500):
                return seen
            jobs.recv()
            time.sleep(seconds)  # this stands for work
    return 61


def shares(limit):
    with context.socket(zmq.PUSH) as jobs:
        jobs.sndhwm = limit
        jobs.sndbuf = 20_000
        jobs.bind(f"tcp://*:{WORK_PORT}")
        consumers = [background.submit(timed_consumer, seconds, limit) for seconds in (0.002, 0.02)]
        jobs.wait_for_peers(2, timeout=TIMEOUT)
        for _ in range(60):
            jobs.send(bytes(100_000), timeout=TIMEOUT)
        return [consumer.result(timeout=TIMEOUT) for consumer in consumers]


equal, fitting = shares(1_000), shares(1)
# With long queues everything is dealt before anyone has worked: half each. With short ones the next job goes to whoever has room.
print("long queues:", equal, "short queues:", fitting)
assert equal == [30, 30]
assert sum(fitting) == 60
assert fitting[0] > fitting[1]

# %%
background.shutdown()
context.term()
