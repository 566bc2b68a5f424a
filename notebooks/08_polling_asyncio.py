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
# # 8. Many sockets at once: polling and asyncio
#
# **You will** write one program that listens to a weather station, takes in jobs, answers questions and reads a sensor's pipe, all at the same time
# and in one thread. Then you'll write it again with `await`.
#
# **You will learn**
# - why receiving from one socket after the other does not work;
# - `poll` and `Poller`: who has something for me, and for how long do I wait?
# - how to watch things that are not ZeroMQ sockets;
# - `brokerless.asyncio`, and why `await` works at the top level of a notebook;
# - when to take which: threads, polling, or asyncio.
#
# **You need** lessons 2 to 4. About 30 minutes.

# %% [markdown]
# ## One listener, four sources
#
# ![One thread with a poller that watches a SUB, a PULL and a REP socket and a pipe](images/polling.svg)
#
# A program on a board rarely has only one thing to listen to. In the picture there are four: updates, jobs, questions, and the bytes of a sensor's
# driver that has never heard of ZeroMQ.

# %%
import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

import brokerless as zmq
from brokerless.asyncio import Context as AsyncContext

# %% tags=["parameters"]
HOST = "127.0.0.1"
WEATHER_PORT = 5556
JOBS_PORT = 5557
CONTROL_PORT = 5558
UPDATES = 50             # from the weather station
JOBS = 2_000             # from the producer
READINGS = 20            # from the sensor

# %%
WEATHER = f"tcp://{HOST}:{WEATHER_PORT}"
JOB = f"tcp://{HOST}:{JOBS_PORT}"
CONTROL = f"tcp://{HOST}:{CONTROL_PORT}"
TIMEOUT = 10             # seconds; nothing here waits forever

context = zmq.Context(profile="classroom")
background = ThreadPoolExecutor(16)

# %% [markdown]
# ## Why not simply one after the other?
#
# Because `recv` waits for *its* socket. While it waits for a job that does not come, the weather is already there and nobody looks. So ask first:
# `socket.poll(timeout)` waits until there is something to receive, and does not take it. With 0 it only looks. Mind the unit: `poll` comes from pyzmq
# and counts in **milliseconds**. brokerless' own `timeout=` of `recv` and `send` is in seconds.

# %%
with context.socket(zmq.PULL) as first, context.socket(zmq.PULL) as second, context.socket(zmq.PUSH) as sender:
    first.bind(JOB)
    second.bind(WEATHER)
    sender.connect(WEATHER)
    sender.send(b"I am here")
    at_second = second.poll(TIMEOUT * 1000)

    started = time.perf_counter()
    try:
        first.recv(timeout=0.3)                    # nobody sends here, and all the while the second one has a message
    except zmq.Again:
        pass
    message = second.recv(timeout=TIMEOUT)
    in_turn = time.perf_counter() - started
    at_first, at_second_now = first.poll(0), second.poll(0)

print(f"{message} was read after {in_turn:.2f} s")
assert at_second == zmq.POLLIN and in_turn >= 0.29
assert at_first == at_second_now == 0

# %% [markdown]
# Asking each socket in a loop, `poll(0)` here and `poll(0)` there, would answer faster, but it keeps a processor core busy with asking "anything
# new?". On a board that runs on a battery that is the most expensive way to do nothing.

# %% [markdown]
# ## `Poller` asks many
#
# A `Poller` is a list of what to watch. `poll` returns those that are ready, as pairs of a socket and an event. Turned into a `dict`, it reads well:
# `if weather in ready`. First the four sources, each in its own thread. Every one of them could as well be on another machine.

# %%
def weather_station(count):
    with context.socket(zmq.PUB) as socket:
        socket.connect(WEATHER)
        socket.wait_for_subscribers(1, topic="10001", timeout=TIMEOUT)
        for number in range(count):
            socket.send_string(f"10001 {number % 30}")


def job_producer(count):
    with context.socket(zmq.PUSH) as socket:
        socket.connect(JOB)
        for number in range(count):
            socket.send_json({"num": number}, timeout=TIMEOUT)


def sensor(pipe, count):
    """Not ZeroMQ at all: a driver that writes lines into a pipe."""
    with os.fdopen(pipe, "w") as lines:
        for number in range(count):
            print(number, file=lines, flush=True)


def control(expected):
    """Asks how far things are until all is done, then says stop; returns how often it asked."""
    asked, counted, give_up = 0, None, time.monotonic() + TIMEOUT
    with context.socket(zmq.REQ) as socket:
        socket.connect(CONTROL)
        while counted != expected and time.monotonic() < give_up:
            socket.send_string("how far?")
            counted = socket.recv_json(timeout=TIMEOUT)
            asked += 1
        socket.send_string("stop")
        socket.recv(timeout=TIMEOUT)
    return asked


# %% [markdown]
# Now the listener. Four things in it are worth a second look:
#
# - `poll` gets a timeout, so that it notices when *nothing* comes any more;
# - a plain file descriptor is registered like a socket, and comes back as its number;
# - of the jobs, of which there may be thousands, it takes at most ten at a time: nobody else has to wait long;
# - a socket that has ended is taken off the list with `unregister`.

# %%
def take(socket, most):
    """At most `most` messages, those that are there now."""
    messages = []
    while len(messages) < most and socket.poll(0):
        messages.append(socket.recv())
    return messages


def listen(weather, jobs, questions, pipe):
    """One thread for four sources; returns what it counted."""
    counted = {"updates": 0, "jobs": 0, "readings": 0}
    poller = zmq.Poller()
    for source in (weather, jobs, questions, pipe):
        poller.register(source, zmq.POLLIN)

    while True:
        ready = dict(poller.poll(TIMEOUT * 1000))
        if not ready:
            raise RuntimeError(f"nothing came for {TIMEOUT} s; so far {counted}")

        if weather in ready:
            counted["updates"] += sum(message.startswith(b"10001 ") for message in take(weather, 10))
        if jobs in ready:
            counted["jobs"] += len(take(jobs, 10))
        if pipe in ready:
            data = os.read(pipe, 1000)
            counted["readings"] += data.count(b"\n")
            if not data:                           # the end: from now on always "ready", and never anything to read
                poller.unregister(pipe)
        if questions in ready:
            question = questions.recv(timeout=TIMEOUT)
            questions.send_json(counted)
            if question == b"stop":
                return counted


# %%
expected = {"updates": UPDATES, "jobs": JOBS, "readings": READINGS}
read_end, write_end = os.pipe()

with context.socket(zmq.SUB) as weather, context.socket(zmq.PULL) as jobs, context.socket(zmq.REP) as questions:
    weather.bind(WEATHER)
    weather.setsockopt_string(zmq.SUBSCRIBE, "10001")
    jobs.bind(JOB)
    questions.bind(CONTROL)

    started = time.perf_counter()
    background.submit(weather_station, UPDATES)
    background.submit(job_producer, JOBS)
    background.submit(sensor, write_end, READINGS)
    asking = background.submit(control, expected)
    counted = listen(weather, jobs, questions, read_end)
    elapsed = time.perf_counter() - started
    asked = asking.result(timeout=TIMEOUT)
os.close(read_end)

print(counted, "- and", asked + 1, "questions answered meanwhile")
assert counted == expected
assert asked >= 1

# %% [markdown]
# Four sources, one thread, no lock: nothing in `counted` can be changed by two at the same time, because only one thing happens at a time. That is
# the charm of polling.
#
# ## The same with `await`
#
# With asyncio you write each conversation as if it were the only one, and put `await` wherever it waits. While one waits, the others go on. There is
# no poller to be seen; the event loop does that work. Jupyter runs an event loop of its own, and that is why `await` may stand at the top level of a
# cell. In a plain program you'd write `asyncio.run(main())` instead. The sockets come from a context of their own, and `recv` and `send` are awaited.
# Everything else is as you know it.

# %%
async def consume(actx, count):
    """Receives jobs, and returns their sum."""
    total = 0
    with actx.socket(zmq.PULL) as socket:
        socket.bind(JOB)
        for _ in range(count):
            job = await socket.recv_json(timeout=TIMEOUT)
            total += job["num"]
    return total


async def answer(actx, count):
    with actx.socket(zmq.REP) as socket:
        socket.bind(CONTROL)
        for _ in range(count):
            question = await socket.recv_string(timeout=TIMEOUT)
            await socket.send_string(question.upper())


async def ask(actx, *words):
    answers = []
    with actx.socket(zmq.REQ) as socket:
        socket.connect(CONTROL)
        for word in words:
            await socket.send_string(word)
            answers.append(await socket.recv_string(timeout=TIMEOUT))
    return answers


# %%
actx = AsyncContext()
producing = background.submit(job_producer, 200)               # the other side may be a thread; it makes no difference

total, answers, _ = await asyncio.gather(consume(actx, 200), ask(actx, "one", "two"), answer(actx, 2))
producing.result(timeout=TIMEOUT)

print(total, answers)
assert total == sum(range(200)) and answers == ["ONE", "TWO"]

# %% [markdown]
# Three conversations in one thread. `asyncio.gather` starts them all and returns their results in the same order.
#
# ## A task that lives on between cells
#
# Something that only a notebook has: between two cells the event loop keeps running. So a task that you start in one cell works on while you read,
# and you can talk to it from the next.

# %%
server = asyncio.create_task(answer(actx, 3))

# %%
print(await ask(actx, "still", "there?", "bye"))
await asyncio.wait_for(server, TIMEOUT)            # after its third answer it is done

# %% [markdown]
# ## Giving up, and blocking by mistake
#
# `recv(timeout=...)` gives up with `zmq.Again`, as always, and asyncio's own `wait_for` can give up anything that is awaited. The `recv` that was
# given up takes nothing with it: the next message goes to the next `recv`.
#
# The mistake to avoid is a call *without* `await` that waits. It stops the whole loop, with all the tasks in it. A little clock shows the difference:
# it ticks every hundredth of a second, if it is let.

# %%
ticks = 0


async def clock():
    global ticks
    while True:
        await asyncio.sleep(0.01)
        ticks += 1


ticking = asyncio.create_task(clock())
with actx.socket(zmq.PULL) as patient, context.socket(zmq.PULL) as blocking:
    patient.bind(JOB)
    try:
        await asyncio.wait_for(patient.recv(), 0.3)            # waits, and lets the others work
        gave_up = False
    except asyncio.TimeoutError:
        gave_up = True
    ticks_while_awaiting, ticks = ticks, 0

    blocking.bind(CONTROL)
    blocking.poll(300)                                         # waits, and nobody else can work
    ticks_while_blocking = ticks

    producing = background.submit(job_producer, 1)
    later = await patient.recv_json(timeout=TIMEOUT)
ticking.cancel()

print(f"{ticks_while_awaiting} ticks while awaiting, {ticks_while_blocking} while blocking; then came {later}")
assert gave_up and later == {"num": 0}
assert ticks_while_awaiting >= 3 and ticks_while_blocking == 0

# %% [markdown]
# ## When to use which
#
# | | Threads | Poller | asyncio |
# |---|---|---|---|
# | You write | plain `recv`, one thread a conversation | one loop that looks who is ready | `async` functions with `await` |
# | Good for | few conversations; work that computes | sockets whose events belong together | many that mostly wait; web servers |
# | Shared data | needs locks or queues | needs none | needs none between two `await`s |
# | Beware of | two that wait for each other | one slow branch holds up all | one blocking call holds up all |
# | Per message | fastest for few sockets | fast | slower: the event loop takes its share |
#
# And if all you want is to move messages from here to there, use a [device](05_queue_device.ipynb): it polls in a native thread and leaves Python
# alone.

# %%
from brokerless.course import report

report("Polling", messages=UPDATES + JOBS + 2 * (asked + 1), seconds=elapsed)

# %% [markdown]
# ## Exercises
#
# **1.** Important messages first. Write a loop over two PULL sockets that takes an ordinary message only when no urgent one is waiting. Test it with
# five of each, all sent before you start to read.

# %% tags=["solution"]
with context.socket(zmq.PULL) as urgent, context.socket(zmq.PULL) as ordinary:
    for socket, name, address in ((ordinary, "ordinary", "inproc://slow"), (urgent, "urgent", "inproc://fast")):
        socket.bind(address)                       # inproc: what was sent is there at once, which is handy for a test
        with context.socket(zmq.PUSH) as sender:
            sender.connect(address)
            for number in range(5):
                sender.send_string(f"{name} {number}")

    order = []
    while len(order) < 10:
        socket = urgent if urgent.poll(0) else ordinary
        order.append(socket.recv_string(timeout=TIMEOUT))

# One message at a time, and the question who is first asked anew for each of them.
assert order == [f"urgent {number}" for number in range(5)] + [f"ordinary {number}" for number in range(5)]

# %% [markdown]
# **2.** Ask three servers at the same time with asyncio, and use the answer that comes first. The other two are not needed any more.

# %% tags=["solution"]
async def slow_server(endpoint, name, delay):
    with actx.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        await socket.recv()
        await asyncio.sleep(delay)                 # its work takes this long
        await socket.send_string(name)


async def ask_once(endpoint):
    with actx.socket(zmq.REQ) as socket:
        socket.connect(endpoint)
        await socket.send(b"?")
        return await socket.recv_string()


servers, questions = [], []
for name, delay in (("tortoise", 2.0), ("hare", 0.05), ("snail", 3.0)):
    servers.append(asyncio.create_task(slow_server(f"inproc://{name}", name, delay)))
    questions.append(asyncio.create_task(ask_once(f"inproc://{name}")))

answered, waiting = await asyncio.wait(questions, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
for task in [*waiting, *servers]:
    task.cancel()
await asyncio.gather(*waiting, *servers, return_exceptions=True)

assert answered.pop().result() == "hare"

# %% [markdown]
# **3.** Why does the listener above take at most ten jobs before it looks at the others? What would happen with no limit, and a producer that is
# faster than the listener?

# %% [markdown] tags=["solution"]
# With no limit it would stay in the inner loop for as long as there is a job, and a producer that is fast enough always has one. The weather would go
# stale and the questions would never be answered: the loop *starves* the other sources. The limit gives everybody a turn.

# %%
actx.term()
background.shutdown()
context.term()
