"""`megabatch retry-failed`, against a stand-in for the API."""

import json
from pathlib import Path

import pytest

from api.schemas import RetryBody
from cli.retry import retry_failed
from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
NEW = "0" * 31 + "2"
RETRY = f"POST /v1/jobs/{ID}/retry-failed"
HOOK = "https://hooks.example/north"
SAS = "https://account.blob.core.windows.net/photos?sp=rl&sig=CANARY"


@pytest.fixture(autouse=True)
def accepted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEGABATCH_WEBHOOK", raising=False)
    service.answer(RETRY, {**JOB, "id": NEW, "parent": ID}, 202)


def test_the_new_jobs_id_is_printed(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("retry-failed", ID) == 0
    told = capsys.readouterr()
    assert told.out == f"{NEW}\n" and f"`megabatch wait {NEW}`" in told.err
    assert service.bodies(RETRY) == [b"{}"] and service.headers[-1]["Idempotency-Key"]


def test_what_is_said_anew_is_sent(command: Command, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(SAS + "\n")
    words = ["--truncated-images", "accept", "--name", "again", "--container-url-file", str(file)]
    words += ["--metadata", "site=north=west", "--metadata", "empty=", "--webhook", HOOK]
    assert command("retry-failed", ID, *words) == 0
    [body] = service.bodies(RETRY)
    assert json.loads(body) == {
        "truncated_images": "accept",
        "name": "again",
        "container_url": SAS,
        "metadata": {"site": "north=west", "empty": ""},
        "webhook": {"url": HOOK},
    }


def test_everything_that_can_be_said_anew_has_an_option() -> None:
    given = {parameter.name for parameter in retry_failed.params} | {"container_url"}
    own = {"job_id", "container", "url_file", "waits", "target", "as_json", "service"}
    assert given - own - {"webhook_file"} == set(RetryBody.model_fields)


@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_webhook_need_not_stand_on_the_command_line(
    way: str, command: Command, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[object] = []
    if way == "variable":
        monkeypatch.setenv("MEGABATCH_WEBHOOK", HOOK)
    else:
        (tmp_path / "hook").write_text(f"{HOOK}\n")
        words = ["--webhook-file", tmp_path / "hook"]
    assert command("retry-failed", ID, *words) == 0
    assert [json.loads(body) for body in service.bodies(RETRY)] == [{"webhook": {"url": HOOK}}]


def test_metadata_that_is_no_pair_is_refused(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("retry-failed", ID, "--metadata", "north") == 2
    assert "write KEY=VALUE" in capsys.readouterr().err and service.requests == []


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    command: Command, service: Service
) -> None:
    other = f"POST /v1/jobs/{NEW}/retry-failed"
    service.answer(other, {"code": "unavailable", "detail": "Redis is away."}, 503)
    service.answer(other, JOB, 202)
    assert command("retry-failed", NEW) == 0
    first, second = (headers["Idempotency-Key"] for headers in service.headers)
    assert first == second


def test_waiting_ends_with_the_whole_results(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"GET /v1/jobs/{NEW}", {**job("completed", images_done=10), "id": NEW})
    service.answer(f"GET /v1/jobs/{NEW}/results", b'{"images": []}\n')
    assert command("retry-failed", ID, "-o", tmp_path / "results.json") == 0
    assert (tmp_path / "results.json").read_bytes() == b'{"images": []}\n'
    assert capsys.readouterr().out == f"{NEW}\n"


def test_the_job_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("retry-failed", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["parent"] == ID


def test_a_refusal_is_told(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"code": "nothing_failed", "detail": "Every image of this job succeeded."}
    service.answer(f"POST /v1/jobs/{NEW}/retry-failed", problem, 409)
    assert command("retry-failed", NEW) == 3
    assert "Every image of this job succeeded." in capsys.readouterr().err
