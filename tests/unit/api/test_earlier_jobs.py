"""`previous_job` of a submission: which jobs it may name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.config import Settings
from core.jobs import FinalRecord
from core.key_ring import open_key_ring
from core.keys import Scope

Submit = Callable[..., str]
End = Callable[..., FinalRecord]


@pytest.fixture
def previous(submit: Submit, end: End) -> str:
    job_id = submit(strip_prefix="a", prefix="a")
    end(job_id, b"{}")
    return job_id


def refusal(client: FlaskClient, **body: Any) -> str:
    answer = client.post("/v1/jobs", json=body)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "previous_job_unusable"), answer.text
    (error,) = problem["errors"]
    assert error["pointer"] == "/previous_job"
    return str(error["detail"])


def test_job_asked_for_alike_is_taken(
    client: FlaskClient, submit: Submit, previous: str, pictures: str
) -> None:
    # What chooses images, and what only names the job, may differ.
    fields = {"prefix": "a.", "strip_prefix": "a", "first_n": 1, "name": "x"}
    job_id = submit(previous_job=previous, container_url=pictures + "/", **fields)
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    assert job["request"]["previous_job"] == previous and job["parent"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "megadetector-v3"),
        ("detection_threshold", 0.3),
        ("preprocessing", "legacy-2019"),
        ("truncated_images", "accept"),
        ("include", ["gps"]),
        ("strip_prefix", ""),
    ],
)
def test_settings_that_shape_a_line_must_be_the_same(
    client: FlaskClient, previous: str, pictures: str, field: str, value: Any
) -> None:
    body = {
        "container_url": pictures,
        "prefix": "a",
        "strip_prefix": "a",
        "model": "demo",
        "detection_threshold": 0.1,
        field: value,
    }
    detail = refusal(client, previous_job=previous, **body)
    assert f"differently: {field} (" in detail


def test_job_that_runs_is_refused(client: FlaskClient, submit: Submit, pictures: str) -> None:
    detail = refusal(client, container_url=pictures, previous_job=submit())
    assert "wait until it has ended" in detail


@pytest.mark.parametrize("job_id", ["0" * 32, "no-id", "", "../live"])
def test_unknown_job_is_refused(client: FlaskClient, pictures: str, job_id: str) -> None:
    assert "no such job" in refusal(client, container_url=pictures, previous_job=job_id)


def test_deleted_job_is_refused(client: FlaskClient, pictures: str, previous: str) -> None:
    client.delete(f"/v1/jobs/{previous}")
    assert "no such job" in refusal(client, container_url=pictures, previous_job=previous)


def test_others_job_is_refused(
    client: FlaskClient, settings: Settings, pictures: str, previous: str
) -> None:
    key = open_key_ring(settings).create("south", (Scope.SUBMIT, Scope.READ))
    answer = client.post(
        "/v1/jobs",
        json={"container_url": pictures, "previous_job": previous},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 422 and "no such job" in answer.text


def test_other_container_is_refused(client: FlaskClient, pictures: str, previous: str) -> None:
    other = Path(pictures) / "inside"
    other.mkdir()
    detail = refusal(client, container_url=str(other), previous_job=previous)
    assert detail == f"That job was about another container: {pictures}."


def test_lists_of_images_have_nothing_to_compare(
    client: FlaskClient, submit: Submit, end: End, pictures: str, previous: str
) -> None:
    body = {"container_url": pictures, "images": ["a.jpg"]}
    assert "carry no ETag" in refusal(client, previous_job=previous, **body)
    listed = submit(images=["a.jpg"])
    end(listed, b"{}")
    assert "without the ETags" in refusal(client, container_url=pictures, previous_job=listed)


def test_validate_only_looks_at_it_too(client: FlaskClient, pictures: str) -> None:
    answer = client.post(
        "/v1/jobs?validate_only=true", json={"container_url": pictures, "previous_job": "0" * 32}
    )
    assert answer.status_code == 422 and "/previous_job" in answer.text
