"""A fault at every step of a job's way: whatever goes wrong, and wherever, the job ends as it must.

Each test lets every fault strike at calls of one method, in a job of its own each time: at the
first and the last call, or at every one. What the results must be is computed from the pictures
alone.
"""

import shutil
from collections.abc import Callable

import pytest
import redis

from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage
from tests.faults.verdict import problems

pytestmark = pytest.mark.integration

BOUNDARIES = [(name, method) for name, one in SCENARIOS.items() for method in one.methods]


@pytest.mark.timeout(600)  # a hundred jobs, one after the other, on a machine that others use
@pytest.mark.parametrize(("scenario", "method"), BOUNDARIES)
def test_job_ends_as_it_must(
    stage: Stage, scenario: str, method: str, record_property: Callable[[str, object], None]
) -> None:
    strikes = stage.strikes(scenario, method)
    assert strikes, f"{method} is not called"
    wrong = []
    with redis.Redis.from_url(stage.redis.url) as client:
        for strike in strikes:
            run, ending = stage.play(scenario, strike)
            found = problems(run, client) if ending == "over" else [ending]
            if found:
                wrong.append((str(strike.fault), strike.nth, str(run.folder), *found))
            else:
                shutil.rmtree(run.folder)
    record_property("runs", len(strikes))
    assert wrong == []
