"""SIGINT at random moments in calls that send and receive: nothing may be torn, lost or doubled, and the socket goes on."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Dict, List

from benches.battery.fault import ALL, BOTH, Fault, Outcome
from benches.battery.faults._pest import Numbers, Pest, account
from benches.battery.faults._traffic import END, listen, number_of, packed, speak, unroll
from benches.battery.scene import Scene

#: How many interrupts each row has.
TIMES = 1_000
#: Large enough for the system's buffers to be full soon, so that a send has to wait.
_SIZE = 2_000
#: How long a receiver waits for what is still to come, in milliseconds.
_QUIET_MS = 1_000


def outcome(pest: Pest, lost: int, doubled: int, more: str = "", wrong: Any = ()) -> Outcome:
    """What to say of interrupts and their accounts."""
    happened, late = pest.findings()
    faults = [*late, *wrong]
    if lost:
        faults.append(f"{lost:,} lost")
    if doubled:
        faults.append(f"{doubled:,} doubled")
    return Outcome(pest.times, f"{happened}{more}", tuple(faults), lost=lost, duplicated=doubled)


def drain(sock: Any, seen: List[Any], count: int) -> None:
    """Receives what is still to come."""
    while len(seen) < count and sock.poll(_QUIET_MS):
        seen.append(sock.recv())


def in_recv(scene: Scene) -> Outcome:
    """recv() by a loop in C, then by a plain one."""
    zmq, pest = scene.zmq, Pest(scene)
    endpoint = scene.endpoint()
    with zmq.Context() as context:
        pull = context.socket(zmq.PULL)
        pull.bind(endpoint)
        speaker = scene.start(speak, endpoint, 1)
        exact: List[Any] = []
        for _ in pest.rounds(scene.times // 2):
            pest.interrupt(lambda: exact.extend(iter(pull.recv, None)))
        # Between the two, so that what is lost is known to be before or after it.
        exact.append(pull.recv())
        plain: List[Any] = []
        for _ in pest.rounds(scene.times - scene.times // 2):
            pest.interrupt(lambda: plain.append(pull.recv()))
        speaker.say("stop")
        count = speaker.hear()
        drain(pull, plain, count - len(exact))
        speaker.say("enough")
        speaker.say("go")
        pull.close(linger=0)
    border = number_of(exact[-1]) + 1
    lost, doubled = account(map(number_of, exact), border)
    lost_later, doubled_later = account((number_of(frame) - border for frame in plain), count - border)
    more = f"; a plain loop, `seen.append(sock.recv())`, lost {lost_later} more between the call and the list"
    return outcome(pest, lost, doubled + doubled_later, more)


def in_send(scene: Scene) -> Outcome:
    """send() to a peer that is slow, so that most calls wait."""
    return _sending(scene, lambda number: packed(number, _SIZE), "send", 1)


def in_multipart(scene: Scene) -> Outcome:
    """send_multipart(), then recv_multipart(), of three frames each."""
    sent = _sending(scene, lambda number: [packed(number, _SIZE)] * 3, "send_multipart", 3, scene.times // 2)
    zmq, pest = scene.zmq, Pest(scene)
    endpoint = scene.endpoint()
    with zmq.Context() as context:
        pull = context.socket(zmq.PULL)
        pull.bind(endpoint)
        speaker = scene.start(speak, endpoint, 3)
        seen: List[Any] = []
        for _ in pest.rounds(scene.times - scene.times // 2):
            pest.interrupt(lambda: seen.extend(iter(pull.recv_multipart, None)))
        speaker.say("stop")
        count = speaker.hear()
        while len(seen) < count and pull.poll(_QUIET_MS):
            seen.append(pull.recv_multipart())
        speaker.say("enough")
        speaker.say("go")
        pull.close(linger=0)
    torn = sum(len(message) != 3 or len(set(map(bytes, message))) != 1 for message in seen)
    lost, doubled = account({number_of(message[0]) for message in seen}, count)
    wrong = [f"{torn} torn as they were received"] if torn else []
    received = outcome(pest, lost, doubled, wrong=wrong)
    return Outcome(
        sent.times + received.times,
        f"sending: {sent.happened}; receiving: {received.happened}",
        (*sent.wrong, *received.wrong),
        lost=(sent.lost or 0) + lost,
        duplicated=(sent.duplicated or 0) + doubled,
    )


def _sending(scene: Scene, pack: Any, name: str, frames: int, times: int = 0) -> Outcome:
    zmq, pest = scene.zmq, Pest(scene)
    endpoint = scene.endpoint()
    listener = scene.start(listen, endpoint, frames)
    listener.hear()
    with zmq.Context() as context:
        push = context.socket(zmq.PUSH)
        push.sndhwm = 10
        push.connect(endpoint)
        numbers, send = Numbers(pack), getattr(push, name)
        for _ in pest.rounds(times or scene.times):
            pest.interrupt(lambda: numbers.send(send))
        # The socket is as usable as before, also if a torn message has to be ended first.
        push.send_multipart([packed(END)] * frames)
        push.send_multipart([packed(END)] * frames)
        pairs, torn = listener.hear()
        push.close(linger=0)
    lost, doubled = account(unroll(pairs), numbers.next)
    return outcome(pest, lost, doubled, wrong=[f"{torn} torn as they were sent"] if torn else [])


def in_poll(scene: Scene) -> Outcome:
    """Poller.poll() of two sockets, and all that is there then."""
    zmq, pest = scene.zmq, Pest(scene)
    endpoints = [scene.endpoint(), scene.endpoint()]
    with zmq.Context() as context:
        poller, pulls = zmq.Poller(), []
        seen: Dict[Any, List[Any]] = {}
        for endpoint in endpoints:
            pull = context.socket(zmq.PULL)
            pull.bind(endpoint)
            poller.register(pull, zmq.POLLIN)
            pulls.append(pull)
            seen[pull] = []
        speakers = [scene.start(speak, endpoint, 1) for endpoint in endpoints]

        def turn() -> None:
            for pull, _ in poller.poll():
                try:
                    seen[pull].extend(map(pull.recv, repeat(zmq.NOBLOCK)))
                except zmq.Again:
                    continue

        for _ in pest.rounds(scene.times):
            pest.interrupt(turn)
        lost = doubled = 0
        for pull, speaker in zip(pulls, speakers):
            speaker.say("stop")
            count = speaker.hear()
            drain(pull, seen[pull], count)
            speaker.say("enough")
            speaker.say("go")
            missing, twice = account(map(number_of, seen[pull]), count)
            lost, doubled = lost + missing, doubled + twice
            pull.close(linger=0)
    return outcome(pest, lost, doubled)


_PROMISED = "KeyboardInterrupt within 50 ms, nothing lost or doubled, and the socket goes on"

FAULTS = (
    Fault("interrupt-recv", "SIGINT at random moments in recv()", _PROMISED, in_recv, TIMES, 40, ALL),
    Fault("interrupt-send", "SIGINT at random moments in send()", _PROMISED, in_send, TIMES, 40, ALL),
    Fault(
        name="interrupt-multipart",
        title="SIGINT at random moments in send_multipart() and recv_multipart()",
        promised=f"{_PROMISED}; no message is torn",
        play=in_multipart,
        times=TIMES,
        limit=40,
        contenders=ALL,
    ),
    Fault("interrupt-poll", "SIGINT at random moments in Poller.poll()", _PROMISED, in_poll, TIMES, 40, BOTH),
)
