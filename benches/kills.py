"""What becomes of 20,000 jobs when workers are killed: pyzmq's pipeline as it is taught, and a reliable one, under the same kills.

    python -m benches.kills --rounds 20 --jobs 20000

Each round, some of four workers are ended by SIGKILL after as many results as the dice say, which are the same for both. In the
taught version nobody starts workers again, and nobody knows that the work is over: its collector gives up after a second
without a result.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

WORKERS = 4
PATIENCE_MS = 1000


class Round(NamedTuple):
    """What came of one round."""

    lost: int
    duplicated: int
    redelivered: int
    ended: bool
    seconds: float


_Play = Callable[[int, Dict[int, int]], Round]


def plan(seed: int, jobs: int) -> Dict[int, int]:
    """After how many results which worker is killed; one at least survives."""
    dice = random.Random(seed)
    victims = dice.sample(range(WORKERS), dice.randint(1, WORKERS - 1))
    return {dice.randrange(jobs // 20, jobs // 2): victim for victim in victims}


def _same(job: Any) -> Any:
    """What a worker does: it takes a moment."""
    time.sleep(0.0002)
    return job


def _work(jobs: str, results: str) -> None:
    import zmq

    context = zmq.Context()
    source, sink = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    source.connect(jobs)
    sink.connect(results)
    while True:
        sink.send_json(_same(source.recv_json()))


def _produce(endpoint: Any, count: int) -> None:
    import zmq

    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    port = push.bind_to_random_port("tcp://127.0.0.1")
    endpoint.send(f"tcp://127.0.0.1:{port}")
    # As it is taught: long enough for all workers to be there, one hopes.
    time.sleep(1.0)
    for number in range(count):
        push.send_json({"num": number})
    context.term()


def taught(count: int, kills: Dict[int, int]) -> Round:
    """PUSH and PULL of pyzmq, each part in a process."""
    import zmq

    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    results = f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}"
    here, there = multiprocessing.Pipe()
    producer = multiprocessing.Process(target=_produce, args=(there, count), daemon=True)
    producer.start()
    jobs = here.recv()
    workers = [multiprocessing.Process(target=_work, args=(jobs, results), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    seen: List[int] = []
    started = 0.0
    while pull.poll(PATIENCE_MS if seen else 20_000):
        result: Any = pull.recv_json()
        seen.append(result["num"])
        started = started or time.perf_counter()
        if len(seen) in kills:
            _kill(workers[kills[len(seen)]].pid)
        if len(set(seen)) == count and len(seen) == count:
            break
    seconds = time.perf_counter() - started
    ended = len(seen) == count
    for process in (*workers, producer):
        process.kill()
        process.join()
    context.destroy(linger=0)
    return Round(count - len(set(seen)), len(seen) - len(set(seen)), 0, ended, seconds)


def reliable(count: int, kills: Dict[int, int]) -> Round:
    """A Pipeline of ours; a worker that is killed is replaced."""
    from brokerless import pipeline

    with pipeline.Pipeline(_same, workers=WORKERS) as whole:
        whole.wait_for_workers(WORKERS, timeout=20)
        seen: List[int] = []
        started = time.perf_counter()
        for result in whole.map(({"num": number} for number in range(count)), ordered=False):
            seen.append(result["num"])
            if len(seen) in kills:
                _kill(whole.pids[kills[len(seen)] % len(whole.pids)])
        seconds = time.perf_counter() - started
        stats = whole.stats
    return Round(count - len(set(seen)), len(seen) - len(set(seen)), stats.redelivered, True, seconds)


def _kill(pid: Optional[int]) -> None:
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Runs all rounds and prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--jobs", type=int, default=20_000)
    chosen = options.parse_args()
    kinds: Dict[str, _Play] = {"pyzmq, as taught": taught, "reliable": reliable}
    rounds: Dict[str, List[Round]] = {name: [] for name in kinds}
    killed = 0
    for seed in range(chosen.rounds):
        kills = plan(seed, chosen.jobs)
        killed += len(kills)
        for name, play in kinds.items():
            rounds[name].append(play(chosen.jobs, kills))
            print(f"round {seed + 1}, {len(kills)} killed, {name}: {rounds[name][-1]}", flush=True)
    print(f"\n{chosen.rounds} rounds of {chosen.jobs:,} jobs, {killed} of {WORKERS * chosen.rounds} workers killed\n")
    print("| | lost | duplicated | redelivered | rounds that ended by themselves |\n|---|---|---|---|---|")
    for name, played in rounds.items():
        lost, duplicated, redelivered = (sum(one[at] for one in played) for at in range(3))
        ended = sum(one.ended for one in played)
        print(f"| {name} | {lost:,} | {duplicated:,} | {redelivered:,} | {ended} of {len(played)} |")


if __name__ == "__main__":
    main()
