"""`GET /v1/jobs`: filters and cursors."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.factory import create_app
from core.config import Settings
from core.job_store import JobStore
from core.jobs import JobStatus
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.factories import accepted_job

Submit = Callable[..., str]


def ids(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get("/v1/jobs", query_string=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.get_json()["data"]]


@pytest.mark.parametrize("status", ["paused", "paused,running", "paused,paused"])
def test_jobs_are_found_by_status(
    client: FlaskClient, submit: Submit, store: JobStore, status: str
) -> None:
    found, _ = submit(), submit()
    store.pause(found, "sas_expired")
    assert ids(client, status=status) == [found]


def test_every_status_can_be_asked_for(client: FlaskClient, submit: Submit) -> None:
    job_id = submit()
    assert ids(client, status=",".join(JobStatus)) == [job_id]


def test_jobs_are_found_by_name(client: FlaskClient, submit: Submit) -> None:
    found = submit(name="Season 1 - North")
    submit(name="south")
    assert ids(client, name="1 - nor") == [found]


def test_jobs_are_found_by_time(client: FlaskClient, store: JobStore) -> None:
    now = datetime.now(UTC)
    made = [f"{n:032x}" for n in range(4)]
    for age, job_id in enumerate(made):
        store.create(accepted_job(job_id, seconds_ago=3600 * age))
    between = {
        "created_after": (now - timedelta(hours=2.5)).isoformat(),
        "created_before": (now - timedelta(hours=0.5)).replace(tzinfo=None).isoformat(),
    }
    assert ids(client, **between) == made[1:3]
    assert ids(client, created_after=f"{now - timedelta(days=2):%Y-%m-%d}") == made
    assert ids(client, created_before=f"{now - timedelta(days=2):%Y-%m-%d}") == []


@pytest.mark.parametrize(
    ("query", "parameter", "says"),
    [
        ({"status": "done"}, "status", "queued, running"),
        ({"status": "running,"}, "status", "separated by commas"),
        ({"status": ""}, "status", "must name statuses"),
        ({"status": "RUNNING"}, "status", "must name statuses"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "x" * 93}, "name", "at most 92 letters"),
        ({"created_after": "yesterday"}, "created_after", "must be a time, such as"),
        ({"created_before": "5"}, "created_before", "must be a time, such as"),
        ({"created_after": ""}, "created_after", "must be a time, such as"),
        ({"created_after": "2026-01-01T12:00:00 02:00"}, "created_after", "write its + as %2B"),
        ({"created_before": "2026-01-01 12:00 0200"}, "created_before", "or give UTC"),
        ({"created_before": "2026-01-01 25:00"}, "created_before", "must be a time, such as"),
        ({"limit": "201"}, "limit", "at most 200"),
        ({"statsu": "running"}, "statsu", "did you mean 'status'"),
    ],
)
def test_a_wrong_filter_is_named(
    client: FlaskClient, query: dict[str, str], parameter: str, says: str
) -> None:
    answer = client.get("/v1/jobs", query_string=query)
    assert answer.status_code == 422
    (error,) = answer.get_json(force=True)["errors"]
    assert error["parameter"] == parameter
    assert says in error["detail"]


@pytest.mark.parametrize(
    "moment", ["0001-01-01", "9999-12-31T23:59:59.999999-23:59", "2026-05-01T00:00:00.123456789Z"]
)
def test_far_times_are_times(client: FlaskClient, submit: Submit, moment: str) -> None:
    submit()
    answers = [client.get(f"/v1/jobs?created_{side}={moment}") for side in ("after", "before")]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_pages_of_one_moment_hold_every_job_once(client: FlaskClient, store: JobStore) -> None:
    jobs = [accepted_job(f"{n:032x}") for n in range(9)]
    for job in jobs:
        store.create(job)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = client.get("/v1/jobs", query_string=query).get_json()
        found += [job["id"] for job in page["data"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(found) == sorted(job.id for job in jobs)
    assert len(found) == 9


def refusal(client: FlaskClient, **query: Any) -> tuple[int, str]:
    answer = client.get("/v1/jobs", query_string=query)
    return answer.status_code, answer.get_json(force=True).get("code", "")


def test_a_cursor_serves_its_own_filters_alone(client: FlaskClient, submit: Submit) -> None:
    for _ in range(3):
        submit(name="x")
    page = client.get("/v1/jobs?limit=1&name=x").get_json()
    cursor = page["next_cursor"]
    assert len(ids(client, limit=2, name="x", cursor=cursor)) == 2  # another limit is no matter
    assert refusal(client, name="y", cursor=cursor) == (400, "invalid_cursor")
    assert refusal(client, cursor=cursor) == (400, "invalid_cursor")
    assert refusal(client, cursor=cursor[:-2] + "AA") == (400, "invalid_cursor")


def test_a_cursor_serves_its_own_caller_alone(settings: Settings, pictures: str) -> None:
    ring = open_key_ring(settings)
    client = create_app(settings).test_client()
    north, south, admin = (
        {"Authorization": f"Bearer {ring.create(name, scopes)}"}
        for name, scopes in (
            ("north", (Scope.SUBMIT, Scope.READ)),
            ("south", (Scope.SUBMIT, Scope.READ)),
            ("None", (Scope.ADMIN,)),
        )
    )
    for bearer in (north, north, south):
        client.post("/v1/jobs", json={"container_url": pictures}, headers=bearer)
    cursor = client.get("/v1/jobs?limit=1", headers=north).get_json()["next_cursor"]
    answers = [client.get(f"/v1/jobs?cursor={cursor}", headers=who) for who in (south, admin)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert len(client.get(f"/v1/jobs?cursor={cursor}", headers=north).get_json()["data"]) == 1
    assert len(client.get("/v1/jobs", headers=admin).get_json()["data"]) == 3
