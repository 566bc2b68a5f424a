"""The time of day jumps while a program waits: what was to take a tenth of a second must take that.

The machine's own clock stays as it is. The process that is tried has a few lines of C between it and the system, which add what a file
says to the time of day, and to no other clock: nothing sets the monotonic one. Who waited until a time of day would wait for
hours, or not at all.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from benches.battery.fault import Fault, NotHere, Outcome
from benches.battery.part import Link
from benches.battery.scene import Scene

_WAIT = 0.1
#: What a busy machine may add.
_LATE = 1.0
#: Seconds: an hour, a day and a year, there and back.
_JUMPS = (0, 3_600, -3_600, 31_536_000, -86_400, 1, -31_536_000)

_SHIFTED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long none, *shift = &none;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("SHIFTED_BY"), O_RDONLY);
    void *found = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (found == MAP_FAILED) abort();
    shift = found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += *shift;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
"""


def _library(folder: Path) -> Path:
    """What has to be loaded before the C library."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NotHere("no C compiler, which makes a clock that jumps")
    source, library = folder / "shifted.c", folder / "shifted.so"
    source.write_text(_SHIFTED, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return library


def watch(zmq: Any, link: Link) -> None:
    """Waits in each way, again and again, until it is told to end; says how long each took, and what went wrong."""
    jumps, trips, lost = 0, 0, 0
    took: Dict[str, List[float]] = {}
    context = zmq.Context()

    def alive(kind: int) -> Any:
        made = context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.HEARTBEAT_IVL, 100)
        made.setsockopt(zmq.HEARTBEAT_TIMEOUT, 2_000)
        return made

    router, dealer, lonely = alive(zmq.ROUTER), alive(zmq.DEALER), context.socket(zmq.PULL)
    lonely.setsockopt(zmq.RCVTIMEO, int(1000 * _WAIT))
    router.bind("tcp://127.0.0.1:*")
    endpoint = router.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    events = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    dealer.connect(endpoint)
    heard = link.heard()
    link.say("here")

    def timed(name: str, what: Callable[[], Any]) -> None:
        nonlocal jumps
        day, started = time.time(), time.monotonic()
        what()
        seconds = time.monotonic() - started
        took.setdefault(name, []).append(seconds)
        jumps += abs(time.time() - day - seconds) > 0.5

    def nothing() -> None:
        try:
            lonely.recv()
        except zmq.Again:
            return

    def linger() -> None:
        other = zmq.Context()
        push = other.socket(zmq.PUSH)
        # Of this process, which nobody listens at.
        push.connect("tcp://127.0.0.1:1")
        push.send(b"for nobody")
        push.close(linger=int(1000 * _WAIT))
        other.term()

    def trip() -> None:
        nonlocal trips, lost
        dealer.send(b"%d" % trips)
        if not router.poll(3_000):
            lost += 1
            return
        router.send_multipart(router.recv_multipart())
        lost += not dealer.poll(3_000) or dealer.recv() != b"%d" % trips
        trips += 1

    def again(router: Any, endpoint: str) -> None:
        while True:
            try:
                router.bind(endpoint)
                break
            except zmq.ZMQError:
                # close() may return before the port is free.
                time.sleep(0.01)
        trip()

    while not heard.is_set():
        timed("recv", nothing)
        timed("poll", lambda: lonely.poll(int(1000 * _WAIT)))
        timed("linger", linger)
        for _ in range(20):
            trip()
    disconnects = 0
    while events.poll(0):
        events.recv_multipart()
        disconnects += 1
    router.close()
    events.poll(3_000)
    router = alive(zmq.ROUTER)
    timed("reconnect", lambda: again(router, endpoint))
    dealer.disable_monitor()
    events.close()
    for made in (router, dealer, lonely):
        made.close()
    context.term()
    link.say({"jumps": jumps, "trips": trips, "lost": lost, "disconnects": disconnects, "took": took})


def play(scene: Scene) -> Outcome:
    """Jumps, and a process that waits."""
    wrong: List[str] = []
    clock = scene.folder / "clock"
    _set(clock, 0)
    part = scene.start(watch, env={"LD_PRELOAD": str(_library(scene.folder)), "SHIFTED_BY": str(clock)})
    part.hear()
    for _ in range(scene.times):
        _set(clock, scene.dice.choice(_JUMPS))
        scene.done()
        time.sleep(0.02)
    _set(clock, 3_600)
    part.say("end")
    told = part.hear(30)
    worst: Dict[str, float] = {}
    for name, took in told["took"].items():
        worst[name] = max(took) - (0 if name == "reconnect" else _WAIT)
        if worst[name] > _LATE:
            wrong.append(f"{name} took {max(took):.1f} s")
        if name != "reconnect" and min(took) < _WAIT * 0.98:
            wrong.append(f"{name} took only {min(took):.3f} s")
    if told["lost"]:
        wrong.append(f"{told['lost']} round trips failed")
    if told["disconnects"]:
        wrong.append(f"heartbeats ended {told['disconnects']} connections")
    if told["jumps"] < scene.times // 50:
        wrong.append(f"only {told['jumps']} jumps were seen")
    late = ", ".join(f"{name} {1000 * seconds:.0f} ms late" for name, seconds in worst.items() if name != "reconnect")
    happened = f"{told['jumps']} waits with a jump, at worst: {late}; {told['trips']:,} round trips, reconnected after {worst['reconnect']:.1f} s"
    return Outcome(scene.times, happened, tuple(wrong), lost=told["lost"], duplicated=0)


def _set(clock: Path, seconds: int) -> None:
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("=q", seconds))


FAULTS: Tuple[Fault, ...] = (
    Fault(
        name="clock",
        title="the time of day jumps by hours and years",
        promised="timeouts, polls, LINGER, heartbeats and reconnects take as long as ever",
        play=play,
        times=150,
    ),
)
