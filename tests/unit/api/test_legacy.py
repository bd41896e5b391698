"""The API of 2019 through the real app: status codes, shapes and value types of then."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import link_service
from api.legacy_status import job_id_of
from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import utc_now
from core.key_ring import open_key_ring
from tests.unit.api.conftest import FAILED_IMAGES, IMAGE_LIST

BASE = "/v2/camera-trap/detection-batch"
LIST = "https://account.blob.core.windows.net/lists/a.json"

End = Callable[..., object]


@pytest.fixture
def allowed(settings: Settings) -> None:
    open_key_ring(settings).allow_legacy("survey")


@pytest.fixture
def take_any_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container is reached: what is looked at here is how the API answers."""
    monkeypatch.setattr("api.job_service.check_source", lambda request, settings: None)


def ask(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post(
        f"{BASE}/request_detections",
        json={"caller": "survey", "use_url": True, "images_requested_json_sas": LIST, **body},
    )


@pytest.fixture
def task_id(client: FlaskClient, allowed: None, take_any_source: None) -> str:
    answer = ask(client, request_name="north_1")
    assert answer.status_code == 200, answer.text
    task: str = answer.get_json()["request_id"]
    return task


def output_urls(client: FlaskClient, task_id: str) -> dict[str, str]:
    """What a poll of a completed task tells."""
    status = client.get(f"{BASE}/task/{task_id}").get_json()["status"]
    assert status["request_status"] == "completed"
    urls: dict[str, str] = status["message"]["output_file_urls"]
    return urls


def error(answer: TestResponse) -> str:
    body = json.loads(answer.data)
    assert set(body) == {"error"}
    assert answer.mimetype == "application/json"
    text: str = body["error"]
    return text


def test_it_says_that_it_is_well(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/").text == "Health check OK"


def test_versions_of_the_model(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/default_model_version").text == "demo"
    versions = client.get(f"{BASE}/supported_model_versions").get_json()
    assert versions == ["2", "3", "4.1", "demo"]


def test_an_id_is_a_number_in_a_string(task_id: str, store: JobStore) -> None:
    assert task_id.isdecimal()
    job_id = job_id_of(task_id)
    assert job_id is not None
    job = store.get(job_id)
    assert job is not None
    assert (job.caller, job.name) == ("survey", "north_1")


def test_the_first_state_is_a_bare_word(client: FlaskClient, task_id: str) -> None:
    answer = client.get(f"{BASE}/task/{task_id}").get_json()
    assert answer["status"] == "queued"
    assert answer["uuid"] == int(task_id)


def test_a_completed_task_names_three_files_that_need_no_key(
    client: FlaskClient, task_id: str, end: End, settings: Settings
) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    end(job_id, b'{"images": []}', "completed")
    open_key_ring(settings).create("somebody", ())  # from now on keys are needed
    answer = client.get(f"{BASE}/task/{task_id}").get_json()
    status = answer["status"]
    assert status["request_status"] == "completed"
    urls = status["message"]["output_file_urls"]
    assert status["message"]["num_failed_shards"] == 0
    assert list(urls) == ["detections", "failed_images", "images"]
    assert f"/{task_id}_detections_north_1_" in urls["detections"]
    assert urls["images"].endswith(f"/{task_id}_images.json")
    assert client.get(urls["detections"]).data == b'{"images": []}'
    again = client.get(f"{BASE}/task/{task_id}").get_json()
    assert again["status"]["message"]["output_file_urls"] == urls


def test_a_task_whose_images_all_failed_is_completed(
    client: FlaskClient, task_id: str, end: End
) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    end(job_id, b'{"images": []}', "failed")
    assert client.get(f"/v1/jobs/{job_id}").get_json()["status"] == "failed"
    urls = output_urls(client, task_id)
    assert client.get(urls["failed_images"]).data == FAILED_IMAGES
    assert client.get(urls["images"]).data == IMAGE_LIST


def test_a_task_without_images_has_no_files(client: FlaskClient, task_id: str, end: End) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    end(job_id, None, "completed")
    status = client.get(f"{BASE}/task/{task_id}").get_json()["status"]
    assert (status["request_status"], status["message"]) == (
        "completed",
        "no_images: nothing there",
    )
    assert client.get(f"/v1/jobs/{job_id}/links").get_json()["data"] == []


def test_a_task_that_no_worker_serves_says_so(
    client: FlaskClient, task_id: str, store: JobStore
) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    store.planned(job_id, 0, 5)
    store.listed(job_id, shards=1, images=5, duplicates=0, skipped={})
    status = client.get(f"{BASE}/task/{task_id}").get_json()["status"]
    assert "0 out of 1 shards finished" in status["message"]
    assert "waits for a worker" in status["message"]


def test_a_task_whose_time_is_over_is_gone(
    client: FlaskClient, task_id: str, end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    end(job_id, b'{"images": []}', "completed")
    later = utc_now() + timedelta(days=200)
    monkeypatch.setattr(link_service, "utc_now", lambda: later)
    answer = client.get(f"{BASE}/task/{task_id}")
    assert (answer.status_code, list(answer.get_json())) == (410, ["error"])


def test_a_revoked_link_is_not_brought_back_by_polls(
    client: FlaskClient, task_id: str, end: End
) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    end(job_id, b'{"images": []}', "completed")
    leaked = output_urls(client, task_id)
    [link] = client.get(f"/v1/jobs/{job_id}/links").get_json()["data"]
    assert client.delete(f"/v1/jobs/{job_id}/links/{link['id']}").status_code == 204
    fresh = output_urls(client, task_id)
    assert output_urls(client, task_id) == fresh
    for key in leaked:
        assert client.get(leaked[key]).status_code == 404
        assert client.get(fresh[key]).status_code == 200


@pytest.mark.parametrize("caller", ["", None, "other", "SURVEY", "survey "])
def test_a_caller_must_be_allowed(client: FlaskClient, allowed: None, caller: Any) -> None:
    answer = ask(client, caller=caller)
    assert answer.status_code == 401
    assert "caller" in error(answer)


def test_nobody_is_allowed_by_default(client: FlaskClient) -> None:
    assert ask(client).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"images_requested_json_sas": None}, "images_requested_json_sas"),
        ({"use_url": False}, "input_container_sas"),
        ({"model_version": "9"}, "model_version 9 is not supported."),
        ({"request_name": "a b"}, "request_name"),
        ({"first_n": "x"}, "first_n"),
        ({"image_path_prefix": 5}, "image_path_prefix"),
        ({"use_url": False, "input_container_sas": "https://10.0.0.1/c?sig=CANARY"}, "read"),
        ({"images_requested_json_sas": "https://169.254.169.254/x?sig=CANARY"}, "public"),
    ],
)
def test_what_is_wrong_with_a_request(
    client: FlaskClient, allowed: None, body: dict[str, Any], field: str
) -> None:
    answer = ask(client, **body)
    assert answer.status_code == 400
    assert field in error(answer)
    assert "CANARY" not in answer.text


def test_our_own_names_of_fields_are_not_told(client: FlaskClient, allowed: None) -> None:
    body = {
        "use_url": False,
        "input_container_sas": "https://x.blob.core.windows.net/c?sig=a&sp=rl",
    }
    answer = ask(client, **body)
    assert answer.status_code == 400
    assert "container_url" not in error(answer)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"caller=survey", "application/x-www-form-urlencoded", 415),
        (b"", None, 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"caller": "a", "caller": "b"}', "application/json", 400),
        (b'{"caller": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"caller": "\\ud800"}', "application/json", 400),
    ],
)
def test_bodies_that_cannot_be_read(
    client: FlaskClient, data: bytes, kind: str | None, status: int
) -> None:
    answer = client.post(f"{BASE}/request_detections", data=data, content_type=kind)
    assert answer.status_code == status
    assert error(answer)


@pytest.mark.parametrize("task", ["0", "1", "x", "-1", "9" * 60, "0x10", "%00", "1/2"])
def test_unknown_tasks(client: FlaskClient, task: str) -> None:
    answer = client.get(f"{BASE}/task/{task}")
    assert answer.status_code == 404
    assert error(answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/task", 404),
        ("GET", "/task/1/2", 404),
        ("GET", "/request_detections", 405),
        ("POST", "/task/1", 405),
        ("POST", "/", 405),
    ],
)
def test_wrong_addresses_and_methods(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(BASE + path, method=method)
    assert answer.status_code == status
    assert error(answer)
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/v2/nope", f"{BASE}s", "/v1/nope", "/nope"])
def test_other_addresses_keep_their_own_problems(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_pages_keep_their_own_shape(client: FlaskClient) -> None:
    answer = client.get(f"/jobs/{'0' * 32}/nope")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_job_of_the_new_api_is_no_task(client: FlaskClient, submit: Callable[..., str]) -> None:
    answer = client.get(f"{BASE}/task/{int(submit(), 16)}")
    assert answer.status_code == 404
    assert error(answer)


def test_the_request_as_it_is_kept(task_id: str, folder: JobFolder) -> None:
    job_id = job_id_of(task_id)
    assert job_id is not None
    job = folder.read_job(job_id)
    assert job.legacy
    assert job.request.images_url == LIST
    assert job.request.format_version == "1.0"


def test_without_keys_it_is_reached_from_elsewhere_too(client: FlaskClient, task_id: str) -> None:
    """Its ids cannot be guessed, and its callers are allowed by name."""
    answer = client.get(f"{BASE}/task/{task_id}", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://[bad", "malformed"),
        ("https://a.example/c?sp=rl&sr=c&sig=S&se=0001-01-01T00:00:00%2B14:00", "may not reach"),
    ],
)
def test_a_container_that_makes_no_sense_is_refused(
    client: FlaskClient, allowed: None, url: str, words: str
) -> None:
    source = {"use_url": False, "images_requested_json_sas": None, "input_container_sas": url}
    answer = ask(client, **source)
    assert answer.status_code == 400
    assert words in error(answer)
