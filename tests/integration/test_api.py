"""The API under gunicorn, as `python -m api` runs it, over real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.job_folder import JobFolder, open_job_folder
from core.jobs import FinalRecord, JobStatus, Progress, utc_now
from tests.azurite_server import Azurite
from tests.factories import accepted_job
from tests.fixtures.system import ROOT, System

pytestmark = pytest.mark.integration

JSON = {"Content-Type": "application/json"}
JOB = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def api(system: System) -> System:
    system.start_api()
    return system


def connect(api: System) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)


def post(api: System, body: bytes | Iterator[bytes]) -> tuple[int, bytes]:
    chunked = not isinstance(body, bytes)
    with closing(connect(api)) as connection:
        connection.request("POST", "/v1/jobs", body, JSON, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.read()


def send_raw(api: System, data: bytes) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", api.port), timeout=60) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return answer.read()


def test_jobs_are_taken_from_many_at_once(api: System, tmp_path: Path) -> None:
    with ThreadPoolExecutor(12) as threads:
        folder = str(tmp_path / "pictures")
        jobs = list(threads.map(lambda _: api.submit(container_url=folder), range(24)))
    listed = api.call("GET", "/v1/jobs?limit=200")["data"]
    assert {job["id"] for job in listed} == set(jobs)
    assert len(set(jobs)) == 24


def test_a_body_of_100_mb_gets_its_answer(api: System) -> None:
    status, answer = post(api, b"x" * 100_000_000)
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


def test_a_body_of_unknown_length_is_bounded_too(api: System, tmp_path: Path) -> None:
    whole = json.dumps({"container_url": str(tmp_path / "pictures")}).encode()
    assert post(api, iter([whole[:9], whole[9:]]))[0] == 202
    # The first 8 MiB alone would be a job.
    status, answer = post(api, iter([whole, *[b" " * 1_000_000] * 20]))
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


HOSTILE_LINES = [
    b"GET /v1/jobs?sig=CANARY HTTP/1.1",
    b"GET /v1/jobs/sig=CANARY HTTP/1.1",
    b"GET /v1/jobs?sig=CANARY HTTP/9.9",
    b"GET sig=CANARY",
    b"sig=CANARY",
    b"GET /?sig=CANARY HTTP/1.1\r\nContent-Length: sig=CANARY",
    b"GET /?sig=CANARY HTTP/1.1\r\nsig=CANARY: x\xff\r\n y",
    b"GET /?sig=CANARY" + b"x" * 10_000 + b" HTTP/1.1",
    b"GET /?sig=CANARY HTTP/1.1\r\nX: " + b"x" * 100_000,
]


def test_a_signature_is_neither_answered_nor_logged(api: System) -> None:
    for line in HOSTILE_LINES:
        answer = send_raw(api, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 4"), line[:60]
        assert b"application/problem+json" in answer
        assert b"CANARY" not in answer
    api.call("GET", "/readyz")  # what came before is in the log
    assert "malformed request: InvalidRequestLine" in api.logs()
    assert "CANARY" not in api.logs()


def test_a_body_in_broken_pieces_is_a_problem(api: System) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    for body in (b"zz\r\n{}", b"5\r\n{}", b"2\r\n{}xx\r\n", b"-1\r\n"):
        answer = send_raw(api, head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 400"), body
        assert b"application/problem+json" in answer


@pytest.fixture
def azurite_settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allowed_private_ranges=(ip_network("127.0.0.0/8"),))


def test_a_sas_stays_where_it_was_sealed(
    azurite: Azurite, azurite_settings: Settings, tmp_path: Path
) -> None:
    azurite.create_container("sealed", {"a.jpg": b"x"})
    url = azurite.container_url("sealed")
    signature = url.partition("sig=")[2].partition("&")[0]
    logs = tmp_path / "azurite-logs"
    logs.mkdir()
    api = System(azurite_settings, logs)
    try:
        api.start_api()
        job_id = api.submit(container_url=url)
        answers = [api.job(job_id), api.call("GET", "/v1/jobs")]
        refused = [
            post(api, json.dumps({"container_url": azurite.container_url("sealed", "r")}).encode()),
            post(api, json.dumps({"container_url": url, "images": [url]}).encode()),
            post(api, json.dumps({"images": [url, url]}).encode()),
            post(api, json.dumps({"container": url}).encode()),
        ]
    finally:
        api.stop()
    assert answers[0]["request"]["container_url"] == url.partition("?")[0]
    assert [status for status, _ in refused] == [422] * 4
    assert b"List" in refused[0][1]
    assert signature not in json.dumps(answers) + str(refused) + api.logs()
    kept = [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if signature.encode() in path.read_bytes()]


def completed_job(folder: JobFolder, size: int) -> None:
    """A job that ended long ago, with a results file of so many bytes."""
    folder.accept(accepted_job(JOB))
    path = folder.results_path(JOB, "token")
    with folder.results_writer(path) as writer:
        writer.write(b"x" * size)
    folder.write_final(
        FinalRecord(
            id=JOB,
            status=JobStatus.COMPLETED,
            model="demo",
            name="",
            created_at=utc_now(),
            started_at=None,
            finished_at=utc_now(),
            progress=Progress(),
            reason=None,
            results=path,
            results_bytes=size,
        )
    )


def test_a_download_ends_before_the_api_does(api: System, settings: Settings) -> None:
    size = 80_000_000
    completed_job(open_job_folder(settings), size)
    process = api.processes.pop("api")
    with closing(connect(api)) as connection:
        connection.request("GET", f"/v1/jobs/{JOB}/results")
        answer = connection.getresponse()
        assert answer.headers["Content-Length"] == str(size)
        read = len(answer.read(1000))
        process.send_signal(signal.SIGTERM)
        read += len(answer.read())
    assert read == size
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("change", "exit_code", "words"),
    [
        ({"MEGABATCH_STORAGE_URL": ""}, 2, "MEGABATCH_STORAGE_URL is not set"),
        ({"MEGABATCH_RETENTION_DAYS": "x"}, 2, "MEGABATCH_RETENTION_DAYS cannot be read"),
        ({"MEGABATCH_SECRET_KEYS": ""}, 3, "MEGABATCH_SECRET_KEYS is not set"),
        ({"MEGABATCH_DEFAULT_MODEL": "none"}, 3, "There is no model 'none'"),
    ],
)
def test_a_wrong_setting_is_told_and_ends_the_api(
    settings: Settings, change: Mapping[str, str], exit_code: int, words: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": settings.redis_url,
        "MEGABATCH_STORAGE_URL": settings.storage_url,
        "MEGABATCH_SECRET_KEYS": settings.secret_keys[0],
    }
    ended = subprocess.run(
        [sys.executable, "-m", "api", "--port", "0"],
        cwd=ROOT,
        env={**environment, **change},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == exit_code
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
