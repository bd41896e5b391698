"""`PUT /v1/jobs/{id}/priority`: for admins, kept in the storage, shown in the job."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.fixtures.redis_server import RedisServer

UNKNOWN = "0123456789abcdef0123456789abcdef"
Submit = Callable[..., str]


def put(client: FlaskClient, job_id: str, priority: Any, **headers: Any) -> TestResponse:
    return client.put(f"/v1/jobs/{job_id}/priority", json={"priority": priority}, **headers)


def code(answer: TestResponse) -> Any:
    return answer.get_json(force=True)["code"]


def test_a_job_begins_with_none_and_shows_what_it_was_given(
    client: FlaskClient, submit: Submit, folder: JobFolder
) -> None:
    job_id = submit()
    assert client.get(f"/v1/jobs/{job_id}").get_json()["priority"] == 0
    for priority in (5, 9, 0):
        answer = put(client, job_id, priority)
        assert (answer.status_code, answer.get_json()["priority"]) == (200, priority)
        assert answer.headers["Retry-After"] == "5"
        assert client.get("/v1/jobs").get_json()["data"][0]["priority"] == priority
    kept = folder.read_job(job_id)
    assert (kept.orders, kept.priority) == (3, 0)


@pytest.mark.parametrize("priority", [-1, 10, 1.5, "5", True, None, 2**70])
def test_a_priority_is_a_digit(client: FlaskClient, submit: Submit, priority: Any) -> None:
    answer = put(client, submit(), priority)
    assert answer.status_code == 422
    assert answer.get_json(force=True)["errors"][0]["pointer"] == "/priority"


def test_only_an_admin_orders(client: FlaskClient, settings: Settings, pictures: str) -> None:
    ring = open_key_ring(settings)

    def key(caller: str, *scopes: Scope) -> dict[str, dict[str, str]]:
        return {"headers": {"Authorization": f"Bearer {ring.create(caller, scopes)}"}}

    owner = key("north", Scope.SUBMIT, Scope.READ)
    other = key("south", Scope.SUBMIT, Scope.READ)
    job_id = client.post("/v1/jobs", json={"container_url": pictures}, **owner).get_json()["id"]
    refused = put(client, job_id, 5, **owner)
    assert (refused.status_code, code(refused)) == (403, "scope_missing")
    assert put(client, job_id, 5, **other).status_code == 404
    assert client.get(f"/v1/jobs/{job_id}", **owner).get_json()["priority"] == 0
    assert put(client, job_id, 5, **key("boss", Scope.ADMIN)).get_json()["priority"] == 5


def test_a_job_that_ended_has_no_order(
    client: FlaskClient, submit: Submit, end: Callable[..., FinalRecord]
) -> None:
    job_id = submit()
    put(client, job_id, 5)
    end(job_id, b"{}")
    answer = put(client, job_id, 7)
    assert (answer.status_code, code(answer)) == (409, "job_ended")
    assert "completed" in answer.get_json(force=True)["detail"]
    assert client.get(f"/v1/jobs/{job_id}").get_json()["priority"] == 0


def test_there_is_no_order_of_what_is_not_there(client: FlaskClient) -> None:
    assert put(client, UNKNOWN, 5).status_code == 404


def test_an_order_outlives_redis(
    client: FlaskClient,
    submit: Submit,
    store: JobStore,
    folder: JobFolder,
    redis_server: RedisServer,
) -> None:
    job_id = submit()
    put(client, job_id, 3)
    put(client, job_id, 8)
    redis_server.wipe()
    assert put(client, job_id, 9).status_code == 503
    # As the reaper does.
    assert store.create(folder.read_job(job_id))
    job = store.get(job_id)
    assert job and job.priority == 8
    assert put(client, job_id, 9).get_json()["priority"] == 9


def test_the_later_word_counts_whichever_arrives_first(
    submit: Submit, store: JobStore, folder: JobFolder
) -> None:
    job_id = submit()
    first, second = folder.add_priority(job_id, 7), folder.add_priority(job_id, 2)
    assert (first, second) == (1, 2)
    store.order(job_id, 2, second)
    store.order(job_id, 7, first)
    job, kept = store.get(job_id), folder.read_job(job_id)
    assert job and job.priority == kept.priority == 2
