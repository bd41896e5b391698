import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cli.client import Client
from cli.downloading import moved_into_place
from cli.redis_server import free_port
from core.errors import (
    ConfigError,
    InvalidRequest,
    JobConflict,
    JobNotFound,
    MegaBatchError,
    Unavailable,
)
from core.jobs import JobStatus
from tests.unit.cli.service import JOB, Service, job


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    client = Client(service.url)
    yield client
    client.close()


def problem(code: str, detail: str, **more: object) -> dict[str, object]:
    return {"type": "about:blank", "title": "No", "status": 422, "code": code, "detail": detail} | (
        more
    )


def test_submit_sends_the_fields_as_json_and_returns_the_job(
    client: Client, service: Service
) -> None:
    service.answer("POST /v1/jobs", JOB, status=202)

    accepted = client.submit({"container_url": "/photos", "first_n": 3})

    assert accepted.id == JOB["id"]
    assert accepted.status is JobStatus.RUNNING
    assert accepted.progress.images_done == 4
    [body] = service.bodies("POST /v1/jobs")
    assert json.loads(body) == {"container_url": "/photos", "first_n": 3}


def test_a_job_id_cannot_lead_to_another_path(client: Client, service: Service) -> None:
    service.answer("GET /v1/jobs/a%2Fb%3Fc", JOB)
    assert client.job("a/b?c").id == JOB["id"]


def test_jobs_follow_the_cursor_to_the_last_page(client: Client, service: Service) -> None:
    service.answer("GET /v1/jobs", {"data": [JOB, JOB], "next_cursor": "a+b/c"})
    service.answer("GET /v1/jobs?cursor=a%2Bb%2Fc", {"data": [JOB], "next_cursor": None})
    assert len(list(client.jobs())) == 3


def test_a_page_that_is_not_needed_is_not_read(client: Client, service: Service) -> None:
    service.answer("GET /v1/jobs", {"data": [JOB], "next_cursor": "more"})
    assert next(client.jobs()).id == JOB["id"]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, InvalidRequest),
        (422, InvalidRequest),
        (404, JobNotFound),
        (409, JobConflict),
        (500, MegaBatchError),
    ],
)
def test_a_problem_is_raised_with_the_service_s_own_words(
    client: Client, service: Service, status: int, family: type[MegaBatchError]
) -> None:
    fields = [{"pointer": "/first_n", "detail": "must be at least 1"}]
    service.answer("POST /v1/jobs", problem("bad", "Look again.", errors=fields), status)
    with pytest.raises(MegaBatchError) as raised:
        client.submit({})
    assert type(raised.value) is family
    assert raised.value.code == "bad"
    assert raised.value.message == "Look again.\n--first-n: must be at least 1"


def test_a_get_is_asked_again_when_the_service_is_busy(client: Client, service: Service) -> None:
    service.answer("GET /v1/jobs/1", problem("unavailable", "Redis is away."), 503)
    service.answer("GET /v1/jobs/1", JOB)
    assert client.job("1").id == JOB["id"]
    assert len(service.requests) == 2


@pytest.mark.parametrize("lost", ["busy", "broken off"])
def test_a_submission_is_sent_again_with_its_key(
    client: Client, service: Service, lost: str
) -> None:
    if lost == "busy":
        service.answer("POST /v1/jobs", problem("unavailable", "Redis is away."), 503)
    else:
        service.answer("POST /v1/jobs", b"half", 202, {"Content-Length": "4000"})
    service.answer("POST /v1/jobs", JOB, 202)
    assert client.submit({"first_n": 3}).id == JOB["id"]
    assert service.bodies("POST /v1/jobs") == [b'{"first_n":3}'] * 2
    first, again = (headers["Idempotency-Key"] for headers in service.headers)
    assert first == again and len(first) == 32
    client.submit({})
    assert service.headers[-1]["Idempotency-Key"] != first
    client.submit({}, "mine")
    assert service.headers[-1]["Idempotency-Key"] == "mine"


def test_what_changes_a_job_is_never_sent_twice(client: Client, service: Service) -> None:
    service.answer("POST /v1/jobs/1/cancel", problem("unavailable", "Redis is away."), 503)
    with pytest.raises(Unavailable, match="Redis is away"):
        client.cancel("1")
    assert len(service.requests) == 1


def test_only_jobs_that_fit_are_asked_for(client: Client, service: Service) -> None:
    path = "GET /v1/jobs?status=running%2Cfailed&name=a+b"
    service.answer(path, {"data": [], "next_cursor": "more"})
    service.answer(f"{path}&cursor=more", {"data": [JOB]})
    found = client.jobs(status="running,failed", name="a b", created_after="")
    assert [job.id for job in found] == [JOB["id"]]


def test_silence_says_what_to_do() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match=r"does not answer\. .*`megabatch serve`"):
        client.job("1")
    assert client.ready() is False


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"<h1>It works!</h1>", 200), ({"data": 1}, 200), (b"\xff", 200), (b"<h1>no</h1>", 404)],
)
def test_another_program_at_the_port_is_named_as_such(
    client: Client, service: Service, body: object, status: int
) -> None:
    service.answer("GET /v1/jobs/1", body, status)
    with pytest.raises(MegaBatchError, match=r"not as .*--service") as raised:
        client.job("1")
    assert type(raised.value) is MegaBatchError


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://here", "", "http://", "http://[:", "http://me:pw@here"]
)
def test_a_service_must_be_an_http_url(url: str) -> None:
    with pytest.raises(ConfigError, match="not the URL of a service") as raised:
        Client(url)
    assert "pw" not in str(raised.value)


def test_ready_is_200_alone(client: Client, service: Service) -> None:
    service.answer("GET /readyz", {}, 503)
    service.answer("GET /readyz", {}, 200)
    assert [client.ready(), client.ready()] == [False, True]


def test_models_tell_their_workers(client: Client, service: Service) -> None:
    service.answer("GET /v1/models", {"data": [{"name": "demo", "workers": 2, "default": True}]})
    [model] = client.models()
    assert (model.name, model.workers, model.default) == ("demo", 2, True)


def test_results_are_written_whole(client: Client, service: Service, tmp_path: Path) -> None:
    content = b'{"images": []}' * 200_000
    service.answer("GET /v1/jobs/1/results", content)
    target = tmp_path / "results.json"
    assert client.download("1", target) == len(content)
    assert target.read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


def test_results_that_end_early_leave_what_was_there(
    client: Client, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.downloading.WAITS", (0.01, 0.01))
    target = tmp_path / "results.json"
    target.write_text("older")
    service.answer(
        "GET /v1/jobs/1/results", b"{", headers={"Content-Length": "100", "Connection": "close"}
    )
    with pytest.raises(Unavailable, match="broke off its answer"):
        client.download("1", target)
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_results_that_are_not_ready_are_refused(
    client: Client, service: Service, tmp_path: Path
) -> None:
    service.answer("GET /v1/jobs/1/results", problem("results_not_ready", "Ask later."), 409)
    with pytest.raises(JobConflict, match="Ask later"):
        client.download("1", tmp_path / "results.json")
    assert not list(tmp_path.iterdir())


def test_cancel_returns_the_job(client: Client, service: Service) -> None:
    service.answer("POST /v1/jobs/1/cancel", job("cancelling"), 202)
    assert client.cancel("1").status is JobStatus.CANCELLING


def test_a_block_that_fails_moves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), moved_into_place(tmp_path / "new") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "no" / "results.json"
    with pytest.raises(FileNotFoundError) as raised, moved_into_place(target):
        pass
    assert raised.value.filename == str(target)


def test_a_job_keeps_what_only_the_service_knows(client: Client, service: Service) -> None:
    more = {"request": {"container_url": "/photos"}, "results": None}
    service.answer("GET /v1/jobs/1", {**JOB, **more})
    service.answer("GET /v1/jobs", {"data": [JOB]})
    shown = client.job("1")
    assert shown.asked_for == {"container_url": "/photos"}
    assert json.loads(msgspec.json.encode(shown))["request"] == {"container_url": "/photos"}
    [listed] = client.jobs()
    assert listed.asked_for == {}
    assert "request" not in json.loads(msgspec.json.encode(listed))
    assert json.loads(msgspec.json.encode(listed))["links"] == JOB["links"]
