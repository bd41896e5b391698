"""Submitting many times at once, and looking ahead, with all processes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from tests.fixtures.system import System
from tests.integration.conftest import Pictures

pytestmark = pytest.mark.integration


def submit(system: System, pictures: Pictures) -> urllib3.BaseHTTPResponse:
    return urllib3.request(
        "POST",
        f"{system.url}/v1/jobs",
        json={"container_url": str(pictures.folder)},
        headers={"Idempotency-Key": "season-1"},
    )


def test_fifty_calls_at_once_make_one_job(system: System, pictures: Pictures) -> None:
    pictures.add(40)
    system.start_all()
    body = {"container_url": str(pictures.folder)}
    report = system.call("POST", "/v1/jobs?validate_only=true", body)
    assert (report["images"], report["can_read"], report["warnings"]) == (40, True, [])
    assert report["seconds"] is None

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: submit(system, pictures), range(50)))
    assert {answer.status for answer in answers} == {202}
    (job_id,) = {answer.json()["id"] for answer in answers}
    replayed = [answer for answer in answers if "Idempotency-Replayed" in answer.headers]
    assert len(replayed) == 49
    assert len(system.call("GET", "/v1/jobs")["data"]) == 1

    assert system.wait(job_id)["status"] == "completed"
    assert submit(system, pictures).json()["results"] == system.job(job_id)["results"]
    report = system.call("POST", "/v1/jobs?validate_only=true", body)
    assert 0 < report["seconds"] < 60
    size = system.job(job_id)["results"]["bytes"]
    assert report["results_bytes"] == pytest.approx(size, rel=0.5)
