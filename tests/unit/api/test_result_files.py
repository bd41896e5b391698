"""The files beside the results file, and what the job tells of each."""

import gzip
import hashlib
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from core.jobs import FinalRecord, JobStatus
from tests.unit.api.conftest import FAILED_IMAGES, IMAGE_LIST

Submit = Callable[..., str]
End = Callable[..., FinalRecord]

RESULTS = b'{"info": {}, "images": [\n]}\n'
FILES = [
    ("results", "results", RESULTS, ""),
    ("failed-images", "failed_images", FAILED_IMAGES, "_failed_images"),
    ("image-list", "image_list", IMAGE_LIST, "_image_list"),
]
PATHS = [path for path, *_ in FILES]


@pytest.mark.parametrize(("path", "field", "content", "what"), FILES)
def test_each_file_is_handed_out_and_told_of(
    client: FlaskClient, submit: Submit, end: End, path: str, field: str, content: bytes, what: str
) -> None:
    job_id = submit(name="Site 4")
    final = end(job_id, RESULTS)
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    digest = hashlib.sha256(content).hexdigest()
    assert job[field] == {"bytes": len(content), "sha256": digest}
    answer = client.get(job["links"][field])
    assert (answer.status_code, answer.data) == (200, content)
    assert job["links"][field].endswith(f"/v1/jobs/{job_id}/{path}")
    assert answer.content_type == "application/json"
    assert answer.get_etag() == (digest, False)
    named = f"megabatch_Site_4_{final.finished_at:%Y-%m-%d}{what}.json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{named}"'


@pytest.mark.parametrize("path", PATHS)
def test_each_file_is_sent_in_part_packed_and_without_a_body(
    client: FlaskClient, submit: Submit, end: End, path: str
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    url = f"/v1/jobs/{job_id}/{path}"
    whole = client.get(url).data
    etag = client.head(url).headers["ETag"]
    assert client.head(url).content_length == len(whole)
    part = client.get(url, headers={"Range": "bytes=3-", "If-Range": etag})
    assert (part.status_code, part.data) == (206, whole[3:])
    packed = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == whole


@pytest.mark.parametrize("path", PATHS)
def test_no_file_is_there_before_the_end(client: FlaskClient, submit: Submit, path: str) -> None:
    job_id = submit()
    answer = client.get(f"/v1/jobs/{job_id}/{path}")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "results_not_ready")
    assert answer.headers["Retry-After"] == "5"
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    assert [job[field] for _, field, *_ in FILES] == [None] * 3
    assert not job["links"].keys() & {field for _, field, *_ in FILES}


@pytest.mark.parametrize("path", PATHS)
def test_a_job_that_found_nothing_has_no_file(
    client: FlaskClient, submit: Submit, end: End, path: str
) -> None:
    job_id = submit()
    end(job_id, None, JobStatus.FAILED)
    answer = client.get(f"/v1/jobs/{job_id}/{path}")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "no_results")


@pytest.mark.parametrize("path", PATHS)
def test_files_of_a_deleted_job_are_gone(
    client: FlaskClient, submit: Submit, end: End, path: str
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    answer = client.get(f"/v1/jobs/{job_id}/{path}")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (410, "job_gone")


@pytest.mark.parametrize("version", ["1.0", "1.5", "1.6"])
def test_a_version_of_the_format_can_be_asked_for(
    client: FlaskClient, submit: Submit, version: str
) -> None:
    job = client.get(f"/v1/jobs/{submit(format_version=version)}").get_json()
    assert job["request"]["format_version"] == version


def test_a_version_that_there_is_not_is_refused(client: FlaskClient, pictures: str) -> None:
    answer = client.post("/v1/jobs", json={"container_url": pictures, "format_version": "1.7"})
    [error] = answer.get_json(force=True)["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/format_version")
    assert "'1.6'" in error["detail"]
