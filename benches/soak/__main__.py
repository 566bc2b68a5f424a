"""What `make soak` runs: so many minutes of churn, then the balance.

    python -m benches.soak [--minutes 2] [--seed 1] [--rate 200]

Ends with 1 if the counts do not add up, if anybody ended who should not have, or if memory or descriptors were not flat.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import List, Optional, Tuple

from benches.battery.part import Part
from benches.soak import houses
from benches.soak.crowd import KINDS, PATIENCE, Crowd
from benches.soak.ledger import Account, balance_reader, balance_requests
from benches.soak.watch import Watch, figures

#: The pause between two events, in seconds.
_PAUSES = (0.2, 1.2)
#: How often it is looked at memory, and how often something is printed.
_LOOKS, _LINES = 60, 10
#: How long nothing more may come until all that is on its way is taken to have arrived.
_QUIET = 1.5
#: So much more in use in the end is no leak, in MiB: counters, and what Python keeps.
_KEPT_MIB = 1.0


def churn(crowd: Crowd, dice: Random, wires: Part) -> None:
    """One event, as the dice say."""
    if dice.random() < 0.1:
        crowd.before_cut()
        wires.say("cut")
        wires.hear(PATIENCE)
        return
    kind = dice.choice(list(KINDS))
    peers = crowd.of(kind)
    if len(peers) <= KINDS[kind].least or (len(peers) < KINDS[kind].most and dice.random() < 0.5):
        crowd.join(kind)
    elif dice.random() < 0.5:
        crowd.kill(dice.choice(peers))
    else:
        crowd.leave([dice.choice(peers)])


def end(crowd: Crowd, boss: Part) -> List[int]:
    """Who sends stops; when all has arrived, the others go. What the pipeline's ends have counted."""
    crowd.leave([peer for kind in ("producer", "publisher", "client") for peer in crowd.of(kind)])
    boss.say("stop")
    counted: List[int] = boss.hear(PATIENCE)
    quiet = time.monotonic()
    while time.monotonic() < quiet + _QUIET:
        if crowd.read_all():
            quiet = time.monotonic()
        time.sleep(0.1)
    crowd.notice(all_of_them=True)
    crowd.leave(list(crowd.here), stayed=True)
    return counted


def balance(crowd: Crowd, counted: List[int]) -> List[Account]:
    """All accounts."""
    jobs, missing, twice, redelivered = counted
    wrong = [f"{missing:,} jobs without a result"] * bool(missing) + [f"{twice:,} results came twice"] * bool(twice)
    published, gone = crowd.sent("publisher"), crowd.killed["publisher"]
    readers = [balance_reader(name, reader, published, gone) for name, reader in crowd.readers.items()]
    forwarder = Account("forwarder", 0, 0, {})
    for one in readers:
        forwarder.sent += one.sent
        forwarder.delivered += one.delivered
        for rule, count in one.dropped.items():
            forwarder.dropped[rule] = forwarder.dropped.get(rule, 0) + count
        forwarder.wrong += one.wrong
    return [
        balance_requests(crowd.sent("client"), crowd.answers, crowd.killed["client"]),
        forwarder,
        crowd.stream.balance(crowd.sent("producer")),
        Account(f"reliable pipeline ({redelivered:,} redelivered)", jobs, jobs - missing, {}, wrong),
    ]


def soak(minutes: float, seed: int, rate: float) -> int:
    """All of it; the exit status."""
    dice = Random(seed)
    wrong: List[str] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        crowd = Crowd(Path(folder), dice, rate)
        houses_of = [Part(houses.devices, "brokerless", []), Part(houses.boss, "brokerless", [rate])]
        devices, boss = houses_of
        try:
            queue, forwarder, streamer = devices.hear(PATIENCE)
            pipeline = boss.hear(PATIENCE)
            # Producers, publishers and clients' requests are lost on a link for good; that their links hold is a rule of the game.
            wires = Part(houses.wires, "brokerless", [[queue[0], queue[1], forwarder[1], streamer[1], *pipeline]])
            houses_of.append(wires)
            wired = wires.hear(PATIENCE)
            crowd.lives_at("producer", (streamer[0],))
            crowd.lives_at("worker", (streamer[1],), (wired[3],))
            crowd.lives_at("publisher", (forwarder[0],))
            crowd.lives_at("subscriber", (forwarder[1],), (wired[2],))
            crowd.lives_at("client", (queue[0],), (wired[0],))
            crowd.lives_at("server", (queue[1],), (wired[1],))
            crowd.lives_at("labourer", tuple(pipeline), tuple(wired[4:]))
            before = _room(devices)
            crowd.join_all([kind for kind in KINDS for _ in range(KINDS[kind].least)])
            watch = Watch({"devices": devices.pid, "pipeline": boss.pid})
            _run(minutes, crowd, dice, wires, watch)
            wrong += crowd.check()
            accounts = balance(crowd, end(crowd, boss))
            wrong += watch.wrong() + _left(devices, before)
            devices.say("?")
            passed, _ = devices.hear(PATIENCE)
            print(f"{', '.join(f'{count:,} {what}' for what, count in crowd.events.items())}; seed {seed}")
            print(
                f"devices passed {', '.join(f'{count:,}' for count in passed)} messages (Queue, Forwarder, Streamer)\n"
            )
        finally:
            crowd.close()
            for house in houses_of:
                house.end()
    return _tell(accounts, wrong)


def _run(minutes: float, crowd: Crowd, dice: Random, wires: Part, watch: Watch) -> None:
    seconds = minutes * 60
    looks = 0
    following = watch.started
    while True:
        now = time.monotonic()
        crowd.notice()
        crowd.read_all()
        if now - watch.started >= looks * seconds / _LOOKS:
            line = watch.look()
            if looks % (_LOOKS // _LINES) == 0:
                moved = f"{crowd.stream.delivered:,} streamed, {len(crowd.answers):,} answered"
                print(f"{now - watch.started:6.0f} s  {line}; {len(crowd.here)} peers, {moved}", flush=True)
            looks += 1
        if now - watch.started >= seconds:
            return
        if now >= following:
            churn(crowd, dice, wires)
            following = time.monotonic() + dice.uniform(*_PAUSES)
        time.sleep(0.05)


def _room(devices: Part) -> Tuple[float, int]:
    """MiB in use, and open descriptors."""
    devices.say("?")
    _, use = devices.hear(PATIENCE)
    return float(use), figures(devices.pid)[1]


def _left(devices: Part, before: Tuple[float, int]) -> List[str]:
    """What the devices have when everybody has gone and they did not have before anybody came."""
    until = time.monotonic() + 10
    while True:
        use, descriptors = _room(devices)
        more, open_ones = use - before[0], descriptors - before[1]
        if (more <= _KEPT_MIB and open_ones <= 0) or time.monotonic() > until:
            break
        time.sleep(0.1)
    print(
        f"\ndevices have {use:.1f} MiB in use and {descriptors} descriptors, before anybody came {before[0]:.1f} and {before[1]}"
    )
    wrong = [f"devices have {more:.1f} MiB more in use than before"] if more > _KEPT_MIB else []
    return wrong + ([f"devices have {open_ones} more descriptors than before"] if open_ones > 0 else [])


def _tell(accounts: List[Account], wrong: List[str]) -> int:
    for account in accounts:
        state = "adds up" if account.balanced else "DOES NOT ADD UP"
        print(f"{account.name}: {account.sent:,} sent = {account.delivered:,} delivered", end="")
        print("".join(f" + {count:,} {rule}" for rule, count in sorted(account.dropped.items())) + f": {state}")
        wrong += [f"{account.name}: {words}" for words in account.wrong]
    for words in wrong:
        print(f"WRONG: {words}")
    return 1 if wrong or not all(account.balanced for account in accounts) else 0


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(
        prog="soak", description="Devices and a pipeline under churn, with exact accounts."
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="what the dice begin with")
    parser.add_argument("--rate", type=float, default=200.0, help="messages a second of each who sends (default: 200)")
    options = parser.parse_args(arguments)
    if not (0 < options.minutes <= 24 * 60 and options.rate > 0):
        parser.error("--minutes is more than 0 and at most a day, --rate more than 0")
    return soak(options.minutes, options.seed, options.rate)


if __name__ == "__main__":
    sys.exit(main())
