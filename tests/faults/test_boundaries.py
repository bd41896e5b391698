"""No method of the job folder or the job store is forgotten: faults strike at each that matters."""

from collections.abc import Callable

import pytest
import redis

from tests.faults.boundaries import OFF_THE_WAY, READING, WRITES, all_methods
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage
from tests.faults.verdict import problems

pytestmark = pytest.mark.integration

STRUCK_AT = {method for scenario in SCENARIOS.values() for method in scenario.methods}


def test_each_method_is_struck_at_or_said_to_be_off_the_way() -> None:
    assert all_methods() == STRUCK_AT - set(WRITES) | set(OFF_THE_WAY)
    assert STRUCK_AT.isdisjoint(OFF_THE_WAY)
    assert READING | set(WRITES) <= STRUCK_AT


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_a_fault_the_job_ends_as_it_must(stage: Stage, scenario: str) -> None:
    run, ending = stage.play(scenario)
    assert ending == "over"
    with redis.Redis.from_url(stage.redis.url) as client:
        assert problems(run, client) == []


def test_a_plain_job_is_struck_at_every_method_that_it_calls(stage: Stage) -> None:
    called = set(stage.counts("plain")) & all_methods()
    assert called - set(OFF_THE_WAY) == set(SCENARIOS["plain"].methods)


@pytest.mark.parametrize("scenario", [n for n, one in SCENARIOS.items() if not one.only_first])
def test_a_run_is_the_same_each_time(stage: Stage, scenario: str) -> None:
    """So that the nth call is in every run the same step of the job."""
    methods = SCENARIOS[scenario].methods
    first, again = stage.counts(scenario), stage.recount(scenario)
    assert {name: first[name] for name in methods} == {name: again[name] for name in methods}


def test_points_are_many(stage: Stage, record_property: Callable[[str, object], None]) -> None:
    strikes = [
        (name, strike)
        for name, scenario in SCENARIOS.items()
        for method in scenario.methods
        for strike in stage.strikes(name, method)
    ]
    points = {(name, strike.method, strike.nth) for name, strike in strikes}
    record_property("points", len(points))
    record_property("faults", len({strike.fault for _, strike in strikes}))
    record_property("runs", len(strikes))
    assert len(strikes) > 1000
