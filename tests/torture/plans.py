"""What happens in which round, as the seeds say. Pure.

The seed of a round decides its kind, too: of five rounds in a row one keeps its job folder in
Azurite, one has real photographs and the TensorFlow detector, and the others a local folder. One of
those is quiet: detection workers alone are killed, and seldomer, so that it can be measured how
long the recovery from such a kill takes where it is the only trouble.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from tests.torture.acts import Act, deal, deal_quietly
from tests.torture.rounds import RoundPlan, Source
from tests.torture.stage import WORKERS, Kind, workers_of

_KINDS: tuple[Kind, ...] = ("folder", "cloud", "folder", "folder", "photographs")
#: Of so many rounds in a row this one is quiet, and its acts are so much farther apart.
_QUIET, _QUIETER = 2, 4.0
#: In one of so many rounds jobs are cancelled.
_CANCELLED_EVERY = 3
#: A real detector takes so long for an image, or longer.
_LONGEST_DELAY = 0.05


@dataclass(frozen=True)
class Asked:
    """How long, how much and how hard. `images` and `kills` are those of all rounds together."""

    rounds: int
    seed: int
    kills: int
    images: int
    #: Seconds between two acts, on average.
    pause: float
    #: Seconds within which a round must end.
    limit: float

    @property
    def images_of_round(self) -> int:
        return self.images // self.rounds

    def kills_of_round(self, number: int) -> int:
        return self.kills * (number + 1) // self.rounds - self.kills * number // self.rounds

    def round_again(self, number: int) -> str:
        """What plays just this round again."""
        kills = self.kills_of_round(number)
        return f"SEED={self.seed + number} KILLS={kills} IMAGES={self.images_of_round}"


class Containers(Protocol):
    """Where a round's jobs find their images: the largest container first."""

    def of_kind(self, kind: Kind) -> list[Source]: ...


def kind_of(seed: int) -> Kind:
    return _KINDS[seed % len(_KINDS)]


def is_quiet(seed: int) -> bool:
    return seed % len(_KINDS) == _QUIET


def plan_of(asked: Asked, number: int, containers: Containers) -> RoundPlan:
    seed = asked.seed + number
    kind, chance = kind_of(seed), Random(seed)
    acts = _acts(asked, number, chance)
    sources = containers.of_kind(kind)
    if kind == "photographs":
        return RoundPlan(seed, kind, acts, sources, {}, asked.limit)
    cancelled: dict[int, float] = {}
    if seed % _CANCELLED_EVERY == 1 and not is_quiet(seed):
        # The large container once more, for a job that has done something when it is cancelled.
        sources = [sources[0], *sources]
        cancelled = {1: chance.uniform(2, 20), 2: chance.uniform(0, 5)}
    delay = _delay(acts, sum(len(source.lines) for source in sources))
    return RoundPlan(seed, kind, acts, sources, cancelled, asked.limit, delay, is_quiet(seed))


def _acts(asked: Asked, number: int, chance: Random) -> list[Act]:
    kind, kills = kind_of(asked.seed + number), asked.kills_of_round(number)
    workers = workers_of(kind)
    if is_quiet(asked.seed + number):
        return deal_quietly(chance, kills, workers=workers, pause=_QUIETER * asked.pause)
    return deal(chance, kills, workers=workers, pause=asked.pause, cloud=kind == "cloud")


def _delay(acts: Sequence[Act], images: int) -> float:
    """Seconds an image, so that there is work while there are acts."""
    return min(_LONGEST_DELAY, len(WORKERS) * sum(act.pause for act in acts) / max(1, images))
