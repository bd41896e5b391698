"""A short round of the torture, from a known seed; `make torture` is for long ones."""

from pathlib import Path
from random import Random

import pytest

from tests.azurite_server import Azurite
from tests.torture.acts import deal
from tests.torture.rounds import RoundPlan, Source, run_round
from tests.torture.stage import WORKERS
from tests.torture.stock import fill, make_stock, stocked

# Longer than the round may last, so that the round itself says what did not end.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SEED = 11
FIRST = ("worker with its child", "control worker", "wipe Redis", "worker's child", "API")


def test_short_round(azurite: Azurite, tmp_path: Path) -> None:
    stock = make_stock()
    containers = [
        stocked("torture-short-large", stock, 600),
        stocked("torture-short-small", stock, 90, first=600),
    ]
    for container in containers:
        fill(azurite, container)
    sources = [Source(one.name, one.lines()) for one in containers]
    acts = deal(Random(SEED), kills=4, workers=WORKERS, pause=1.5, first=FIRST)
    plan = RoundPlan(SEED, "folder", acts[: len(FIRST)], sources, {}, limit=100, delay=0.02)
    said: list[str] = []
    report = run_round(plan, azurite, tmp_path, said.append)
    assert report.sound, "\n".join([*report.faults, *said, report.logs])
    assert (report.kills, report.jobs) == (4, 2)
    assert report.acts["wipe Redis"] == 1
    assert report.verdict.images == 690
