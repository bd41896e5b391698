"""Fresh URLs for jobs, over HTTP: folders on disk, and SAS containers on a real Azurite."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord, JobStatus
from tests.azurite_server import Azurite

Submit = Callable[..., str]
End = Callable[..., FinalRecord]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allowed_private_ranges=(ip_network("127.0.0.0/8"),))


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name, {"a.jpg": b"x"})
    return name


def put(client: FlaskClient, job_id: str, body: Any) -> Any:
    return client.put(f"/v1/jobs/{job_id}/container-url", json=body)


def test_fresh_url_resumes_a_paused_job(
    client: FlaskClient,
    submit: Submit,
    store: JobStore,
    folder: JobFolder,
    azurite: Azurite,
    container: str,
    tmp_path: Path,
) -> None:
    job_id = submit(container_url=azurite.container_url(container))
    store.planned(job_id, 0, 10)
    store.pause(job_id, "access_revoked: the SAS has expired")
    fresh = azurite.container_url(container, expires_in=timedelta(days=30))
    answer = put(client, job_id, {"container_url": fresh})
    assert answer.status_code == 200 and answer.headers["Retry-After"]
    job = answer.get_json()
    assert (job["status"], job["reason"]) == ("running", None)
    ends = datetime.fromisoformat(job["sas_expires_at"])
    assert timedelta(days=29) < ends - datetime.now(UTC) < timedelta(days=31)
    assert folder.read_job(job_id).request.container_url == fresh
    signature = fresh.partition("sig=")[2].partition("&")[0]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert signature not in answer.text and not any(signature.encode() in data for data in kept)


def test_running_and_queued_jobs_take_a_fresh_url_too(
    client: FlaskClient, submit: Submit, store: JobStore, azurite: Azurite, container: str
) -> None:
    job_id = submit(container_url=azurite.container_url(container))
    body = {"container_url": azurite.container_url(container)}
    assert put(client, job_id, body).get_json()["status"] == "queued"
    store.planned(job_id, 0, 10)
    assert put(client, job_id, body).get_json()["status"] == "running"
    assert not store.pause(job_id, "x", 1) and store.pause(job_id, "x", 2)


def test_another_container_is_refused(
    client: FlaskClient, submit: Submit, folder: JobFolder, azurite: Azurite, container: str
) -> None:
    job_id = submit(container_url=azurite.container_url(container))
    azurite.create_container(f"{container}-2")
    answer = put(client, job_id, {"container_url": azurite.container_url(f"{container}-2")})
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "other_container")
    assert problem["errors"][0]["pointer"] == "/container_url"
    assert "sig=" not in answer.text and container in problem["detail"]
    assert folder.count_container_urls(job_id) == 0


@pytest.mark.parametrize(
    ("permissions", "hours", "word"), [("r", 1, "List"), ("l", 1, "Read"), ("rl", -1, "expired")]
)
def test_url_is_checked_as_at_submission(
    client: FlaskClient,
    submit: Submit,
    folder: JobFolder,
    azurite: Azurite,
    container: str,
    permissions: str,
    hours: int,
    word: str,
) -> None:
    job_id = submit(container_url=azurite.container_url(container))
    url = azurite.container_url(container, permissions, expires_in=timedelta(hours=hours))
    answer = put(client, job_id, {"container_url": url})
    problem = answer.get_json()
    assert answer.status_code == 422 and word in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/container_url"
    assert folder.count_container_urls(job_id) == 0


def test_sas_that_the_storage_refuses_is_refused(
    client: FlaskClient, submit: Submit, folder: JobFolder, azurite: Azurite, container: str
) -> None:
    url = azurite.container_url(container)
    job_id = submit(container_url=url)
    forged = url.replace("sig=", "sig=AA")
    assert put(client, job_id, {"container_url": forged}).status_code == 422
    assert folder.count_container_urls(job_id) == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_fields"),
        ({"container_url": ""}, "invalid_fields"),
        ({"container_url": 3}, "invalid_fields"),
        ({"container_url": "x" * 5000}, "invalid_fields"),
        ({"container_ur": "/x"}, "invalid_fields"),
        ({"container_url": "https://[::1"}, "url_not_allowed"),
        ({"container_url": "file://[::1"}, "url_not_allowed"),
        ({"container_url": "http://169.254.169.254/latest"}, "other_container"),
        ({"container_url": "gopher://x"}, "url_not_allowed"),
    ],
)
def test_what_is_no_url_of_this_container_names_its_field(
    client: FlaskClient, submit: Submit, body: Any, code: str
) -> None:
    answer = put(client, submit(), body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert answer.get_json()["errors"][0]["pointer"].startswith("/container_ur")


def test_folder_is_told_again(client: FlaskClient, submit: Submit, pictures: str) -> None:
    assert put(client, submit(), {"container_url": f"file://{pictures}/"}).status_code == 200


def test_job_whose_images_are_urls_has_no_container(
    client: FlaskClient, submit: Submit, azurite: Azurite, container: str
) -> None:
    url = azurite.blob_url(container, "a.jpg")
    job_id = submit(container_url=None, images=[url])
    answer = put(client, job_id, {"container_url": azurite.container_url(container)})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "no_container")
    assert "no container" in answer.get_json()["detail"]


def test_job_that_has_ended_or_is_ending_takes_none(
    client: FlaskClient,
    submit: Submit,
    end: End,
    store: JobStore,
    folder: JobFolder,
    pictures: str,
) -> None:
    ended, ending = submit(), submit()
    end(ended, b"{}", JobStatus.CANCELLED)
    store.planned(ending, 0, 1)
    store.claim(ending, 0, "w")
    store.cancel(ending)
    for job_id in (ended, ending):
        answer = put(client, job_id, {"container_url": pictures})
        assert (answer.status_code, answer.get_json()["code"]) == (409, "job_ended")
        assert folder.count_container_urls(job_id) == 0


def test_job_that_ends_meanwhile_says_so(
    client: FlaskClient,
    submit: Submit,
    store: JobStore,
    pictures: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = submit()
    add = JobFolder.add_container_url

    def late(folder: JobFolder, job_id: str, url: str) -> int:
        store.cancel(job_id)
        return add(folder, job_id, url)

    monkeypatch.setattr(JobFolder, "add_container_url", late)
    answer = put(client, job_id, {"container_url": pictures})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "job_ended")


def test_unknown_job(client: FlaskClient, app: Flask, pictures: str) -> None:
    for job_id in ("0" * 32, "nothing"):
        assert put(client, job_id, {"container_url": pictures}).status_code == 404
