"""Many rounds, one after the other, and what they come to together."""

import os
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.azurite_server import Azurite, start
from tests.torture import photographs
from tests.torture.plans import Asked, plan_of
from tests.torture.recovery import percentile
from tests.torture.rounds import RoundReport, Source, run_round
from tests.torture.stage import MODELS, Kind
from tests.torture.stock import fill, make_stock, stocked
from tests.torture.verdict import Verdict

Tell = Callable[[str], None]

#: Of a round's images the large job has so large a share, the small ones the others.
_SHARES = (0.8, 0.08, 0.06, 0.04, 0.02)
_GIB = 1 << 30


@dataclass
class Total:
    """What all rounds have come to."""

    reports: list[RoundReport] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return all(report.sound for report in self.reports)

    def summary(self) -> str:
        """The recovery is that of quiet rounds, where there was one."""
        reports = self.reports
        verdict = sum((report.verdict for report in reports), Verdict())
        quiet = any(report.quiet for report in reports)
        seconds = self._recoveries(quiet=quiet)
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
        ended = sum(report.ended for report in self.reports)
        yield f"cancelled jobs: {cancelled}; processes that ended by themselves: {ended}"
        claimable = [one for report in self.reports for one in report.claimable]
        yield f"shards claimable again {_spread(claimable)}"
        for quiet, where in ((True, "workers alone are"), (False, "anything is")):
            seconds = self._recoveries(quiet=quiet)
            yield f"recovery where {where} killed: {len(seconds)} measured, {_spread(seconds)}"

    def _recoveries(self, *, quiet: bool) -> list[float]:
        return [one for report in self.reports if report.quiet == quiet for one in report.recovery]


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
        containers = _Containers(azurite, asked.images_of_round)
        for number in range(asked.rounds):
            plan = plan_of(asked, number, containers)
            tell(f"round {number + 1} of {asked.rounds}, {asked.round_again(number)} ({plan.kind})")
            report = run_round(plan, azurite, Path(place) / f"round {number}", tell)
            total.reports.append(report)
            _tell_of(report, tell)
            if not report.sound:
                tell(f"again: make torture ROUNDS=1 {asked.round_again(number)}")
                break
    return total


def _tell_of(report: RoundReport, tell: Tell) -> None:
    for fault in report.faults:
        tell(f"FAULT: {fault}")
    if report.logs:
        tell(report.logs)
    seconds = sorted(round(one) for one in report.recovery)
    tell(f"{report.jobs} jobs, {report.verdict}, recovery {seconds}")


class _Containers:
    """What the jobs of a round work on; filled once for all rounds."""

    def __init__(self, azurite: Azurite, images: int) -> None:
        self._azurite = azurite
        self._tiny = _filled(azurite, images)

    def of_kind(self, kind: Kind) -> list[Source]:
        return self._photographs if kind == "photographs" else self._tiny

    @cached_property
    def _photographs(self) -> list[Source]:
        return [photographs.fill(self._azurite, MODELS)]


def _filled(azurite: Azurite, images: int) -> list[Source]:
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
