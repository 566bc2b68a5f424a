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
# # 11. Frames in order: a pipeline that loses nothing
#
# **You will** send the frames of a camera through two workers, which find what moves in them, to a collector that has every frame again in
# order; and you will kill a worker in the middle of it.
#
# **You will learn**
# - what a plain pipeline loses when a worker dies, and why nothing in it can know;
# - how a *reliable* one finds out, and what "done" means in it;
# - how order is restored, and what that costs;
# - how a producer that never ends does not fill the memory.
#
# **You need** [lesson 4](04_push_pull.ipynb) (PUSH and PULL), numpy, and about 30 minutes.
#
# ![A producer sends to two workers, and both send their results to one collector](images/pushpull.svg)

# %% [markdown]
# In lesson 4, PUSH gave each job to a worker and forgot it. If that worker is killed, the jobs in its queue are gone, and nobody knows: not the
# producer, which has sent them; not the collector, which waits for a result that nobody works on.
#
# With `reliable=True` the same three roles keep books. Each job has a number. It is **done** when its result is with the collector and the
# collector has said so; until then the producer keeps it. A worker that is killed, or silent for too long, has its jobs given to another.
# And because a job may thus be done twice, the collector drops the second result.

# %%
import os
import signal
import threading
import time

import numpy

import brokerless as zmq
from brokerless import course, pipeline

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
HOST = "127.0.0.1"
JOBS_PORT = 5580         # the producer's
RESULTS_PORT = 5581      # the collector's
FRAMES = 120             # how many frames the camera takes
HEIGHT = 120             # pixels
WIDTH = 160

# %%
JOBS = f"tcp://{HOST}:{JOBS_PORT}"
RESULTS = f"tcp://{HOST}:{RESULTS_PORT}"
TIMEOUT = 20             # seconds; nothing here waits forever

# %% [markdown]
# ## A camera
#
# There is no camera in this notebook, so we draw its frames: noise, and a bright square that moves to the right. The first pixel holds the
# number of the frame, for us to check the order later.

# %%
random = numpy.random.default_rng(1)


def frame(number):
    """What the camera sees at this moment."""
    picture = random.integers(0, 60, (HEIGHT, WIDTH), dtype="uint8")
    left = number % (WIDTH - 20)
    picture[40:60, left:left + 20] = 255
    picture[0, 0] = number % 256
    return picture


def camera(count):
    """The frames, one after the other."""
    for number in range(count):
        yield frame(number)


print(frame(7).shape, frame(7).nbytes, "bytes")

# %% [markdown]
# ## A filter
#
# Each worker smooths a frame and keeps what is bright. It is an ordinary function: a frame comes in, a frame goes out. To make things
# interesting, some frames take longer than others, so that they do not come back in the order in which they went out.

# %%
def find_bright(picture):
    """The picture, smoothed, and black where it is not bright."""
    number = picture[0, 0]
    time.sleep(0.001 if number % 7 else 0.02)
    wide = numpy.pad(picture, 1, mode="edge").astype("uint16")
    sums = sum(wide[down:down + HEIGHT, right:right + WIDTH] for down in range(3) for right in range(3))
    smooth = (sums // 9).astype("uint8")
    smooth[smooth < 128] = 0
    smooth[0, 0] = number
    return smooth


# %% [markdown]
# ## Producer, workers, collector
#
# The roles are those of lesson 4. New are `reliable=True`, and `codec="numpy"`: a frame goes as it is, with a short header that says what it is,
# and what is received is not copied again. All three must have the same codec; a worker that has another is told so.
#
# `ordered=True` has the collector hand results over in the order of their jobs.

# %%
collector = pipeline.Collector(RESULTS, reliable=True, ordered=True, codec="numpy")
producer = pipeline.Producer(JOBS, reliable=True, codec="numpy")
workers = [pipeline.Worker(JOBS, RESULTS, reliable=True, codec="numpy", name=name).start(find_bright) for name in ("left", "right")]

sending = threading.Thread(target=producer.send_all, args=(camera(FRAMES),), kwargs={"workers": 2, "timeout": TIMEOUT})
began = time.perf_counter()
sending.start()
found = collector.collect(timeout=TIMEOUT)
seconds = time.perf_counter() - began
sending.join()

print(f"{len(found)} frames in {seconds:.2f} s, each of {found[0].nbytes} bytes")
assert len(found) == FRAMES
assert [int(picture[0, 0]) for picture in found] == [number % 256 for number in range(FRAMES)], "in order"

# %% [markdown]
# `collect()` came back by itself: nobody had to say how many frames there would be. When the producer has no more jobs, the number of all jobs goes
# through a worker to the collector, as if it were a job; so the collector knows when it has everything, and the workers are told to end.
#
# Who did how much?

# %%
for worker in producer.workers:
    print(worker)

shares = [worker.done for worker in producer.workers]
assert sum(shares) == FRAMES
assert min(shares) > 0
for worker in workers:
    worker.join(TIMEOUT)
collector.close()

# %% [markdown]
# Both workers asked for as many frames as they do in a moment, and not for more. So it does not matter who was there first, and a slow worker does not
# sit on frames that a fast one could do.
#
# ## In one call
#
# With a `Pipeline` the three roles are one object. Its workers are **processes** of their own, which is what you want when a worker computes: each has a
# processor for itself. The function from the cell above goes to them as it is.

# %%
with pipeline.Pipeline(find_bright, workers=2, codec="numpy") as two:
    two.wait_for_workers(2, timeout=TIMEOUT)
    squares = []
    for picture in two.map(camera(FRAMES), timeout=TIMEOUT):
        squares.append(int(numpy.argmax(picture[50])))
    seen = two.stats

print(f"{seen.done} frames; the square goes from column {squares[0]} to column {squares[-1]}")
assert seen.done == FRAMES
assert squares == sorted(squares), "it moves to the right, so the frames are in order"

# %% [markdown]
# ## A worker is killed
#
# Now what a plain pipeline cannot survive. After 30 frames we end one of the two processes with SIGKILL, which no program can catch.

# %%
with pipeline.Pipeline(find_bright, workers=2, codec="numpy") as two:
    two.wait_for_workers(2, timeout=TIMEOUT)
    numbers = []
    for picture in two.map(camera(FRAMES), timeout=TIMEOUT):
        numbers.append(int(picture[0, 0]))
        if len(numbers) == 30:
            os.kill(two.pids[0], signal.SIGKILL)
    after = two.stats

print(after)
assert numbers == list(range(FRAMES)), "not one is missing, none came twice, and the order is right"
assert after.lost == 1

# %% [markdown]
# The frames that the killed process had were given to the other, and the process was started again. `redelivered` says how many frames were given to a worker a second
# time, `duplicates` how many results came twice and were dropped.
#
# ## A frame that kills
#
# What if it is the *frame* that kills the worker? Given to the next one, it would kill that as well, and so on for ever. So a job that has lost
# `max_deliveries` workers is given up: in the place of its result comes an error.

# %%
def die_of_seven(picture):
    """Ends its process at one of the frames."""
    if picture[0, 0] == 7:
        os._exit(1)
    return picture


with pipeline.Pipeline(die_of_seven, workers=2, codec="numpy", max_deliveries=2) as two:
    results = list(two.map(camera(12), errors="return", timeout=TIMEOUT))

print(results[7])
assert isinstance(results[7], pipeline.JobError)
assert results[7].type == "WorkerLost"
assert sum(isinstance(result, numpy.ndarray) for result in results) == 11, "all others are there"

# %% [markdown]
# A function that *raises* is no such case: the worker lives, and the error comes back with its traceback.

# %%
with pipeline.Pipeline(lambda picture: picture[HEIGHT + 1], workers="threads:1", codec="numpy") as one:
    try:
        list(one.map(camera(1), timeout=TIMEOUT))
    except pipeline.JobError as error:
        failure = error

print(failure)
assert failure.type == "IndexError"

# %% [markdown]
# ## A camera that never ends
#
# A real camera does not stop after 120 frames. `map()` takes any iterator, and asks for the next frame only when there is room: from the oldest frame that is
# not done to the newest there are `window` at most. We look at ten results and leave.

# %%
taken = []


def endless():
    """Frames without end; writes down how many were asked for."""
    while True:
        taken.append(len(taken))
        yield frame(len(taken))


with pipeline.Pipeline(find_bright, workers="threads:2", codec="numpy", window=16) as two:
    live = two.map(endless(), timeout=TIMEOUT)
    ten = [next(live) for _ in range(10)]
    live.close()

print(f"{len(ten)} results; the camera was asked for {len(taken)} frames")
assert len(taken) < 200

# %% [markdown]
# ## See it
#
# A pipeline has `stats`, `workers`, a table with a bar for each worker when it is the last value of a cell, and `dashboard()` as all others.

# %%
with pipeline.Pipeline(find_bright, workers="threads:2", codec="numpy") as two:
    list(two.map(camera(20), timeout=TIMEOUT))
    table = two._repr_html_()

two

# %% [markdown]
# ## Exercises
#
# **1.** What does order cost? Run the frames with `ordered=False`, and print the numbers as they come. Which are late?

# %% tags=["solution"]
with pipeline.Pipeline(find_bright, workers=2, codec="numpy") as two:
    two.wait_for_workers(2, timeout=TIMEOUT)
    as_done = [int(picture[0, 0]) for picture in two.map(camera(60), ordered=False, timeout=TIMEOUT)]

# The slow ones, every seventh, come after frames that were taken later. In order, those wait for them.
print(as_done)
assert sorted(as_done) == list(range(60))

# %% [markdown]
# **2.** A frame is 19 kB here. Make it a colour picture of 1080 lines (`(1080, 1920, 3)`). How many bytes are on their way at once, and which parameter
# bounds that?

# %% [markdown] tags=["solution"]
# 6.2 MB each. `window` counts frames, 4096 if you do not say otherwise, and that would be 25 GB; but `window_bytes` bounds them as well: 256 MiB, or 43 frames.

# %% [markdown]
# **3.** Let the filter fail for frame 13 (`raise ValueError("unlucky")`). What does the loop over `map()` do then? And with `errors="return"`?

# %% tags=["solution"]
def unlucky(picture):
    """As find_bright, but for one frame."""
    if picture[0, 0] == 13:
        raise ValueError("unlucky")
    return find_bright(picture)


with pipeline.Pipeline(unlucky, workers="threads:2", codec="numpy") as two:
    results = list(two.map(camera(20), errors="return", timeout=TIMEOUT))

# The error is in the place of the thirteenth result, with the traceback of the worker; all others are there. Without errors="return" the loop ends
# there, as the error is raised.
print(repr(results[13]))
assert isinstance(results[13], pipeline.JobError)
assert [int(picture[0, 0]) for picture in results[:13] + results[14:]] == [number for number in range(20) if number != 13]

# %%
course.report("RELIABLE", messages=FRAMES, seconds=seconds)
zmq.Context.instance().term(timeout=TIMEOUT)
