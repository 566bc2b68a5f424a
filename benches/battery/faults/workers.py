"""A pipeline whose workers are killed, and one whose ports strangers find."""

from __future__ import annotations

import threading
import time
from typing import Any, List, Set, Tuple

from benches import kills
from benches.battery.crowd import attack
from benches.battery.fault import Fault, Outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

_JOBS = 2_000
_KINDS = ("random", "foreign", "header", "stall")


def killed(scene: Scene) -> Outcome:
    """Workers end by SIGKILL: the reliable pipeline of ours, and pyzmq's as it is taught."""
    wrong: List[str] = []
    lost, duplicated, redelivered, ended, count = 0, 0, 0, 0, 0
    for seed in range(scene.times):
        plan = kills.plan(seed, _JOBS)
        one = (kills.reliable if scene.ours else kills.taught)(_JOBS, plan)
        count += len(plan)
        scene.done(len(plan))
        lost, duplicated = lost + one.lost, duplicated + one.duplicated
        redelivered, ended = redelivered + one.redelivered, ended + one.ended
    if lost or duplicated:
        wrong.append(f"{lost} lost, {duplicated} twice")
    if ended < scene.times:
        wrong.append("nobody knew that it was over")
    happened = f"{scene.times} rounds of {_JOBS:,} jobs; {redelivered} given to another worker"
    return Outcome(count, happened, tuple(wrong), lost=lost, duplicated=duplicated)


def work(zmq: Any, link: Link, jobs: str, results: str) -> None:
    """A worker, until it is ended: reliable, or as it is taught."""
    if zmq.__name__ == "brokerless":
        from brokerless import pipeline

        pipeline.Worker(jobs, results, reliable=True).run(_double)
        return
    context = zmq.Context()
    source, sink = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    source.connect(jobs)
    sink.connect(results)
    while True:
        sink.send_json(_double(source.recv_json()))


def _double(job: Any) -> Any:
    time.sleep(0.0005)
    return 2 * job


def strangers(scene: Scene) -> Outcome:
    """A producer and a collector here, two workers, and strangers at both ports."""
    jobs, results = scene.endpoint(), scene.endpoint()
    for _ in range(2):
        scene.start(work, jobs, results)
    crowds = [
        scene.start(attack, kind, {"PUSH": jobs, "PULL": results}, scene.times // len(_KINDS), 100, 0.05)
        for kind in _KINDS
    ]
    seen, problem = (_reliable if scene.ours else _taught)(scene, jobs, results)
    told = [crowd.hear(30) for crowd in crowds]
    scene.done(scene.times)
    good = [result for result in seen if isinstance(result, int)]
    right: Set[int] = {2 * job for job in range(_JOBS)}
    lost, twice = len(right - set(good)), len(good) - len(set(good))
    wrong = [problem] if problem else []
    if lost:
        wrong.append(f"{lost} of {_JOBS:,} results are missing")
    happened = f"{sum(one['answered'] for one in told):,} got in touch; {len(good):,} results of {_JOBS:,}"
    return Outcome(scene.times, happened, tuple(wrong), lost=lost, duplicated=twice)


def _reliable(scene: Scene, jobs: str, results: str) -> Tuple[List[Any], str]:
    from brokerless import pipeline

    collector, producer = pipeline.Collector(results, reliable=True), pipeline.Producer(jobs, reliable=True)
    with collector, producer:
        sending = threading.Thread(target=lambda: producer.send_all(range(_JOBS), workers=2), daemon=True)
        sending.start()
        seen = list(collector)
        sending.join()
    return seen, ""


def _taught(scene: Scene, jobs: str, results: str) -> Tuple[List[Any], str]:
    zmq = scene.zmq
    context = zmq.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.bind(jobs)
    pull.bind(results)
    seen: List[Any] = []
    problem, number = "", 0
    # As it is taught: long enough for all workers to be there, one hopes.
    time.sleep(1.0)
    while len(seen) < _JOBS:
        if number < _JOBS and push.poll(0, zmq.POLLOUT):
            push.send_json(number)
            number += 1
        elif not pull.poll(1_000) and number == _JOBS:
            problem = "the rest never came"
            break
        while pull.poll(0):
            try:
                seen.append(pull.recv_json())
            except ValueError as error:
                problem = f"its collector fails: {type(error).__name__} from recv_json()"
    push.close(linger=0)
    pull.close()
    context.term()
    return seen, problem


FAULTS: Tuple[Fault, ...] = (
    Fault(
        name="workers-killed",
        title="workers of a pipeline are killed: the reliable one, and one as it is taught",
        promised="each result comes once, and everybody knows when it is over",
        play=killed,
        times=3,
        limit=90,
    ),
    Fault(
        name="workers-strangers",
        title="2,000 malformed peers at both ports of a pipeline, the reliable one and one as it is taught",
        promised="each result comes once, and nothing of theirs",
        play=strangers,
        times=2_000,
    ),
)
