"""Trying failed images again, over HTTP: what is asked for, and when it is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.factory import create_app
from core.config import Settings
from core.job_folder import JobFolder, Plan
from core.job_store import JobStore
from core.jobs import JobStatus, Progress
from core.key_ring import KeyRing, open_key_ring
from core.keys import Scope
from tests.azurite_server import Azurite
from tests.unit.api.conftest import final_record

Submit = Callable[..., str]
End = Callable[..., None]

FAILED = Progress(listing_over=True, images=3, images_done=3, images_failed=1, shards=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(
        settings, allowed_private_ranges=local, webhook_private_ranges=local
    )


@pytest.fixture
def end(store: JobStore, folder: JobFolder) -> End:
    """Ends a job with this progress."""

    def end(job_id: str, progress: Progress = FAILED, *, cancelled: bool = False) -> None:
        store.cancel(job_id)
        status = JobStatus.CANCELLED if cancelled else JobStatus.COMPLETED
        final = final_record(folder, job_id, b"{}", status)
        final = msgspec.structs.replace(final, progress=progress)
        folder.write_plan(job_id, Plan(images=3, shards=1))
        folder.write_final(final)
        assert store.finish(final)

    return end


@pytest.fixture
def parent(submit: Submit, end: End) -> str:
    job_id = submit(name="north", metadata={"site": "7"}, include=["gps"], prefix="a", first_n=2)
    end(job_id)
    return job_id


def retry(client: FlaskClient, job_id: str, **sent: Any) -> Any:
    return client.post(f"/v1/jobs/{job_id}/retry-failed", **sent)


@pytest.mark.parametrize(
    "sent", [{}, {"json": {}}, {"data": b""}, {"content_type": "application/json"}]
)
def test_retry_is_a_job_like_its_parent(
    client: FlaskClient, parent: str, folder: JobFolder, store: JobStore, sent: dict[str, Any]
) -> None:
    answer = retry(client, parent, **sent)
    job = answer.get_json()
    assert answer.status_code == 202 and answer.headers["Location"].endswith(job["id"])
    assert job["parent"] == parent and job["status"] == "queued"
    before = client.get(f"/v1/jobs/{parent}").get_json()
    assert job["request"] == before["request"]
    assert folder.read_job(job["id"]).request == folder.read_job(parent).request
    assert folder.children(parent) == [job["id"]]
    known = store.get(job["id"])
    assert known and known.parent == parent


def test_overrides_take_the_place_of_what_the_parent_said(
    client: FlaskClient, parent: str, folder: JobFolder
) -> None:
    body = {
        "truncated_images": "accept",
        "name": "again",
        "metadata": {},
        "webhook": {"url": "https://127.0.0.1/CANARY", "events": ["job.completed"]},
    }
    answer = retry(client, parent, json=body)
    asked = answer.get_json()["request"]
    assert (asked["truncated_images"], asked["name"], asked["metadata"]) == ("accept", "again", {})
    assert asked["include"] == ["gps"] and "CANARY" not in answer.text
    request = folder.read_job(answer.get_json()["id"]).request
    assert request.webhook and request.webhook.url == "https://127.0.0.1/CANARY"
    assert request.webhook.events == ("job.completed",)


def test_what_the_parent_took_over_is_not_taken_over_twice(
    client: FlaskClient, parent: str, submit: Submit, end: End
) -> None:
    fields = {"include": ["gps"], "previous_job": parent}
    second = submit(**fields)
    end(second)
    assert retry(client, second).get_json()["request"]["previous_job"] is None


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"truncated_image": "accept"}, "/truncated_image", "did you mean 'truncated_images'?"),
        ({"truncated_images": "fail"}, "/truncated_images", "must be 'accept'"),
        ({"prefix": "a"}, "/prefix", "not known"),
        ({"name": "a/b"}, "/name", "letters, digits"),
        ({"container_url": "/elsewhere"}, "/container_url", "not the container of this job"),
        ({"webhook": {"url": "https://10.0.0.1/"}}, "/webhook/url", ""),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    client: FlaskClient, parent: str, folder: JobFolder, body: Any, pointer: str, says: str
) -> None:
    answer = retry(client, parent, json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer and says in error["detail"]
    assert folder.children(parent) == []


@pytest.mark.parametrize(
    ("data", "mimetype", "status"),
    [(b"{}", "text/plain", 415), (b"{}", None, 415), (b"[]", "application/json", 400)],
)
def test_body_that_is_there_is_read_strictly(
    client: FlaskClient, parent: str, data: bytes, mimetype: str | None, status: int
) -> None:
    assert retry(client, parent, data=data, content_type=mimetype).status_code == status


def test_other_endpoints_need_their_body(client: FlaskClient) -> None:
    assert client.post("/v1/jobs").status_code == 415


def test_job_that_has_not_ended_is_refused(client: FlaskClient, submit: Submit) -> None:
    answer = retry(client, submit())
    assert (answer.status_code, answer.get_json()["code"]) == (409, "job_not_ended")
    assert "cancel it first" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("progress", "code"),
    [
        (Progress(listing_over=True, images=3, images_done=3, shards=1), "nothing_failed"),
        (
            Progress(listing_over=False, images=3, images_done=2, images_failed=2),
            "listing_not_over",
        ),
    ],
)
def test_job_without_anything_to_try_again_is_refused(
    client: FlaskClient, submit: Submit, end: End, progress: Progress, code: str
) -> None:
    job_id = submit()
    end(job_id, progress)
    answer = retry(client, job_id)
    assert (answer.status_code, answer.get_json()["code"]) == (409, code)


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({}, "with `previous_job` set"),
        ({"images": ["a.jpg", "b.jpg"]}, "Submit the list again"),
        ({"images_url": "https://127.0.0.1/list.json"}, "Submit the list again"),
    ],
)
def test_job_that_was_not_listed_to_the_end_is_told_what_can_be_done_instead(
    client: FlaskClient, submit: Submit, end: End, fields: dict[str, Any], advice: str
) -> None:
    job_id = submit(**fields)
    end(job_id, Progress(listing_over=False, images=3, images_done=2, images_failed=2))
    problem = retry(client, job_id).get_json()
    assert problem["code"] == "listing_not_over" and advice in problem["detail"]
    assert ("previous_job" in problem["detail"]) == (not fields)


def test_cancelled_job_with_images_that_were_not_reached_can_be_tried_again(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job_id = submit()
    end(job_id, Progress(listing_over=True, images=3, images_done=2, shards=2), cancelled=True)
    assert retry(client, job_id).status_code == 202


def test_job_of_which_only_the_storage_knows_can_be_tried_again(
    client: FlaskClient, parent: str, store: JobStore
) -> None:
    store._redis.flushall()
    assert retry(client, parent).status_code == 202


def test_same_key_makes_one_retry(client: FlaskClient, parent: str, folder: JobFolder) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = retry(client, parent, headers=key)
    again = retry(client, parent, headers=key, json={})
    assert again.status_code == 202 and again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json()["id"] == first.get_json()["id"]
    assert retry(client, parent, headers=key, json={"name": "x"}).status_code == 422
    assert len(folder.children(parent)) == 1


def test_parent_with_a_live_retry_cannot_be_deleted(
    client: FlaskClient, parent: str, end: End
) -> None:
    child = retry(client, parent).get_json()["id"]
    assert client.delete(f"/v1/jobs/{parent}").status_code == 409
    end(child)
    assert client.delete(f"/v1/jobs/{parent}").status_code == 204
    assert retry(client, parent).status_code == 410


def test_retry_is_known_as_a_child_before_it_is_accepted(
    client: FlaskClient, parent: str, folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    accept = JobFolder.accept

    def accepting(self: JobFolder, job: Any) -> Any:
        seen.append(len(folder.children(parent)))
        return accept(self, job)

    monkeypatch.setattr(JobFolder, "accept", accepting)
    retry(client, parent)
    assert seen == [1]


def test_expired_sas_is_refused_and_a_fresh_one_taken(
    client: FlaskClient, submit: Submit, end: End, folder: JobFolder, azurite: Azurite
) -> None:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name, {"a.jpg": b"x"})
    good = azurite.container_url(name)
    parent = submit(container_url=good)
    end(parent)
    job = folder.read_job(parent)
    expired = azurite.container_url(name, expires_in=timedelta(hours=-1))
    folder.add_container_url(parent, expired)
    refused = retry(client, parent)
    (error,) = refused.get_json()["errors"]
    assert (refused.status_code, error["pointer"]) == (422, "/container_url")
    assert "expired" in error["detail"] and "sig=" not in refused.text
    fresh = azurite.container_url(name, expires_in=timedelta(days=30))
    taken = retry(client, parent, json={"container_url": fresh})
    assert taken.status_code == 202 and "sig=" not in taken.text
    child = folder.read_job(taken.get_json()["id"])
    assert child.request == msgspec.structs.replace(job.request, container_url=fresh)


def test_urls_have_no_container_to_give_anew(
    client: FlaskClient, end: End, folder: JobFolder, settings: Settings
) -> None:
    sent = {"images": ["https://127.0.0.1/a.jpg?sig=CANARY"]}
    parent = client.post("/v1/jobs", json=sent).get_json()["id"]
    end(parent)
    refused = retry(client, parent, json={"container_url": "https://x.blob.core.windows.net/c"})
    assert refused.status_code == 422 and "URLs of their own" in refused.text
    # They were checked with the parent, and whoever reads them checks them again.
    stricter = create_app(
        msgspec.structs.replace(settings, allowed_hosts=(), allowed_private_ranges=())
    )
    child = retry(stricter.test_client(), parent).get_json()["id"]
    assert folder.read_job(child).request == folder.read_job(parent).request


def test_urls_that_have_all_expired_are_not_tried_again(
    client: FlaskClient, end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob, ends = "https://127.0.0.1/{}.jpg?sp=r&sig=CANARY&se={}", ("2999-01-01", "2999-01-03")
    sent = {"images": [blob.format(day, day) for day in ends]}
    parent = client.post("/v1/jobs", json=sent).get_json()["id"]
    end(parent)
    for day, answered in (("2999-01-02", (202, None)), ("2999-01-04", (409, "urls_expired"))):
        monkeypatch.setattr(
            "api.source_check.utc_now", partial(datetime.fromisoformat, day + "T00Z")
        )
        answer = retry(client, parent)
        assert (answer.status_code, answer.get_json().get("code")) == answered
        assert "CANARY" not in answer.text


@pytest.fixture
def ring(settings: Settings) -> KeyRing:
    return open_key_ring(settings)


def test_others_jobs_are_not_there_and_an_admin_retries_for_their_owner(
    app: Flask, submit: Submit, end: End, folder: JobFolder, ring: KeyRing, pictures: str
) -> None:
    keys = {
        name: {"Authorization": f"Bearer {ring.create(name, scopes)}"}
        for name, scopes in {
            "north": (Scope.SUBMIT, Scope.READ),
            "south": (Scope.SUBMIT, Scope.READ),
            "boss": (Scope.ADMIN,),
        }.items()
    }
    client = app.test_client()
    sent = client.post("/v1/jobs", json={"container_url": pictures}, headers=keys["north"])
    parent = sent.get_json()["id"]
    end(parent)
    assert retry(client, parent, headers=keys["south"]).status_code == 404
    assert retry(client, parent, headers=keys["north"]).get_json()["caller"] == "north"
    assert retry(client, parent, headers=keys["boss"]).get_json()["caller"] == "north"
