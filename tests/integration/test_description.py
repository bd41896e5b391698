"""The API against its own description: schemathesis calls the live service as the description says.

It sends what fits and what does not, follows the links from one answer to the next call, and looks
at each answer: no 5xx, nothing that is not described, nothing accepted that is wrong, no key asked
for in vain.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events
from schemathesis.generation import GenerationMode

from core.jobs import JobStatus
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

#: Calls of each endpoint that fit and that do not; walks along the links, and steps of each.
FUZZED, WALKS, STEPS = 40, 30, 10

CALLER = "schemathesis"

# Whether a URL leads to images is not for a schema to tell: what fits may be refused.
LEFT_OUT = "positive_data_acceptance"
# What must fit something else of the body, or of the world.
NEEDS_MORE = {"images", "images_url", "strip_prefix", "model", "webhook", "previous_job"}


@pytest.fixture
def key(system: System) -> str:
    """A key that may do everything."""
    ring = open_key_ring(system.settings)
    ring.allow_legacy(CALLER)
    return ring.create(CALLER, tuple(Scope))


def ended_job(system: System, pictures: Pictures) -> str:
    """The id of a job that has ended, with a failure, and whose results stand."""
    pictures.write({"good.jpg": jpeg(), "bad.jpg": b"no picture"})
    system.start_control()
    system.start_hash_worker("one")
    job = system.wait(system.submit(container_url=str(pictures.folder), name="ended"))
    assert job["status"] == JobStatus.COMPLETED
    for name in ("control", "one"):
        system.kill(name)
    return str(job["id"])


def configuration(key: str, job_ids: list[str]) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "request-timeout": 10,
            "auth": {"openapi": {"key": {"bearer": key}}},
            "generation": {
                "deterministic": True,
                "no-shrink": True,
                "database": "none",
            },
            "phases": {
                "fuzzing": {"generation": {"max-examples": FUZZED}},
                "stateful": {"generation": {"max-examples": WALKS}, "max-steps": STEPS},
            },
            "checks": {LEFT_OUT: {"enabled": False}},
            "dictionaries": {"jobs": {"values": job_ids}},
            "parameters": {"path.job_id": {"dictionary": "jobs", "probability": 0.5}},
        }
    )


@pytest.fixture
def readable_container(pictures: Pictures) -> Iterator[None]:
    """What fits names, of all containers, the one that can be read."""
    folder = str(pictures.folder)

    def before_call(_context: Any, case: Any, _arguments: Any) -> None:
        fits = case.meta and case.meta.generation.mode is GenerationMode.POSITIVE
        if fits and isinstance(case.body, dict) and "caller" in case.body:
            case.body["caller"] = CALLER
        if fits and isinstance(case.body, dict) and "container_url" in case.body:
            case.body["container_url"] = folder
            for other in NEEDS_MORE & case.body.keys():
                del case.body[other]

    schemathesis.hook(before_call)
    yield
    schemathesis.hooks.unregister(before_call)


def failures_of(event: Any) -> dict[str, str]:
    """What was found wrong, each with a call that shows it."""
    if isinstance(event, events.NonFatalError | events.FatalError):
        return {repr(event): ""}
    if not isinstance(event, events.ScenarioFinished):
        return {}
    return {
        f"{event.phase.value} {event.label}: {check.failure_info.failure}": (
            check.failure_info.code_sample
        )
        for checks in event.recorder.checks.values()
        for check in checks
        if check.failure_info
    }


def answers_of(recorder: Any) -> set[tuple[str, int]]:
    """Which operation was called, and with what status it answered."""
    return {
        (recorder.cases[case_id].value.operation.label, seen.response.status_code)
        for case_id, seen in recorder.interactions.items()
        if seen.response
    }


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("readable_container")
def test_the_service_does_what_its_description_says(
    system: System, pictures: Pictures, key: str
) -> None:
    system.environment |= {"MEGABATCH_REQUESTS_PER_MINUTE": "1000000"}
    system.start_api()
    system.key = key
    done = ended_job(system, pictures)
    waiting = system.submit(container_url=str(pictures.folder), name="waiting")
    schema = schemathesis.openapi.from_url(
        f"{system.url}/openapi.json", config=configuration(key, [done, waiting])
    )
    told: dict[str, str] = {}
    answers: set[tuple[str, int]] = set()
    phases: Counter[str] = Counter()
    for event in engine.from_schema(schema).execute():
        told = failures_of(event) | told
        if isinstance(event, events.ScenarioFinished):
            phases[event.phase.value] += len(event.recorder.cases)
            answers |= answers_of(event.recorder)
    assert told == {}
    called = {label for label, _ in answers}
    assert called == {operation.ok().label for operation in schema.get_all_operations()}
    assert ("POST /v1/jobs", 202) in answers and ("GET /v1/jobs/{job_id}/results", 200) in answers
    assert min(phases[phase] for phase in ("examples", "coverage", "fuzzing", "stateful")) > 0
