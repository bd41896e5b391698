"""What is said of workers, by a real job store."""

from datetime import timedelta
from pathlib import Path

import pytest
import redis

from cli.doctor import workers
from cli.doctor.case import Case
from cli.doctor.finding import Finding, Verdict
from core.job_store import JobStore
from core.jobs import utc_now
from core.queue import connect_redis
from tests.factories import accepted_job
from tests.fixtures.redis_server import free_port
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts

JOB = "0" * 32


@pytest.fixture
def store(case: Case) -> JobStore:
    return JobStore(connect_redis(case.settings, socket_timeout=5), send=lambda _messages: None)


def look(case: Case) -> dict[str, Finding]:
    return by_what(workers.examine(case))


def open_shards(store: JobStore, count: int, model: str = "demo") -> None:
    """A running job with so many open shards, which the reaper has seen."""
    store.create(accepted_job(JOB, model=model))
    for index in range(count):
        assert store.planned(JOB, index, 5)
    store.reap("reaper")


def test_nobody_is_there(case: Case) -> None:
    found = look(case)
    assert verdicts(found) == {"control": "fault", "detection": "ok"}
    assert "Start one" in found["control"].todo


def test_all_are_there(case: Case, store: JobStore) -> None:
    for worker in ("one", "two"):
        store.heartbeat("control", worker)
    store.heartbeat("demo", "three")
    open_shards(store, 3)
    found = look(case)
    assert verdicts(found) == {"control": "ok", "reaper": "ok", "demo": "ok"}
    assert found["control"].seen == "2 live"
    assert found["demo"].seen == "1 live, 3 open shards"


def test_work_that_nobody_does(case: Case, store: JobStore) -> None:
    store.heartbeat("control", "one")
    store.heartbeat("megadetector-v3", "two")
    open_shards(store, 2)
    found = look(case)
    assert verdicts(found) == {
        "control": "ok", "reaper": "ok", "demo": "fault", "megadetector-v3": "ok",
    }  # fmt: skip
    assert found["demo"].seen == "0 live, 2 open shards"


@pytest.mark.parametrize("lives", [True, False])
def test_a_model_that_is_not_known_here(case: Case, store: JobStore, lives: bool) -> None:
    store.heartbeat("control", "one")
    if lives:
        store.heartbeat("own", "two")
    open_shards(store, 1, "own")
    assert look(case)["own"].verdict is (Verdict.OK if lives else Verdict.FAULT)
    known = changed(case, model_files=(Path("/models/own.pb"),))
    assert verdicts(look(known)) == verdicts(look(case))


def test_a_reaper_that_no_longer_looks(case: Case, store: JobStore) -> None:
    store.heartbeat("control", "one")
    found = look(case)
    assert verdicts(found) == {"control": "ok", "reaper": "warning", "detection": "ok"}
    store.reap("reaper")
    long_ago = int(1000 * (utc_now() - timedelta(seconds=90)).timestamp())
    with redis.Redis.from_url(case.settings.redis_url) as client:
        client.set("megabatch:reaped", long_ago)
    found = look(case)
    assert verdicts(found) == {"control": "ok", "reaper": "fault", "detection": "ok"}
    assert found["reaper"].seen.startswith("looked 90 s ago")


@pytest.mark.parametrize("url", ["redis://:canary@127.0.0.1:{}/0", "canary"])
def test_a_redis_that_does_not_tell(case: Case, url: str) -> None:
    found = look(changed(case, redis_url=url.format(free_port())))
    assert verdicts(found) == {"workers": "warning"} and "canary" not in repr(found)


def test_a_service_that_does_not_run_is_not_asked(case: Case) -> None:
    assert look(Case(settings=case.settings, no_redis="it does not run")) == {}
