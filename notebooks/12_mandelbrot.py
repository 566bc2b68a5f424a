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
# # 12. Many processors: the Mandelbrot set
#
# **You will** compute a picture of the Mandelbrot set, one line a job, on all processors of your board, and plot it.
#
# **You will learn**
# - how `Pipeline.map()` takes the place of `map()`;
# - how to see whether more workers help;
# - how code that takes an *executor* runs on a pipeline, unchanged;
# - where ipyparallel, the engine of the Jupyter world, begins, and that it runs on brokerless, too.
#
# **You need** [lesson 11](11_frames_in_order.ipynb), numpy and matplotlib, and about 20 minutes.
#
# ![A producer sends to two workers, and both send their results to one collector](images/pushpull.svg)

# %%
import concurrent.futures
import importlib.util
import os
import subprocess
import sys
import tempfile
import time

import numpy

from brokerless import course, pipeline

# %% [markdown]
# ## Parameters

# %% tags=["parameters"]
WIDTH = 240              # pixels
HEIGHT = 160
DEPTH = 60               # steps before a point counts as one of the set
WORKERS = 2              # processes

# %%
TIMEOUT = 60             # seconds; nothing here waits forever

# %% [markdown]
# ## One line
#
# A point $c$ belongs to the set if $z \mapsto z^2 + c$, begun with 0, stays small for ever. We count the steps until it does not, for all points of one line.
# The function gets the number of its line, and returns a list: plain numbers, so that JSON will do.

# %%
def line(row, width=WIDTH, height=HEIGHT, depth=DEPTH):
    """How many steps each point of a line takes to leave."""
    y = 1.2 - 2.4 * row / (height - 1)
    steps = []
    for column in range(width):
        c = complex(-2.2 + 3.2 * column / (width - 1), y)
        z, count = 0j, 0
        while count < depth and abs(z) <= 2:
            z, count = z * z + c, count + 1
        steps.append(count)
    return steps


assert line(HEIGHT // 2)[WIDTH // 2] == DEPTH, "0 belongs to it"

# %% [markdown]
# ## One after the other, and side by side
#
# First with Python's own `map()`, then with two processes.

# %%
began = time.perf_counter()
alone = list(map(line, range(HEIGHT)))
one_process = time.perf_counter() - began

with pipeline.Pipeline(line, workers=WORKERS) as mandelbrot:
    mandelbrot.wait_for_workers(WORKERS, timeout=TIMEOUT)
    began = time.perf_counter()
    picture = list(mandelbrot.map(range(HEIGHT), progress=True, timeout=TIMEOUT))
    seconds = time.perf_counter() - began
    shares = [worker.done for worker in mandelbrot.workers]

print(f"alone {one_process:.2f} s, with {WORKERS} workers {seconds:.2f} s on {os.cpu_count()} processors; lines each: {shares}")
assert picture == alone
assert sum(shares) == HEIGHT

# %% [markdown]
# The results are in order although lines in the middle take far longer than those at the edge. Look at the shares: whoever got easy lines did more of them. Nobody had to cut
# the picture into pieces of equal work, as the workers ask for the next line when they have room.
#
# ## A picture

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 4))
axes.imshow(numpy.array(picture), cmap="twilight_shifted", extent=(-2.2, 1.0, -1.2, 1.2))
axes.set_title("The Mandelbrot set, a line a job")
figure.tight_layout()
plt.show()
plt.close(figure)

# %% [markdown]
# ## Who did which line?
#
# A worker may return whatever the codec has words for; here, also which process it is.

# %%
def signed_line(row):
    """A line, and who made it."""
    return [os.getpid(), line(row)]


with pipeline.Pipeline(signed_line, workers=WORKERS) as mandelbrot:
    mandelbrot.wait_for_workers(WORKERS, timeout=TIMEOUT)
    signed = list(mandelbrot.map(range(HEIGHT), timeout=TIMEOUT))

makers = sorted({pid for pid, _ in signed})
stripes = numpy.array([[makers.index(pid)] * 20 for pid, _ in signed])

figure, axes = plt.subplots(figsize=(2, 4))
axes.imshow(stripes, aspect="auto", cmap="tab10")
axes.set_xticks([])
axes.set_title("one colour a process")
figure.tight_layout()
plt.show()
plt.close(figure)
assert len(makers) == WORKERS
assert [steps for _, steps in signed] == alone

# %% [markdown]
# ## Code that takes an executor
#
# Much code wants an *executor*, the interface of Python's `concurrent.futures`: it calls `submit()` and waits for futures. `pipeline.Executor` is one. This function
# knows nothing of brokerless:

# %%
def sums(executor, rows):
    """The number of steps in each of these lines, by whatever executor there is."""
    futures = {executor.submit(line, row): row for row in rows}
    return {futures[done]: sum(done.result()) for done in concurrent.futures.as_completed(futures, timeout=TIMEOUT)}


rows = range(0, HEIGHT, 10)
with pipeline.Executor(WORKERS) as executor:
    counted = sums(executor, rows)
    failed = executor.submit(line, 0, height=1)

print(counted)
assert counted == {row: sum(alone[row]) for row in rows}
assert isinstance(failed.exception(), ZeroDivisionError), "what a call raises is raised here"

# %% [markdown]
# If a process dies of a call, others take its calls, which the executor of `concurrent.futures` does not do: there, all is over (`BrokenProcessPool`).
#
# ## More machines
#
# A pipeline that binds where others can reach it takes workers from anywhere. On the first board:
#
# ```python
# with pipeline.Pipeline(line, jobs="tcp://*:5557", results="tcp://*:5558") as mandelbrot:
#     picture = list(mandelbrot.map(range(HEIGHT), progress=True))
# ```
#
# and on as many others as you like, at any time, in a terminal (`lines.py` has the function):
#
# ```console
# brokerless worker lines:line tcp://192.168.1.20:5557 tcp://192.168.1.20:5558
# ```
#
# ## ipyparallel, on brokerless
#
# For clusters of many machines, with queues, schedulers and engines that keep data, the Jupyter world has **ipyparallel**. All that its parts say to each other goes over
# ZeroMQ, so it can run on brokerless: the program below starts a controller and two engines, each with `python -m brokerless.run`, which puts brokerless in the place of pyzmq
# (as `brokerless.install_as_zmq()` does in a program).

# %%
PROGRAM = '''
import sys

import ipyparallel
import zmq
from traitlets.config import Config


def where(_):
    import zmq

    return zmq.__name__


def square(number):
    return number * number


if __name__ == "__main__":
    on_brokerless = [sys.executable, "-m", "brokerless.run", "-m"]
    config = Config()
    config.LocalControllerLauncher.controller_cmd = [*on_brokerless, "ipyparallel.controller"]
    config.LocalEngineLauncher.engine_cmd = [*on_brokerless, "ipyparallel.engine"]
    with ipyparallel.Cluster(n=2, config=config, log_level=40) as cluster:
        print(zmq.__name__, *cluster[:].map_sync(where, range(2)))
        print(cluster.load_balanced_view().map_sync(square, range(10)))
'''

if importlib.util.find_spec("ipyparallel") is None:
    print("ipyparallel is not installed here, and this part is left out: pip install ipyparallel")
else:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cluster.py")
        with open(path, "w") as file:
            file.write(PROGRAM)
        ran = subprocess.run(
            [sys.executable, "-m", "brokerless.run", path], capture_output=True, text=True, timeout=3 * TIMEOUT, cwd=folder
        )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert "brokerless brokerless brokerless" in ran.stdout, "the client and both engines"
    assert "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]" in ran.stdout

# %% [markdown]
# ## Exercises
#
# **1.** Give the pipeline threads instead of processes (`workers="threads:2"`). Is it faster than one process? Why not?

# %% tags=["solution"]
with pipeline.Pipeline(line, workers="threads:2") as mandelbrot:
    began = time.perf_counter()
    by_threads = list(mandelbrot.map(range(HEIGHT), timeout=TIMEOUT))
    threads = time.perf_counter() - began

# Python runs one thread at a time (the GIL), so two that compute get half of it each. Threads are for functions that wait, or that compute outside of
# Python, as numpy does.
print(f"threads {threads:.2f} s, alone {one_process:.2f} s")
assert by_threads == alone

# %% [markdown]
# **2.** Make a job of four lines. What becomes faster, and what becomes worse?

# %% tags=["solution"]
def four_lines(first):
    """Four lines that follow each other."""
    return [line(row) for row in range(first, min(first + 4, HEIGHT))]


with pipeline.Pipeline(four_lines, workers=WORKERS) as mandelbrot:
    blocks = list(mandelbrot.map(range(0, HEIGHT, 4), timeout=TIMEOUT))

# A quarter of the messages; but at the end somebody may still have four lines to do while the others have none.
assert [steps for block in blocks for steps in block] == alone

# %% [markdown]
# **3.** Kill one of the processes while it computes: `os.kill(mandelbrot.pids[0], signal.SIGKILL)` after the first line has come. Is a line missing in the
# picture?

# %% tags=["solution"]
import signal

with pipeline.Pipeline(line, workers=WORKERS) as mandelbrot:
    lines = mandelbrot.map(range(HEIGHT), timeout=TIMEOUT)
    first = next(lines)
    os.kill(mandelbrot.pids[0], signal.SIGKILL)
    rest = list(lines)
    stats = mandelbrot.stats

# No: what the dead process had was given to another, and a new one took its place.
print(f"{stats.done} lines done, {stats.redelivered} given out again, {stats.lost} workers lost")
assert [first, *rest] == alone

# %%
course.report("MANDELBROT", messages=HEIGHT, seconds=seconds)
