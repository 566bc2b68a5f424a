"""Awaits that are cancelled, at any moment: before the message comes, as it comes, when it is there."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
from typing import Any, Dict, List, Tuple

from benches.battery.fault import BOTH, Fault, Outcome
from benches.battery.faults._pest import account
from benches.battery.faults._traffic import END, listen, number_of, packed, speak, unroll
from benches.battery.scene import Scene

_SIZE = 2_000
_QUIET_MS = 1_000
#: The longest wait before a cancellation, in seconds.
_LONGEST = 0.001


async def _cancelled(loop: Any, awaited: Any, seconds: float) -> Any:
    """Awaits it in a task, for so long: who is late is cancelled, as asyncio.timeout() does it. None if it was."""
    task = loop.create_task(awaited)
    handle = loop.call_later(seconds, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        handle.cancel()


def _descriptors(scene: Scene) -> int:
    """Open ones, without those of the other processes."""
    return len(os.listdir("/proc/self/fd")) - 3 * len(scene.parts)


async def _play(scene: Scene, found: Dict[str, Any]) -> None:
    zmq: Any = importlib.import_module(f"{scene.zmq.__name__}.asyncio")
    loop = asyncio.get_running_loop()
    complaints: List[str] = []
    loop.set_exception_handler(lambda loop, about: complaints.append(str(about.get("message"))))
    context = zmq.Context()
    # What the first of all make, the others share.
    await _receive(scene, context, loop, 10)
    await _send(scene, context, loop, 10)
    before = _descriptors(scene)
    found["received"] = await _receive(scene, context, loop, scene.times // 2)
    found["sent"] = await _send(scene, context, loop, scene.times - scene.times // 2)
    for _ in range(100):
        # Closed sockets leave in the background.
        gc.collect()
        found["descriptors"] = _descriptors(scene) - before
        if found["descriptors"] <= 0:
            break
        await asyncio.sleep(0.02)
    found["tasks"] = len(asyncio.all_tasks()) - 1
    found["complaints"] = complaints
    context.term()


async def _receive(scene: Scene, context: Any, loop: Any, times: int) -> Tuple[int, int]:
    pull = context.socket(scene.zmq.PULL)
    endpoint = scene.endpoint()
    pull.bind(endpoint)
    speaker = scene.start(speak, endpoint, 1, True)

    async def receive() -> bytes:
        message: bytes = await pull.recv()
        return message

    seen: List[bytes] = []
    cancelled = 0
    while cancelled < times:
        message = await _cancelled(loop, receive(), scene.dice.uniform(0.0, _LONGEST))
        if message is None:
            cancelled += 1
            scene.done()
        else:
            seen.append(message)
    speaker.say("stop")
    count = speaker.hear()
    while len(seen) < count and await pull.poll(_QUIET_MS):
        seen.append(await pull.recv())
    speaker.say("enough")
    speaker.say("go")
    pull.close()
    return account(map(number_of, seen), count)


async def _send(scene: Scene, context: Any, loop: Any, times: int) -> Tuple[int, int]:
    endpoint = scene.endpoint()
    listener = scene.start(listen, endpoint, 1)
    listener.hear()
    push = context.socket(scene.zmq.PUSH)
    push.sndhwm = 10
    push.connect(endpoint)
    number = cancelled = 0
    while cancelled < times:
        # A task may be cancelled when its send is done and it has not run yet. The future knows.
        sent = push.send(packed(number, _SIZE))

        async def wait(sent: Any = sent) -> bool:
            await sent
            return True

        if not await _cancelled(loop, wait(), scene.dice.uniform(0.0, _LONGEST)):
            cancelled += 1
            scene.done()
        if not sent.done():
            # Its task was cancelled before it began to wait.
            sent.cancel()
        number += not sent.cancelled()
    await push.send(packed(END))
    pairs, _ = await loop.run_in_executor(None, listener.hear)
    push.close()
    return account(unroll(pairs), number)


def cancelled_awaits(scene: Scene) -> Outcome:
    """Half of them receive, half of them send."""
    found: Dict[str, Any] = {}
    asyncio.run(_play(scene, found))
    lost, doubled = (found["received"][at] + found["sent"][at] for at in range(2))
    wrong = []
    for how in ("received", "sent"):
        wrong += [f"{count} {what} as they were {how}" for count, what in zip(found[how], ("lost", "doubled")) if count]
    if found["tasks"]:
        wrong.append(f"{found['tasks']} tasks are left")
    if found["complaints"]:
        wrong.append(f"the loop complained {len(found['complaints'])} times: {found['complaints'][0]}")
    if found["descriptors"] > 0:
        wrong.append(f"{found['descriptors']} descriptors are left")
    return Outcome(scene.times, "the loop is clean" if not wrong else "", tuple(wrong), lost=lost, duplicated=doubled)


FAULTS = (
    Fault(
        name="awaits-cancelled",
        title="an await of recv() or send() is cancelled at a random moment",
        promised="nothing is lost or doubled, and no task, callback or descriptor is left",
        play=cancelled_awaits,
        times=3_000,
        limit=60,
        contenders=BOTH,
    ),
)
