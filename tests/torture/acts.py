"""What is done to a service while it works, dealt from a seed. Pure.

A hand holds so many kills, and about half as many other acts (a quiet one has none), from decks in
which each kind has its share. How an act goes in detail (whom it strikes, how long, how soon after
the one before) is drawn from the same seed.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.torture.faults import (
    Answered,
    BlackHole,
    CutAfter,
    Drip,
    Fault,
    Garbled,
    HalfOpen,
    Latency,
    LostAnswer,
    Refuse,
    Reset,
    Truncated,
)
from tests.torture.stage import API, AZURITE, BROKER, CONTAINERS, CONTROLS, REDIS

#: Ended by `kill -9` and started again: a process with its children, one without, or its children.
KILLS = (
    # The most numerous, and the ones that have the images in their hands.
    *("worker with its child", "worker's main process", "worker's child") * 5,
    *("control worker", "control worker's child", "API", "Redis", "Redis, and its disk"),
)
#: Those of them that strike who has images in hand.
OF_WORKERS = KILLS[:3]
#: Of the kills: those after which the main process starts another child, and those that leave one.
OF_CHILDREN = frozenset({"worker's child", "control worker's child"})
OF_MAIN_ALONE = frozenset({"worker's main process"})
#: All else: stopped and continued, wiped while it runs, or a fault of a proxy.
OTHERS = (
    *("stop a worker", "stop Redis", "stop Azurite", "stop a control worker", "wipe Redis"),
    *("fault before the broker", "fault before the broker", "fault before the containers"),
    *("fault before the containers", "fault before the containers"),
)
#: Where the job folder is in Azurite, too.
OF_CLOUD = ("fault before the job folder", "fault before the job folder")

_OTHERS_A_KILL = 0.5


@dataclass(frozen=True)
class Act:
    """One thing that is done to one victim, and undone after a while."""

    kind: str
    victim: str
    #: Seconds after the act before it.
    pause: float
    #: Seconds until it is undone.
    lasts: float
    fault: Fault | None = None

    def __str__(self) -> str:
        named = self.victim.lower() in self.kind.lower()
        what = self.kind if named else f"{self.kind} ({self.victim})"
        told = f": {self.fault}" if self.fault else ""
        return f"{what}{told}, for {self.lasts:.0f} s"


def deal(
    chance: Random,
    kills: int,
    *,
    workers: Sequence[str],
    pause: float,
    cloud: bool = False,
    first: Sequence[str] = (),
) -> list[Act]:
    """The acts of a round. `pause`: seconds between two, on average; `first` comes first."""
    killing = _cards(chance, KILLS, kills - sum(kind in KILLS for kind in first))
    others = OTHERS + (OF_CLOUD if cloud else ())
    kinds = [*killing, *_cards(chance, others, math.ceil(_OTHERS_A_KILL * kills))]
    chance.shuffle(kinds)
    return [_act(chance, kind, workers, pause) for kind in (*first, *kinds)]


def deal_quietly(chance: Random, kills: int, *, workers: Sequence[str], pause: float) -> list[Act]:
    """The acts of a round in which detection workers die, and nothing else does."""
    return [_act(chance, kind, workers, pause) for kind in _cards(chance, OF_WORKERS, kills)]


def _cards(chance: Random, kinds: Sequence[str], count: int) -> Iterator[str]:
    """So many kinds, each as often as any other."""

    def decks() -> Iterator[str]:
        while True:
            yield from chance.sample(kinds, len(kinds))

    return itertools.islice(decks(), max(0, count))


def _act(chance: Random, kind: str, workers: Sequence[str], pause: float) -> Act:
    wait = chance.uniform(0.3, 1.7) * pause
    victim = _victim(chance, kind, workers)
    if kind.startswith("stop"):
        return Act(kind, victim, wait, chance.uniform(5, 40))
    if kind.startswith("fault"):
        return Act(kind, victim, wait, chance.uniform(3, 20), _fault(chance, victim))
    # Long enough, sometimes, for others to take its work over.
    return Act(kind, victim, wait, chance.choice([0.0, 1.0, 3.0, 10.0]))


def _victim(chance: Random, kind: str, workers: Sequence[str]) -> str:
    if "control" in kind:
        return chance.choice(CONTROLS)
    if "worker" in kind:
        return chance.choice(workers)
    if kind.startswith("fault"):
        return kind.removeprefix("fault before the ")
    return {"API": API, "stop Azurite": AZURITE}.get(kind, REDIS)


def _fault(chance: Random, victim: str) -> Fault:
    makers = list(_OF_CONNECTIONS)
    if victim != BROKER:
        makers += _OF_STORAGE * 2
    if victim == CONTAINERS:
        # Wrong bytes that a digest belies are promised to be noticed where images are read.
        makers += [lambda chance: Garbled(chance.uniform(0.1, 0.9))]
    return chance.choice(makers)(chance)


_Maker = Callable[[Random], Fault]

_OF_CONNECTIONS: tuple[_Maker, ...] = (
    lambda chance: Latency(chance.uniform(0.01, 0.5)),
    lambda chance: CutAfter(chance.choice([0, 100, 1000, 20_000])),
    lambda chance: Reset(),
    lambda chance: BlackHole(),
    lambda chance: HalfOpen(),
    lambda chance: Refuse(),
)
_OF_STORAGE: list[_Maker] = [
    lambda chance: Answered(chance.choice([429, 500, 503]), share=chance.uniform(0.1, 1)),
    lambda chance: Answered(
        chance.choice([429, 503]), retry_after=chance.choice("123"), share=chance.uniform(0.1, 1)
    ),
    lambda chance: Truncated(chance.uniform(0.1, 0.9)),
    lambda chance: Drip(chance.uniform(0.2, 3), share=chance.uniform(0.02, 0.2)),
    lambda chance: LostAnswer(chance.uniform(0.1, 0.9)),
]
