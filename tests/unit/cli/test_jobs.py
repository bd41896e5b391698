import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
SUBMIT, SHOW = "POST /v1/jobs", f"GET /v1/jobs/{ID}"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (job("completed", images_done=10), 0),
        (job("completed", images_done=10, images_failed=1), 4),
        (job("failed"), 3),
        (job("cancelled"), 5),
    ],
)
def test_the_end_of_a_job_is_the_exit_code(
    command: Command, service: Service, end: dict[str, object], code: int
) -> None:
    service.answer(SUBMIT, job("queued"), 202)
    service.answer(SHOW, end)
    assert command("submit", "/photos", "--wait") == code
    assert command("wait", ID) == code
    assert command("status", ID) == 0
    assert command("status", ID, "--watch") == 0


def test_output_waits_and_downloads(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, job("queued"), 202)
    service.answer(SHOW, job("completed", images_done=10, images_failed=2, failures={"corrupt": 2}))
    service.answer(f"{SHOW}/results", b"{}")
    target = tmp_path / "results.json"
    assert command("submit", "/photos", "-o", target) == 4
    assert target.read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [target]
    told = capsys.readouterr()
    assert told.out == f"{ID}\n"
    assert "failed images: 2 corrupt" in told.err


def test_a_failed_job_without_results_still_counts_as_failed(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("cancelled"))
    no_results = {"code": "no_results", "detail": "The job has no results file."}
    service.answer(f"{SHOW}/results", no_results, 404)
    assert command("wait", ID, "-o", tmp_path / "results.json") == 5
    assert "has no results file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (("wait", ID), f"Wait for it again with `megabatch wait {ID}"),
        (
            ("wait", ID, "-o", "my file"),
            f"Wait for it again with `megabatch wait {ID} -o 'my file'",
        ),
        (("status", ID, "--watch"), f"Watch it again with `megabatch status {ID} --watch"),
    ],
)
def test_an_interrupted_wait_says_how_to_go_on(
    service: Service, words: tuple[str, ...], again: str
) -> None:
    service.answer(SHOW, job("running"))
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words, "--service", service.url],
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "running: 4 of 10 images\n"
        waiting.send_signal(signal.SIGINT)
        said = waiting.stderr.read()
    assert said.rstrip() == f"The job goes on. {again} --service {service.url}`."
    assert waiting.returncode == 130
    assert {name for name, _body in service.requests} == {SHOW}


@pytest.mark.parametrize("words", [("wait", ID), ("status", ID, "--watch"), ("status", ID)])
def test_a_service_that_is_away_at_first_is_6_at_once(
    command: Command, service: Service, words: tuple[str, ...]
) -> None:
    for _ in range(4):  # the client's own tries
        service.answer(SHOW, {"code": "unavailable", "detail": "Redis is away."}, 503)
    service.answer(SHOW, job("completed"))
    assert command(*words) == 6


def test_failed_images_come_with_the_command_that_tries_them_again(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    end = job("completed", images_failed=3, failures={"truncated": 1, "corrupt": 2})
    service.answer(SHOW, {**end, "sas_expires_at": "2126-05-01T10:00:00Z"})
    service.answer(SHOW, {**end, "sas_expires_at": "2026-05-01T10:00:00Z"})
    assert command("wait", ID) == 4
    told = capsys.readouterr().err
    assert "failed images: 2 corrupt, 1 truncated" in told
    assert f"`megabatch retry-failed {ID} --truncated-images accept`" in told
    assert command("wait", ID) == 4
    assert f"`megabatch retry-failed {ID} - --truncated" in capsys.readouterr().err


def test_a_job_whose_images_all_failed_can_be_tried_again_too(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("failed", images_failed=3, failures={"corrupt": 3}))
    assert command("wait", ID) == 3
    assert f"retry-failed {ID}`" in capsys.readouterr().err


def test_a_job_without_images_is_warned_of(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("completed", images=0, images_done=0))
    service.answer(SHOW, job("completed", images=1, images_done=1))
    assert command("wait", ID) == 0
    assert "Warning: the job found no images" in capsys.readouterr().err
    assert command("wait", ID) == 0
    assert "Warning" not in capsys.readouterr().err


def test_the_end_of_a_job_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, job("queued"), 202)
    service.answer(SHOW, job("completed"))
    for words in (("wait", ID), ("status", ID), ("submit", "/photos", "--wait")):
        assert command(*words, "--json") == 0
        [line] = capsys.readouterr().out.splitlines()
        assert json.loads(line)["status"] == "completed"


def test_results_go_to_a_file_named_for_the_job(
    command: Command,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.answer(SHOW, job("cancelled", images=3000, images_done=750))
    service.answer(f"{SHOW}/results", b'{"images": []}')
    monkeypatch.chdir(tmp_path)
    assert command("results", ID) == 0
    assert (tmp_path / f"{ID}.json").read_bytes() == b'{"images": []}'
    assert f"{ID}.json: 14 bytes, 750 of 3,000 images" in capsys.readouterr().err
    assert command("results", ID, "-o", "other.json") == 0
    assert (tmp_path / "other.json").exists()


@pytest.mark.parametrize("words", [("submit", "/photos"), ("wait", ID), ("results", ID)])
def test_a_results_file_that_cannot_be_written_is_said_before_anything_is_asked(
    command: Command,
    service: Service,
    tmp_path: Path,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(*words, "-o", tmp_path / "no" / "results.json") == 2
    assert f"there is no folder {tmp_path / 'no'}" in capsys.readouterr().err
    assert command(*words, "-o", "/proc/results.json") == 2
    assert "/proc/results.json cannot be written" in capsys.readouterr().err
    assert command(*words, "-o", tmp_path) == 2
    assert service.requests == []
    assert list(tmp_path.iterdir()) == []


def test_status_shows_the_job(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("running"))
    assert command("status", ID) == 0
    assert capsys.readouterr().out == f"{ID}  north ridge\nrunning: 4 of 10 images\n"
    assert command("status", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["progress"]["images_done"] == 4


def test_jobs_shows_the_newest_jobs(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = {**JOB, "name": "[red]x\x1b]0;pwned\x07 :cat:"}
    service.answer("GET /v1/jobs", {"data": [hostile, JOB, JOB], "next_cursor": None})
    assert command("jobs", "--limit", "2") == 0
    out = capsys.readouterr().out
    assert out.count(ID) == 2
    assert "\x1b" not in out
    assert "\x07" not in out
    assert command("jobs", "--json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ID] * 3


def test_jobs_says_what_waits_for_a_worker(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {**job("queued"), "waiting_for_workers": True}
    service.answer("GET /v1/jobs", {"data": [waiting, job("merging")]})
    assert command("jobs") == 0
    [_, first, second] = capsys.readouterr().out.splitlines()
    assert "waiting for a worker" in first
    assert "merging" in second


def test_an_empty_list_says_so_and_prints_no_lines_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer("GET /v1/jobs", {"data": []})
    assert command("jobs") == 0
    assert capsys.readouterr().out == "No jobs yet.\n"
    assert command("jobs", "--json") == 0
    assert capsys.readouterr().out == ""


def test_cancel_asks_the_service(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"POST /v1/jobs/{ID}/cancel", job("cancelling"), 202)
    assert command("cancel", ID) == 0
    assert f"{ID}: cancelling" in capsys.readouterr().err
