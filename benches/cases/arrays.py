"""numpy frames of a full-HD camera, two processes over tcp."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, List

from benches.case import BROKERLESS, FRAMES, PYOMQ, PYZMQ, Case, Job, Role, Target, each, expect
from benches.cases._sockets import deliver, opened, socket

SHAPE = (1080, 1920, 3)
DIFFERENT = 4


def recipe_send(zmq: Any, push: Any, array: Any) -> None:
    """What pyzmq's documentation shows: a header in JSON, then the buffer."""
    push.send_json({"dtype": str(array.dtype), "shape": array.shape}, zmq.SNDMORE)
    push.send(array, copy=False)


def recipe_receive(zmq: Any, pull: Any) -> Any:
    """The other half of it."""
    import numpy

    header = pull.recv_json()
    frame = pull.recv(copy=False)
    return numpy.frombuffer(frame, dtype=header["dtype"]).reshape(header["shape"])


def built_in_send(zmq: Any, push: Any, array: Any) -> None:
    """One call."""
    push.send_array(array)


def built_in_receive(zmq: Any, pull: Any) -> Any:
    """One call."""
    return pull.recv_array()


def sending(send: Callable[[Any, Any, Any], None]) -> Role:
    """A camera whose frames say in two corners which they are."""

    def role(zmq: Any, job: Job) -> None:
        import numpy

        frames: List[Any] = [numpy.full(SHAPE, number, dtype=numpy.uint8) for number in range(DIFFERENT)]
        with opened(zmq) as context:
            push = socket(context, zmq, "PUSH", job.endpoints[0], job)
            for number in range(job.warmup + job.count):
                send(zmq, push, frames[number % DIFFERENT])
            deliver(zmq)

    return role


def receiving(receive: Callable[[Any, Any], Any]) -> Role:
    """Who looks at shape, type and two corners of each frame."""

    def role(zmq: Any, job: Job) -> float:
        with opened(zmq) as context:
            pull = socket(context, zmq, "PULL", f"@{job.endpoints[0]}", job)
            for number in range(job.warmup + job.count):
                if number == job.warmup:
                    started = perf_counter()
                frame = receive(zmq, pull)
                wanted = (SHAPE, "uint8", number % DIFFERENT, number % DIFFERENT)
                expect((frame.shape, str(frame.dtype), frame[0, 0, 0], frame[-1, -1, -1]), wanted)
            return perf_counter() - started

    return role


CASES = (
    Case(
        name="numpy",
        title="numpy frames 1920x1080x3, two processes, tcp",
        unit=FRAMES,
        job=Job(count=200, warmup=20, size=1920 * 1080 * 3, hwm=8),
        contenders=(
            *each(
                BROKERLESS,
                {"receive": receiving(built_in_receive), "send": sending(built_in_send)},
                needs=("send_array", "recv_array"),
            ),
            *each({**PYZMQ, **PYOMQ}, {"receive": receiving(recipe_receive), "send": sending(recipe_send)}),
        ),
        targets=(Target(1.3),),
        endpoints=1,
        servers=("send",),
    ),
)
