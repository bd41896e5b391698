"""A job as the API of 2019 told of it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from api.legacy_status import is_whole, job_id_of, output_names, request_id, task
from core.jobs import Job, JobStatus, Progress
from tests.factories import final_record

J = "0f" + "a" * 30
NOW = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
URLS = {"detections": "https://x/d.json"}
LISTED = Progress(listing_over=True, images=5, shards=3, shards_done=1)


def job(status: JobStatus, **fields: Any) -> Job:
    values: dict[str, Any] = {"model": "demo", "created_at": NOW, "expires_at": NOW, **fields}
    return Job(id=J, status=status, **values)


def status(
    status: JobStatus, *, urls: Mapping[str, str] = MappingProxyType({}), **fields: Any
) -> Any:
    return task(job(status, **fields), urls)["status"]


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
    urls = URLS if ours is JobStatus.COMPLETED else {}
    answer = status(ours, urls=urls, progress=LISTED, finished_at=NOW, reason=None)
    assert answer["request_status"] == theirs
    assert set(answer) == {"request_status", "time", "message"}
    assert isinstance(answer["message"], dict if theirs == "completed" else str)
    assert answer["message"]


def test_every_status_has_a_word() -> None:
    for ours in JobStatus:
        assert status(ours)


def test_a_completed_job_says_where_its_files_are() -> None:
    answer = status(JobStatus.COMPLETED, urls=URLS, progress=LISTED, finished_at=NOW)
    assert answer["message"] == {"num_failed_shards": 0, "output_file_urls": URLS}
    assert answer["time"] == "2026-11-23 14:05:09"


def test_a_job_without_images_says_so_in_words() -> None:
    assert "no_images" in status(JobStatus.COMPLETED, reason="no_images: none")["message"]


def test_a_job_whose_images_all_failed_is_completed() -> None:
    reason = "all_images_failed: no image could be processed; `failures` says why."
    answer = status(JobStatus.FAILED, urls=URLS, progress=LISTED, finished_at=NOW, reason=reason)
    assert answer["request_status"] == "completed"
    assert answer["message"] == {"num_failed_shards": 0, "output_file_urls": URLS}


@pytest.mark.parametrize(
    ("ended", "fields", "whole"),
    [
        (JobStatus.COMPLETED, {}, True),
        (JobStatus.COMPLETED, {"images": 0, "images_done": 0}, False),
        (JobStatus.FAILED, {}, True),
        (JobStatus.FAILED, {"images": 0, "images_done": 0}, False),
        (JobStatus.FAILED, {"images_done": 4}, False),
        (JobStatus.FAILED, {"listing_over": False}, False),
        (JobStatus.CANCELLED, {}, False),
    ],
)
def test_files_are_told_where_every_image_stands_in_them(
    ended: JobStatus, fields: dict[str, Any], whole: bool
) -> None:
    progress = Progress(**{"listing_over": True, "images": 5, "images_done": 5, **fields})
    assert is_whole(final_record(J, status=ended, progress=progress, results="x")) is whole
    assert not is_whole(final_record(J, status=ended, progress=progress, results=None))


def test_why_a_job_failed() -> None:
    answer = status(JobStatus.FAILED, reason="listing_failed: the container_url has no List")
    assert answer["message"] == "listing_failed: the input_container_sas has no List"


def test_a_cancelled_job_says_so() -> None:
    assert "was cancelled" in status(JobStatus.CANCELLED, progress=LISTED)["message"]


@pytest.mark.parametrize("reason", [None, "access_revoked: the SAS has expired."])
def test_a_problem_says_what_helps(reason: str | None) -> None:
    message = status(JobStatus.PAUSED, progress=LISTED, reason=reason)["message"]
    assert message.startswith(reason or "Nothing is lost")
    assert "do not submit the request again: contact the operator" in message


@pytest.mark.parametrize("progress", [LISTED, Progress(images=7)])
def test_a_job_that_no_worker_serves_says_that_it_waits(progress: Progress) -> None:
    for ours in (JobStatus.QUEUED, JobStatus.RUNNING):
        waiting = status(ours, progress=progress, waiting_for_workers=True)["message"]
        assert waiting.endswith("waits for a worker: none runs the model demo now.")
        assert "waits" not in status(ours, progress=progress)["message"]
    merging = status(JobStatus.MERGING, progress=progress, waiting_for_workers=True)["message"]
    assert "waits" not in merging


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
