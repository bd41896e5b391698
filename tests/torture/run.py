"""Many rounds, one after the other, and what they come to together."""

import os
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.azurite_server import Azurite, start
from tests.torture import photographs
from tests.torture.acts import Act, deal
from tests.torture.recovery import percentile
from tests.torture.rounds import RoundPlan, RoundReport, Source, run_round
from tests.torture.stage import MODELS, WORKERS, Kind, workers_of
from tests.torture.stock import fill, make_stock, stocked
from tests.torture.verdict import Verdict

Tell = Callable[[str], None]

#: Of a round's images the large job has so large a share, the small ones the others.
_SHARES = (0.8, 0.08, 0.06, 0.04, 0.02)
#: One round in so many keeps its job folder in Azurite; jobs are cancelled in one of so many.
_CLOUD_EVERY, _CANCELLED_EVERY = 4, 3
#: The last of at least so many rounds has real photographs.
_ENOUGH_FOR_PHOTOGRAPHS = 3
#: A real detector takes so long for an image, or longer.
_LONGEST_DELAY = 0.05
_GIB = 1 << 30


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


@dataclass
class Total:
    """What all rounds have come to."""

    reports: list[RoundReport] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return all(report.sound for report in self.reports)

    def summary(self) -> str:
        reports = self.reports
        verdict = sum((report.verdict for report in reports), Verdict())
        seconds = [one for report in reports for one in report.recovery]
        return (
            f"{len(reports)} rounds, {sum(report.kills for report in reports)} kills, "
            f"{sum(report.jobs for report in reports)} jobs, {verdict.images} images; "
            f"lost {verdict.lost}, duplicated {verdict.duplicated}, wrong {verdict.wrong}; "
            f"recovery {_spread(seconds)}"
        )

    def details(self) -> Iterator[str]:
        acts, struck = Counter[str](), Counter[str]()
        for report in self.reports:
            acts.update(report.acts)
            struck.update(report.struck)
        yield "acts: " + ", ".join(f"{kind} {times}" for kind, times in sorted(acts.items()))
        yield "faults of proxies: " + ", ".join(
            f"{kind} {times}" for kind, times in sorted(struck.items())
        )
        cancelled = sum(report.cancelled for report in self.reports)
        measured = sum(len(report.recovery) for report in self.reports)
        ended = sum(report.ended for report in self.reports)
        yield f"cancelled jobs: {cancelled}; processes that ended by themselves: {ended}"
        claimable = [one for report in self.reports for one in report.claimable]
        yield f"recoveries measured: {measured}; shards claimable again {_spread(claimable)}"


def _spread(seconds: Sequence[float]) -> str:
    shares = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    return ", ".join(f"{name} {percentile(seconds, of):.0f} s" for name, of in shares)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return f"{os.cpu_count()} cores, {memory:.0f} GiB memory, Python {platform.python_version()}"


def run(asked: Asked, tell: Tell) -> Total:
    """Play all rounds; the first one that is not sound is the last."""
    total = Total()
    with _running_azurite() as azurite, tempfile.TemporaryDirectory() as place:
        tell("filling the containers")
        sources = _filled(azurite, asked.images // asked.rounds)
        for number in range(asked.rounds):
            kind = _kind(asked, number)
            shown = [photographs.fill(azurite, MODELS)] if kind == "photographs" else sources
            plan = _plan(asked, number, shown)
            tell(f"round {number + 1} of {asked.rounds}, seed {plan.seed}, {plan.kind}")
            report = run_round(plan, azurite, Path(place) / f"round {number}", tell)
            total.reports.append(report)
            _tell_of(report, tell)
            if not report.sound:
                break
    return total


def _tell_of(report: RoundReport, tell: Tell) -> None:
    for fault in report.faults:
        tell(f"FAULT: {fault}")
    if report.logs:
        tell(report.logs)
    seconds = sorted(round(one) for one in report.recovery)
    tell(f"{report.jobs} jobs, {report.verdict}, recovery {seconds}")


def _kind(asked: Asked, number: int) -> Kind:
    if asked.rounds >= _ENOUGH_FOR_PHOTOGRAPHS and number == asked.rounds - 1:
        return "photographs"
    return "cloud" if number % _CLOUD_EVERY == 1 else "folder"


def _plan(asked: Asked, number: int, sources: list[Source]) -> RoundPlan:
    seed, kind = asked.seed + number, _kind(asked, number)
    chance = Random(seed)
    acts = deal(
        chance,
        _share(asked.kills, asked.rounds, number),
        workers=workers_of(kind),
        pause=asked.pause,
        cloud=kind == "cloud",
    )
    cancelled: dict[int, float] = {}
    if kind != "photographs" and number % _CANCELLED_EVERY == 1:
        # The large container once more, for a job that has done something when it is cancelled.
        sources = [sources[0], *sources]
        cancelled = {1: chance.uniform(2, 20), 2: chance.uniform(0, 5)}
    images = sum(len(source.lines) for source in sources)
    delay = 0.0 if kind == "photographs" else _delay(acts, images)
    return RoundPlan(seed, kind, acts, sources, cancelled, asked.limit, delay)


def _delay(acts: Sequence[Act], images: int) -> float:
    """Seconds an image, so that there is work while there are acts."""
    return min(_LONGEST_DELAY, len(WORKERS) * sum(act.pause for act in acts) / max(1, images))


def _share(whole: int, parts: int, number: int) -> int:
    return whole * (number + 1) // parts - whole * number // parts


def _filled(azurite: Azurite, images: int) -> list[Source]:
    """Containers for the jobs of a round, filled once for all rounds."""
    stock, sources, first = make_stock(), [], 0
    for number, share in enumerate(_SHARES):
        container = stocked(f"torture-{number}", stock, max(1, round(share * images)), first)
        fill(azurite, container)
        sources.append(Source(container.name, container.lines()))
        first += len(container.pictures)
    return sources


@contextmanager
def _running_azurite() -> Iterator[Azurite]:
    azurite = start()
    try:
        yield azurite
    finally:
        azurite.stop()
