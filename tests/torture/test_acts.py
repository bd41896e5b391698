"""Hands of acts are dealt as the seed says, and hold what was asked for."""

from collections import Counter
from random import Random

import pytest

from tests.torture.acts import KILLS, OF_CLOUD, OTHERS, Act, deal
from tests.torture.faults import Garbled
from tests.torture.stage import BROKER, CONTAINERS, JOB_FOLDER, WORKERS


def hand(seed: int, kills: int = 60, *, cloud: bool = True) -> list[Act]:
    return deal(Random(seed), kills, workers=WORKERS, pause=4, cloud=cloud)


def test_same_seed_deals_the_same_hand() -> None:
    assert hand(1) == hand(1) and hand(1) != hand(2)


@pytest.mark.parametrize("kills", [0, 1, 20, 60])
def test_as_many_kills_as_were_asked_for(kills: int) -> None:
    assert sum(act.kind in KILLS for act in hand(1, kills)) == kills


def test_every_kind_is_dealt() -> None:
    assert set(KILLS + OTHERS + OF_CLOUD) == {act.kind for act in hand(1)}
    assert not set(OF_CLOUD) & {act.kind for act in hand(1, cloud=False)}


def test_first_acts_come_first_and_count() -> None:
    first = ("wipe Redis", "API")
    acts = deal(Random(1), 5, workers=WORKERS, pause=1, first=first)
    assert tuple(act.kind for act in acts[:2]) == first
    assert sum(act.kind in KILLS for act in acts) == 5


def test_all_faults_strike_where_they_may() -> None:
    acts = [act for seed in range(40) for act in hand(seed)]
    kinds = {victim: Counter[str]() for victim in (BROKER, CONTAINERS, JOB_FOLDER)}
    for act in acts:
        if act.fault:
            kinds[act.victim][type(act.fault).__name__] += 1
    of_connections = {"Latency", "CutAfter", "Reset", "BlackHole", "HalfOpen", "Refuse"}
    of_storage = {"Answered", "Truncated", "Drip", "LostAnswer"}
    assert set(kinds[BROKER]) == of_connections
    assert set(kinds[JOB_FOLDER]) == of_connections | of_storage
    assert set(kinds[CONTAINERS]) == of_connections | of_storage | {Garbled.__name__}
