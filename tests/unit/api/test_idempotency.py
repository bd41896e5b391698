"""A submission that is sent again makes no second job, whatever happened in between."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.factory import create_app
from api.job_service import JobService
from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord, JobStatus
from core.key_ring import open_key_ring
from core.keys import Scope
from core.retention import Sweep, Tombstone
from tests.fixtures.redis_server import RedisServer

Post = Callable[..., TestResponse]
KEY = {"Idempotency-Key": "5f1b7a3c-season-1"}
SAS = "https://account.blob.core.windows.net/c?sp=rl&se={}&sig={}"


@pytest.fixture
def post(client: FlaskClient, pictures: str) -> Post:
    """Submits `pictures` with these headers, and these fields on top."""

    def post(headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        body = {"container_url": pictures, **fields}
        return client.post("/v1/jobs", json=body, headers=KEY if headers is None else headers)

    return post


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json(force=True)["code"]


def test_the_same_submission_is_answered_with_the_same_job(post: Post, folder: JobFolder) -> None:
    first, again = post(name="x"), post(name="x")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert folder.live_ids() == [first.get_json()["id"]]


def test_a_seed_that_was_chosen_stays(post: Post) -> None:
    seeds = {post(sample_n=1).get_json()["request"]["sample_seed"] for _ in range(3)}
    assert len(seeds) == 1


def test_without_a_key_every_submission_is_a_job(post: Post, folder: JobFolder) -> None:
    assert post(headers={}).get_json()["id"] != post(headers={}).get_json()["id"]
    assert len(folder.live_ids()) == 2


@pytest.mark.parametrize("fields", [{"name": "y"}, {"prefix": "a"}, {"metadata": {"a": "1"}}])
def test_another_body_is_refused(post: Post, folder: JobFolder, fields: dict[str, Any]) -> None:
    post(name="x")
    assert problem(post(**fields)) == (422, "idempotency_key_reused")
    assert len(folder.live_ids()) == 1


def test_a_default_that_is_spelled_out_is_the_same(post: Post) -> None:
    post(metadata={"a": "1", "b": "2"})
    again = post(metadata={"b": "2", "a": "1"}, prefix="", images=None, include=[])
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("header", "same"),
    [('"a\\"b\\\\c"', None), ("abc", '"abc"'), ("!", None), ("~" * 128, '"' + "~" * 128 + '"')],
)
def test_a_key_may_be_quoted(post: Post, header: str, same: str | None) -> None:
    first = post({"Idempotency-Key": header})
    again = post({"Idempotency-Key": same or header})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]


@pytest.mark.parametrize(
    "header",
    ["", " ", '""', '"', '"abc', 'abc"', '"a b"', "a b", "x" * 129, "\u00e9", '"a"b"', '"a\\b"'],
)
def test_a_key_that_is_none_is_refused(post: Post, folder: JobFolder, header: str) -> None:
    answer = post({"Idempotency-Key": header})
    assert problem(answer) == (400, "invalid_idempotency_key")
    assert folder.live_ids() == []


def test_other_keys_make_other_jobs(post: Post) -> None:
    ids = {post({"Idempotency-Key": key}).get_json()["id"] for key in ("a", "b", "A", '"c"')}
    assert len(ids) == 4


def test_callers_do_not_share_keys(settings: Settings, pictures: str) -> None:
    ring = open_key_ring(settings)
    client = create_app(settings).test_client()
    ids = set()
    for caller in ("north", "south"):
        bearer = {"Authorization": f"Bearer {ring.create(caller, (Scope.SUBMIT, Scope.READ))}"}
        answer = client.post(
            "/v1/jobs", json={"container_url": pictures}, headers={**KEY, **bearer}
        )
        assert answer.status_code == 202
        ids.add(answer.get_json()["id"])
    assert len(ids) == 2


def test_another_service_makes_another_id(
    settings: Settings, post: Post, pictures: str, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(settings, storage_url=f"file://{tmp_path}/other")
    answer = (
        create_app(other)
        .test_client()
        .post("/v1/jobs", json={"container_url": pictures}, headers=KEY)
    )
    assert answer.get_json()["id"] != post().get_json()["id"]


def test_fifty_submissions_at_once_make_one_job(
    app: Flask, pictures: str, folder: JobFolder, store: JobStore
) -> None:
    def submit(_: int) -> TestResponse:
        client = app.test_client()
        return client.post("/v1/jobs", json={"container_url": pictures}, headers=KEY)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(submit, range(50)))
    assert {answer.status_code for answer in answers} == {202}
    (job_id,) = {answer.get_json()["id"] for answer in answers}
    assert folder.live_ids() == [job_id]
    assert [job.id for job in store.list_jobs(9).jobs] == [job_id]
    first = [answer for answer in answers if "Idempotency-Replayed" not in answer.headers]
    # Submissions of one millisecond write the same record, so each may take itself for the first.
    assert 1 <= len(first) < len(answers)


def test_several_processes_make_one_job(settings: Settings, pictures: str) -> None:
    apps = [create_app(settings) for _ in range(8)]

    def submit(app: Flask) -> Any:
        body = {"container_url": pictures}
        return app.test_client().post("/v1/jobs", json=body, headers=KEY).get_json()["id"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(submit, apps))) == 1


def test_the_loser_of_a_race_with_another_body_is_refused(
    settings: Settings, pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were checked before either was accepted."""
    first, second = (create_app(settings).test_client() for _ in range(2))
    accept = JobFolder.accept
    answers = []

    def accept_second(folder: JobFolder, job: Any) -> Any:
        monkeypatch.setattr(JobFolder, "accept", accept)
        body = {"container_url": pictures, "name": "quicker"}
        answers.append(second.post("/v1/jobs", json=body, headers=KEY))
        return accept(folder, job)

    monkeypatch.setattr(JobFolder, "accept", accept_second)
    answer = first.post("/v1/jobs", json={"container_url": pictures}, headers=KEY)
    assert answers[0].status_code == 202
    assert problem(answer) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("lost", ["wiped", "never told"])
def test_a_job_that_redis_does_not_know_is_made_known(
    post: Post,
    store: JobStore,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
) -> None:
    if lost == "never told":  # the process died between accepting and telling
        with monkeypatch.context() as dead:
            dead.setattr(JobService, "_make_known", lambda *_: 1 / 0)
            assert post().status_code == 500
    else:
        post()
        redis_server.wipe()
    again = post()
    assert (again.status_code, again.get_json()["status"]) == (202, "queued")
    assert again.headers["Idempotency-Replayed"] == "true"
    known = store.get(again.get_json()["id"])
    assert known and known.status == "queued"


def test_an_ended_job_is_given_again(
    post: Post, end: Callable[..., FinalRecord], redis_server: RedisServer
) -> None:
    job_id = post().get_json()["id"]
    end(job_id, b"{}")
    redis_server.wipe()
    again = post()
    assert (again.get_json()["id"], again.get_json()["status"]) == (job_id, "completed")
    assert "Retry-After" not in again.headers


def test_a_submission_that_is_sent_again_checks_no_container(post: Post, pictures: str) -> None:
    first = post()
    shutil.rmtree(pictures)
    assert post().get_json()["id"] == first.get_json()["id"]
    assert post({"Idempotency-Key": "other"}).status_code == 422


@pytest.fixture
def sas_job(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A service that checks no container, so that a URL nobody serves can be submitted."""
    monkeypatch.setattr("api.job_service.check_source", lambda *_: None)
    return create_app(settings).test_client()


@pytest.mark.parametrize("field", ["container_url", "images_url", "images"])
def test_a_renewed_sas_is_the_same_submission(sas_job: FlaskClient, field: str) -> None:
    def submit(url: str) -> TestResponse:
        value = [[f"{url}&b=2", "north"]] if field == "images" else url
        return sas_job.post("/v1/jobs", json={field: value}, headers=KEY)

    first = submit(SAS.format("2030-01-01", "ONE"))
    again = submit(SAS.format("2031-01-01", "TWO"))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = SAS.format("2031-01-01", "TWO").replace("/c?", "/d?")
    assert problem(submit(other)) == (422, "idempotency_key_reused")


def test_the_fingerprint_tells_nothing(
    sas_job: FlaskClient, folder: JobFolder, tmp_path: Path
) -> None:
    body = {"images_url": SAS.format("2030-01-01", "CANARY")}
    job_id = sas_job.post("/v1/jobs", json=body, headers=KEY).get_json()["id"]
    kept = folder.read_job(job_id)
    assert len(kept.fingerprint) == 64
    texts = [path.read_bytes() for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    assert not [text for text in texts if b"CANARY" in text or b"season-1" in text]


def test_the_key_of_a_deleted_job_is_refused(post: Post, folder: JobFolder) -> None:
    job_id = post().get_json()["id"]
    created = folder.read_job(job_id).created_at
    folder.retention.bury(Sweep(job_id, Tombstone("local", created), ()))
    folder.forget_secrets(job_id)
    answer = post()
    assert problem(answer) == (409, "idempotency_key_of_deleted_job")
    assert "deleted" in answer.get_json(force=True)["detail"]
    assert post({"Idempotency-Key": "new"}).get_json()["status"] == JobStatus.QUEUED
