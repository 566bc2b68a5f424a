"""SIGINT at random moments in what runs for long: a device in the foreground, a worker of a pipeline, a term() that waits."""

from __future__ import annotations

from typing import Any, List

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults._pest import Pest, account
from benches.battery.faults._traffic import listen, number_of, packed, speak, told, unroll
from benches.battery.faults.interrupts import TIMES, outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

_QUIET_MS = 1_000


def in_device(scene: Scene) -> Outcome:
    """zmq.proxy() between a PUSH and a PULL of other processes, started again after each interrupt."""
    zmq, pest = scene.zmq, Pest(scene)
    endpoint, far = scene.endpoint(), scene.endpoint()
    listener = scene.start(listen, far, 2)
    listener.hear()
    with zmq.Context() as context:
        front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        front.bind(endpoint)
        back.connect(far)
        speaker = scene.start(speak, endpoint, 2)
        for _ in pest.rounds(scene.times):
            pest.interrupt(lambda: zmq.proxy(front, back))
        speaker.say("stop")
        count = speaker.hear()
        # Both sockets are still good: what is on its way goes on by hand.
        while front.poll(_QUIET_MS):
            back.send_multipart(front.recv_multipart())
        for _ in range(2):
            back.send_multipart([packed(-1)] * 2)
        pairs, torn = listener.hear()
        speaker.say("enough")
        speaker.say("go")
        front.close(linger=0)
        back.close(linger=0)
    lost, doubled = account(unroll(pairs), count)
    return outcome(pest, lost, doubled, wrong=[f"{torn} torn"] if torn else [])


def produce(zmq: Any, link: Link, endpoint: str) -> None:
    """Hands out jobs until told to stop; says how many."""
    count = 0

    def jobs() -> Any:
        nonlocal count
        while not told():
            yield count
            count += 1

    if zmq.__name__ == "brokerless":
        from brokerless import pipeline

        with pipeline.Producer(endpoint, reliable=True, window=200) as producer:
            link.say("here")
            producer.send_all(jobs(), workers=1)
            link.say(count)
        return
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.sndhwm = 200
        push.bind(endpoint)
        link.say("here")
        for job in jobs():
            push.send_json(job)
        link.hear()
        link.say(count)
        link.hear()
        push.close()


def collect(zmq: Any, link: Link, endpoint: str) -> None:
    """Takes results until there are no more; says which."""
    seen: List[int] = []
    if zmq.__name__ == "brokerless":
        from brokerless import pipeline

        with pipeline.Collector(endpoint, reliable=True) as collector:
            link.say("here")
            seen.extend(collector)
    else:
        with zmq.Context() as context:
            pull = context.socket(zmq.PULL)
            pull.bind(endpoint)
            link.say("here")
            while not told():
                while pull.poll(100):
                    seen.append(pull.recv_json())
            pull.close()
    link.say([[number, number] for number in seen])


def in_pipeline(scene: Scene) -> Outcome:
    """A worker between a producer and a collector: a reliable one of ours, and pyzmq's sockets as they are taught."""
    zmq, pest = scene.zmq, Pest(scene)
    jobs, results = scene.endpoint(), scene.endpoint()
    producer, collector = scene.start(produce, jobs), scene.start(collect, results)
    producer.hear()
    collector.hear()
    if scene.ours:
        from brokerless import pipeline

        with pipeline.Worker(jobs, results, reliable=True) as worker:
            for _ in pest.rounds(scene.times):
                pest.interrupt(lambda: worker.run(abs))
            producer.say("stop")
            worker.run(abs)
        count = producer.hear()
    else:
        with zmq.Context() as context:
            source, sink = context.socket(zmq.PULL), context.socket(zmq.PUSH)
            source.connect(jobs)
            sink.connect(results)
            for _ in pest.rounds(scene.times):
                pest.interrupt(lambda: sink.send_json(abs(source.recv_json())))
            producer.say("stop")
            while source.poll(_QUIET_MS):
                sink.send_json(source.recv_json())
            producer.say("how many?")
            count = producer.hear()
            producer.say("go")
            sink.close()
            source.close()
            context.term()
        collector.say("stop")
    lost, doubled = account(unroll(collector.hear()), count)
    return outcome(pest, lost, doubled, f"; {count:,} jobs")


def in_term(scene: Scene) -> Outcome:
    """term() while messages are undelivered; in the end somebody takes them."""
    zmq, pest = scene.zmq, Pest(scene)
    endpoint, count = scene.endpoint(), 500
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.connect(endpoint)
    for number in range(count):
        push.send(packed(number))
    push.close()
    for _ in pest.rounds(scene.times):
        pest.interrupt(context.term)
    taken: List[int] = []
    with zmq.Context() as another:
        pull = another.socket(zmq.PULL)
        pull.bind(endpoint)
        while len(taken) < count and pull.poll(5 * _QUIET_MS):
            taken.append(number_of(pull.recv()))
        pull.close()
    context.term()
    lost, doubled = account(taken, count)
    return outcome(pest, lost, doubled)


_PROMISED = "KeyboardInterrupt within 50 ms, nothing lost, doubled or torn, and all goes on afterwards"

FAULTS = (
    Fault("interrupt-device", "SIGINT at random moments in zmq.proxy()", _PROMISED, in_device, TIMES, 40, BOTH),
    Fault("interrupt-pipeline", "SIGINT at random moments in a worker", _PROMISED, in_pipeline, TIMES, 40, BOTH),
    Fault("interrupt-term", "SIGINT at random moments in term()", _PROMISED, in_term, TIMES, 40, BOTH),
)
