"""A job as the API of 2019 told of it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from api.legacy_status import job_id_of, output_names, request_id, task
from core.jobs import Job, JobStatus, Progress

J = "0f" + "a" * 30
NOW = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
URLS = {"detections": "https://x/d.json"}
LISTED = Progress(listing_over=True, images=5, shards=3, shards_done=1)


def job(status: JobStatus, **fields: Any) -> Job:
    values: dict[str, Any] = {"model": "demo", "created_at": NOW, "expires_at": NOW, **fields}
    return Job(id=J, status=status, **values)


def status(status: JobStatus, **fields: Any) -> Any:
    return task(job(status, **fields), URLS)["status"]


@pytest.mark.parametrize("job_id", [J, "0" * 32, "f" * 32, "0" * 31 + "1"])
def test_an_id_is_a_number_and_finds_back(job_id: str) -> None:
    assert request_id(job_id).isdecimal()
    assert job_id_of(request_id(job_id)) == job_id


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "0x1", "٣", "01", " 1", str(2**128), "9" * 5000, J]
)
def test_what_is_no_id_of_ours(text: str) -> None:
    assert job_id_of(text) is None


def test_the_fields_and_their_types() -> None:
    answer = task(job(JobStatus.RUNNING), URLS)
    assert answer["uuid"] == int(J, 16)
    assert answer["endpoint"] == "uri"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", answer["timestamp"])
    assert set(answer) == {"uuid", "status", "timestamp", "endpoint"}


def test_the_first_state_is_a_bare_word() -> None:
    assert status(JobStatus.QUEUED) == "queued"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (JobStatus.RUNNING, "running"),
        (JobStatus.PAUSED, "problem"),
        (JobStatus.CANCELLING, "running"),
        (JobStatus.MERGING, "running"),
        (JobStatus.COMPLETED, "completed"),
        (JobStatus.CANCELLED, "failed"),
        (JobStatus.FAILED, "failed"),
    ],
)
def test_statuses_and_their_shape(ours: JobStatus, theirs: str) -> None:
    answer = status(ours, progress=LISTED, finished_at=NOW, reason=None)
    assert answer["request_status"] == theirs
    assert set(answer) == {"request_status", "time", "message"}
    assert isinstance(answer["message"], dict if theirs == "completed" else str)
    assert answer["message"]


def test_every_status_has_a_word() -> None:
    for ours in JobStatus:
        assert status(ours)


def test_a_completed_job_says_where_its_files_are() -> None:
    answer = status(JobStatus.COMPLETED, progress=LISTED, finished_at=NOW)
    assert answer["message"] == {"num_failed_shards": 0, "output_file_urls": URLS}
    assert answer["time"] == "2026-11-23 14:05:09"


def test_a_job_without_images_says_so_in_words() -> None:
    assert "no_images" in status(JobStatus.COMPLETED, reason="no_images: none")["message"]


def test_why_a_job_failed() -> None:
    assert status(JobStatus.FAILED, reason="sas_expired: x")["message"] == "sas_expired: x"


def test_how_far_a_job_is() -> None:
    assert "1 out of 3 shards finished" in status(JobStatus.RUNNING, progress=LISTED)["message"]
    listing = Progress(images=7)
    assert "7 listed" in status(JobStatus.RUNNING, progress=listing)["message"]


@pytest.mark.parametrize(("name", "middle"), [("", "_"), ("survey-1", "survey-1_")])
def test_names_of_the_output_files(name: str, middle: str) -> None:
    number = int(J, 16)
    assert output_names(job(JobStatus.COMPLETED, name=name), NOW) == {
        "detections": f"{number}_detections_{middle}20261123140509.json",
        "failed_images": f"{number}_failed_images_{middle}20261123140509.json",
        "images": f"{number}_images.json",
    }
