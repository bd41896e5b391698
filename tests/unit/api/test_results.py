import gzip
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


LONG = b"".join(b'{"file":"%07d.jpg","detections":[]},\n' % n for n in range(300_000))


@pytest.fixture
def long_path(submit: Submit, end: End) -> str:
    job_id = submit()
    end(job_id, LONG)
    return f"/v1/jobs/{job_id}/results"


@pytest.mark.parametrize(
    ("asked", "start", "end_"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, len(LONG)),
        ("bytes=-7", len(LONG) - 7, len(LONG)),
        ("bytes=4194300-4194310", 4194300, 4194311),
        (f"bytes=5-{10**12}", 5, len(LONG)),
    ],
)
def test_a_part_of_the_results(
    client: FlaskClient, long_path: str, asked: str, start: int, end_: int
) -> None:
    answer = client.get(long_path, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.data == LONG[start:end_]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end_ - 1}/{len(LONG)}"
    assert answer.content_length == end_ - start


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=x", "bytes=9-3"])
def test_a_range_that_is_none_gets_the_whole(
    client: FlaskClient, long_path: str, asked: str
) -> None:
    answer = client.get(long_path, headers={"Range": asked})
    assert (answer.status_code, len(answer.data)) == (200, len(LONG))


def test_a_range_beyond_the_end_is_a_problem(client: FlaskClient, long_path: str) -> None:
    answer = client.get(long_path, headers={"Range": f"bytes={len(LONG)}-"})
    assert answer.status_code == 416
    assert answer.get_json(force=True)["code"] == "range_not_satisfiable"
    assert answer.headers["Content-Range"] == f"bytes */{len(LONG)}"


def test_a_broken_download_goes_on_only_with_the_same_file(
    client: FlaskClient, long_path: str
) -> None:
    etag = client.head(long_path).headers["ETag"]
    same = client.get(long_path, headers={"Range": "bytes=9-", "If-Range": etag})
    other = client.get(long_path, headers={"Range": "bytes=9-", "If-Range": '"other"'})
    assert (same.status_code, same.data) == (206, LONG[9:])
    assert (other.status_code, other.data) == (200, LONG)


def test_a_part_is_never_packed(client: FlaskClient, long_path: str) -> None:
    part = client.get(long_path, headers={"Range": "bytes=10-", "Accept-Encoding": "gzip"})
    assert part.status_code == 206 and "Content-Encoding" not in part.headers
    assert part.data == client.get(long_path).data[10:]
    assert part.headers["Vary"] == "Accept-Encoding"


def test_a_part_of_what_may_be_another_file_is_not_sent(
    client: FlaskClient, long_path: str
) -> None:
    etag = client.head(long_path).headers["ETag"]
    for known, status in ((etag, 206), (f"W/{etag}", 200)):
        headers = {"Range": "bytes=10-", "If-Range": known}
        assert client.get(long_path, headers=headers).status_code == status


@pytest.mark.parametrize("part", [{}, {"Range": "bytes=10-"}])
def test_what_must_match_does(client: FlaskClient, long_path: str, part: dict[str, str]) -> None:
    etag = client.head(long_path).headers["ETag"]
    for match in ("*", etag, f'"other", {etag}'):
        assert client.get(long_path, headers={"If-Match": match, **part}).status_code in (200, 206)
    for match in ('"other"', f"W/{etag}"):
        refused = client.get(long_path, headers={"If-Match": match, **part})
        assert refused.status_code == 412
        assert refused.get_json(force=True)["code"] == "precondition_failed"


def test_results_are_packed_for_who_takes_it(client: FlaskClient, long_path: str) -> None:
    answer = client.get(long_path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == LONG and len(answer.data) < len(LONG) / 4
    plain = client.get(long_path, headers={"Accept-Encoding": "gzip;q=0"})
    assert plain.data == LONG and "Content-Encoding" not in plain.headers
    assert answer.headers["ETag"] != plain.headers["ETag"]
    again = client.get(
        long_path, headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
