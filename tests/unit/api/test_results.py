from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from core.jobs import FinalRecord, JobStatus
from tests.fixtures.redis_server import RedisServer

Submit = Callable[..., str]
End = Callable[..., FinalRecord]

RESULTS = b'{"info": {}, "images": [\n]}\n'


@pytest.mark.parametrize("forgotten", [False, True])
def test_results_are_handed_out_as_they_are(
    client: FlaskClient, submit: Submit, end: End, redis_server: RedisServer, forgotten: bool
) -> None:
    job_id = submit(name="Site 4")
    final = end(job_id, RESULTS)
    if forgotten:
        redis_server.wipe()
    answer = client.get(f"/v1/jobs/{job_id}/results")
    assert answer.status_code == 200
    assert answer.data == RESULTS
    assert answer.content_type == "application/json"
    assert answer.content_length == len(RESULTS)
    assert answer.get_etag() == (final.results_digest, False)
    named = f"megabatch_Site_4_{final.finished_at:%Y-%m-%d}.json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{named}"'


def test_results_of_a_job_without_a_name_are_called_by_its_id(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job_id = submit(name="  ")
    end(job_id, RESULTS)
    answer = client.get(f"/v1/jobs/{job_id}/results")
    assert f"megabatch_{job_id}_" in answer.headers["Content-Disposition"]


def test_results_are_large_and_whole(client: FlaskClient, submit: Submit, end: End) -> None:
    job_id = submit()
    results = bytes(range(256)) * 100_000
    end(job_id, results)
    assert client.get(f"/v1/jobs/{job_id}/results").data == results


def test_results_that_the_client_has_are_not_sent_again(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job_id = submit()
    final = end(job_id, RESULTS)
    path = f"/v1/jobs/{job_id}/results"
    same = client.get(path, headers={"If-None-Match": f'"{final.results_digest}"'})
    other = client.get(path, headers={"If-None-Match": '"other"'})
    assert (same.status_code, same.data) == (304, b"")
    assert (other.status_code, other.data) == (200, RESULTS)


def test_the_head_of_results_has_no_body(client: FlaskClient, submit: Submit, end: End) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    answer = client.head(f"/v1/jobs/{job_id}/results")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(RESULTS)


def test_a_running_job_has_no_results_yet(client: FlaskClient, submit: Submit) -> None:
    answer = client.get(f"/v1/jobs/{submit()}/results")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (409, "results_not_ready")
    assert answer.headers["Retry-After"] == "5"


def test_a_job_that_found_nothing_says_so(client: FlaskClient, submit: Submit, end: End) -> None:
    job_id = submit()
    end(job_id, None, JobStatus.FAILED)
    answer = client.get(f"/v1/jobs/{job_id}/results")
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (404, "no_results")
    assert "no_images: nothing there" in problem["detail"]


def test_results_that_were_deleted_are_not_found(
    client: FlaskClient, submit: Submit, end: End, tmp_path: Path
) -> None:
    job_id = submit()
    final = end(job_id, RESULTS)
    (tmp_path / "storage" / (final.results or "")).unlink()
    answer = client.get(f"/v1/jobs/{job_id}/results")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "no_results")


def test_only_the_committed_results_are_served(
    client: FlaskClient, submit: Submit, end: End, tmp_path: Path
) -> None:
    job_id = submit()
    final = end(job_id, RESULTS)
    other = (tmp_path / "storage" / (final.results or "")).with_name("another-merge.json")
    other.write_bytes(b"of a merge that did not win")
    assert client.get(f"/v1/jobs/{job_id}/results").data == RESULTS
