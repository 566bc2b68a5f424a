"""The other ends of what is interrupted: processes that send numbers or receive them, at their own uneven pace."""

from __future__ import annotations

import random
import select
import sys
import time
from typing import Any, List

from benches.battery.part import Link

#: No number: the end.
END = -1


def told(seconds: float = 0.0) -> bool:
    """Whether the fault has said something by now, or says it within so many seconds."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def number_of(frame: Any) -> int:
    """The number that a frame begins with."""
    return int(bytes(frame)[:12])


def packed(number: int, size: int = 12) -> bytes:
    """A number as the beginning of a frame of this size."""
    return b"%012d" % number + bytes(size - 12)


def speak(zmq: Any, link: Link, endpoint: str, frames: int, slowly: bool = False) -> None:
    """PUSHes numbers, in messages of so many frames, until told to stop; says how many. Who hears a slow one waits for each."""
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.connect(endpoint)
        dice = random.Random(1)
        count = 0
        while not told():
            for _ in range(1 if slowly else dice.randint(1, 20)):
                try:
                    push.send_multipart([packed(count)] * frames, zmq.NOBLOCK)
                except zmq.Again:
                    break
                count += 1
            time.sleep(dice.choice((0.0005, 0.001, 0.002) if slowly else (0.0, 0.0001, 0.001)))
        link.say(count)
        # Until all is delivered.
        link.hear()
        link.hear()
        push.close()
        context.term()


def listen(zmq: Any, link: Link, endpoint: str, frames: int) -> None:
    """PULLs messages of numbers, in bursts, until END comes; says which numbers came and how many messages were torn."""
    with zmq.Context() as context:
        pull = context.socket(zmq.PULL)
        pull.rcvhwm = 10
        pull.bind(endpoint)
        link.say("here")
        dice = random.Random(2)
        seen: List[int] = []
        torn = 0
        ended = False
        while not ended:
            for _ in range(dice.randint(1, 100)):
                message = pull.recv_multipart()
                numbers = {number_of(frame) for frame in message}
                ended = END in numbers
                if ended:
                    break
                if len(message) != frames or len(numbers) != 1:
                    torn += 1
                seen.extend(numbers)
            time.sleep(dice.choice((0.0, 0.001, 0.004)))
        link.say([runs(seen), torn])
        pull.close(linger=0)


def runs(numbers: List[int]) -> List[List[int]]:
    """The same numbers in the same order, as pairs of the first and the last of each run: what is in order is short."""
    found: List[List[int]] = []
    for number in numbers:
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def unroll(pairs: List[List[int]]) -> List[int]:
    """What `runs` has made short."""
    return [number for first, last in pairs for number in range(first, last + 1)]
