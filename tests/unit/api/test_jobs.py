from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore, Tally
from core.jobs import FinalRecord, Job, JobStatus, Progress
from tests.factories import accepted_job
from tests.fixtures.redis_server import RedisServer

Submit = Callable[..., str]
End = Callable[..., FinalRecord]

UNKNOWN = "0123456789abcdef0123456789abcdef"


def test_a_submitted_job_is_accepted(
    client: FlaskClient, pictures: str, store: JobStore, folder: JobFolder
) -> None:
    body = {"container_url": pictures, "name": "Site 4", "metadata": {"a": "1"}}
    answer = client.post("/v1/jobs", json=body)
    job = answer.get_json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"http://localhost/v1/jobs/{job['id']}"
    assert answer.headers["Retry-After"] == "5"
    assert job["status"] == "queued"
    assert job["request"]["metadata"] == {"a": "1"}
    assert job["waiting_for_workers"] is True
    kept = folder.read_job(job["id"])
    assert (kept.request.container_url, kept.request.name) == (pictures, "Site 4")
    assert folder.live_ids() == [job["id"]]
    known = store.get(job["id"])
    assert known is not None
    assert (known.status, known.name) == ("queued", "Site 4")
    assert (known.created_at, known.expires_at) == (kept.created_at, kept.expires_at)


def test_a_container_that_may_not_be_read_is_refused(
    client: FlaskClient, folder: JobFolder
) -> None:
    answer = client.post("/v1/jobs", json={"container_url": "/etc"})
    assert answer.status_code == 422
    assert answer.get_json(force=True)["errors"][0]["pointer"] == "/container_url"
    assert folder.live_ids() == []


def test_a_job_is_kept_as_long_as_the_settings_say(
    client: FlaskClient, submit: Submit, settings: Settings
) -> None:
    job = client.get(f"/v1/jobs/{submit()}").get_json()
    created, expires = (
        datetime.fromisoformat(job[f"{name}_at"]) for name in ("created", "expires")
    )
    assert expires - created == timedelta(days=settings.retention_days)


def test_the_shown_job_is_what_was_submitted(client: FlaskClient, pictures: str) -> None:
    first = client.post("/v1/jobs", json={"container_url": pictures, "sample_n": 5}).get_json()
    answer = client.get(f"/v1/jobs/{first['id']}")
    assert answer.status_code == 200
    assert answer.headers["Retry-After"] == "5"
    assert answer.get_json() == first
    assert isinstance(first["request"]["sample_seed"], int)
    assert first["links"] == {
        "self": f"http://localhost/v1/jobs/{first['id']}",
        "cancel": f"http://localhost/v1/jobs/{first['id']}/cancel",
    }


def test_a_seed_is_chosen_anew_for_each_job(client: FlaskClient, submit: Submit) -> None:
    jobs = [client.get(f"/v1/jobs/{submit(sample_n=1)}").get_json() for _ in range(3)]
    assert len({job["request"]["sample_seed"] for job in jobs}) == 3


def test_the_answer_is_a_job_to_our_own_types(client: FlaskClient, submit: Submit) -> None:
    job_id = submit(name="x")
    job = msgspec.json.decode(client.get(f"/v1/jobs/{job_id}").data, type=Job)
    assert (job.id, job.status, job.name) == (job_id, JobStatus.QUEUED, "x")


def test_progress_has_every_field(client: FlaskClient, submit: Submit, store: JobStore) -> None:
    job_id = submit()
    store.planned(job_id, 0, 3)
    store.planned(job_id, 1, 2)
    store.done(job_id, 0, Tally(3, {"corrupt": 1}))
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    assert set(job["progress"]) == set(Progress.__struct_fields__)
    assert job["status"] == "running"
    assert job["started_at"].endswith("Z")
    assert job["progress"] == {
        "listing_over": False,
        "images": 5,
        "images_done": 3,
        "images_failed": 1,
        "images_kept": 0,
        "failures": {"corrupt": 1},
        "skipped": {},
        "duplicates": 0,
        "shards": 2,
        "shards_done": 1,
        "shards_running": 0,
    }


def test_a_live_worker_is_seen(client: FlaskClient, submit: Submit, store: JobStore) -> None:
    store.heartbeat("demo", "worker")
    assert client.get(f"/v1/jobs/{submit()}").get_json()["waiting_for_workers"] is False


def test_a_paused_job_says_why(client: FlaskClient, submit: Submit, store: JobStore) -> None:
    job_id = submit()
    store.pause(job_id, "sas_expired: send a new one")
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    assert (job["status"], job["reason"]) == ("paused", "sas_expired: send a new one")
    assert "cancel" in job["links"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_ended_job_stays(
    client: FlaskClient, submit: Submit, end: End, redis_server: RedisServer, forgotten: bool
) -> None:
    job_id = submit(name="done")
    final = end(job_id, b'{"images": []}')
    if forgotten:
        redis_server.wipe()
    answer = client.get(f"/v1/jobs/{job_id}")
    job = answer.get_json()
    assert answer.status_code == 200
    assert "Retry-After" not in answer.headers
    assert (job["status"], job["name"], job["progress"]["images"]) == ("completed", "done", 3)
    assert job["results"] == {"bytes": 14, "sha256": final.results_digest}
    assert set(job["links"]) == {"self", "results", "failed_images", "image_list"}
    assert (job["finished_at"] or "").endswith("Z")
    assert job["request"]["name"] == "done"


def test_an_ended_job_without_results_links_none(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job_id = submit()
    end(job_id, None, JobStatus.FAILED)
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    assert (job["status"], job["results"]) == ("failed", None)
    assert set(job["links"]) == {"self"}
    assert job["reason"]


@pytest.mark.parametrize("path", ["/v1/jobs/{}", "/v1/jobs/{}/results"], ids=["job", "results"])
def test_a_job_that_redis_lost_is_being_restored(
    client: FlaskClient, submit: Submit, redis_server: RedisServer, path: str
) -> None:
    job_id = submit()
    redis_server.wipe()
    answer = client.get(path.format(job_id))
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "being_restored")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    "job_id",
    [
        *(UNKNOWN, UNKNOWN.upper(), UNKNOWN[1:], UNKNOWN + "0", UNKNOWN + "%0a", "x"),
        *("g" * 32, "\u0661" * 32, "%00" * 32, "..%2f..%2fjob.json"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", "/cancel"), ("GET", "/results")]
)
def test_an_unknown_job_is_not_found(
    client: FlaskClient, job_id: str, method: str, path: str
) -> None:
    answer = client.open(f"/v1/jobs/{job_id}{path}", method=method)
    assert answer.status_code == 404
    assert answer.get_json(force=True)["code"] in ("job_not_found", "not_found")


def test_a_sas_is_never_shown(
    client: FlaskClient, store: JobStore, folder: JobFolder, tmp_path: Path
) -> None:
    url = "https://account.blob.core.windows.net/c?sp=rl&se=2030-01-01&sig=CANARY"
    job = accepted_job(UNKNOWN, container_url=url, images_url=f"{url}&x=1")
    folder.accept(job)
    store.create(job)
    answers = [client.get(f"/v1/jobs/{UNKNOWN}"), client.get("/v1/jobs")]
    answers.append(client.post(f"/v1/jobs/{UNKNOWN}/cancel"))
    assert answers[0].get_json()["request"]["container_url"] == url.partition("?")[0]
    assert not [answer for answer in answers if "CANARY" in answer.text]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"CANARY" in path.read_bytes()]


# The list.


def test_jobs_are_listed_newest_first_page_by_page(client: FlaskClient, store: JobStore) -> None:
    ids = [f"{n:032x}" for n in range(5)]
    for age, job_id in enumerate(ids):
        store.create(accepted_job(job_id, seconds_ago=age))
    found: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(
            "/v1/jobs", query_string={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        )
        found.append([job["id"] for job in page.get_json()["data"]])
        cursor = page.get_json().get("next_cursor")
    assert found == [ids[:2], ids[2:4], ids[4:]]


def test_no_jobs_are_an_empty_page(client: FlaskClient) -> None:
    assert client.get("/v1/jobs").get_json() == {"data": []}


def test_a_listed_job_is_the_job_in_short(client: FlaskClient, submit: Submit) -> None:
    job_id = submit(name="x")
    whole: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").get_json()
    listed = client.get("/v1/jobs").get_json()["data"][0]
    files = ("results", "failed_images", "image_list")
    assert listed == {name: whole[name] for name in whole if name not in ("request", *files)}


def test_a_forged_cursor_is_refused(client: FlaskClient) -> None:
    answer = client.get("/v1/jobs?cursor=forged")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (400, "invalid_cursor")


# Cancelling.


def test_cancelling_keeps_the_wish_and_ends_the_job(
    client: FlaskClient, submit: Submit, folder: JobFolder, store: JobStore
) -> None:
    job_id = submit()
    store.planned(job_id, 0, 3)
    assert store.claim(job_id, 0, "worker")
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.get_json()["status"]) == (202, "cancelling")
    assert "cancel" not in answer.get_json()["links"]
    assert folder.is_cancelled(job_id)
    again = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.get_json()["status"]) == (200, "cancelling")


def test_cancelling_again_while_merging_changes_nothing(
    client: FlaskClient, submit: Submit
) -> None:
    job_id = submit()
    answers = [client.post(f"/v1/jobs/{job_id}/cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert [answer.get_json()["status"] for answer in answers] == ["merging", "merging"]


def test_a_paused_job_can_be_cancelled(
    client: FlaskClient, submit: Submit, store: JobStore
) -> None:
    job_id = submit()
    store.pause(job_id, "sas_expired")
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 202


def test_a_job_that_merges_cannot_be_cancelled(
    client: FlaskClient, submit: Submit, store: JobStore, folder: JobFolder
) -> None:
    job_id = submit()
    store.planned(job_id, 0, 1)
    store.listed(job_id, shards=1, images=1, duplicates=0, skipped={})
    store.done(job_id, 0, Tally(1))
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "job_ended")
    assert not folder.is_cancelled(job_id)


@pytest.mark.parametrize(
    ("status", "answered"),
    [(JobStatus.COMPLETED, 409), (JobStatus.FAILED, 409), (JobStatus.CANCELLED, 200)],
)
@pytest.mark.parametrize("forgotten", [False, True])
def test_an_ended_job_cannot_be_cancelled(
    client: FlaskClient,
    submit: Submit,
    end: End,
    redis_server: RedisServer,
    status: JobStatus,
    answered: int,
    forgotten: bool,
) -> None:
    job_id = submit()
    end(job_id, b"{}", status)
    if forgotten:
        redis_server.wipe()
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == answered
    if answered == 409:
        assert str(status) in answer.get_json(force=True)["detail"]


def test_a_lost_job_cannot_be_cancelled_yet(
    client: FlaskClient, submit: Submit, redis_server: RedisServer
) -> None:
    job_id = submit()
    redis_server.wipe()
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 503


def test_a_poll_that_brings_nothing_new_is_empty(
    client: FlaskClient, submit: Submit, store: JobStore
) -> None:
    path = f"/v1/jobs/{submit()}"
    first = client.get(path)
    same = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["Retry-After"] == first.headers["Retry-After"]
    store.planned(path.rpartition("/")[2], 0, 5)
    new = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert new.status_code == 200 and new.headers["ETag"] != first.headers["ETag"]
