import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

LOOK = "POST /v1/jobs?validate_only=true"
REPORT: dict[str, Any] = {
    "model": "demo",
    "can_list": True,
    "can_read": True,
    "read": {"name": "n/1.jpg", "format": "jpeg", "bytes": 2_345_678},
    "names": ["n/1.jpg", "n/\x1b[31m2.jpg"],
    "images": 5000,
    "images_known": False,
    "skipped": {".mp4": 3, "": 1},
    "sas_expires_at": "2026-12-01T10:00:00Z",
    "waiting_for_workers": False,
    "seconds": 7300,
    "results_bytes": 1_250_000,
    "warnings": [{"code": "sas_expires_soon", "detail": "The SAS expires soon."}],
}
UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(REPORT),
    "model": "demo",
    "names": [],
    "images_known": False,
    "skipped": {},
    "waiting_for_workers": True,
    "warnings": [],
}


def test_the_report_is_told_in_words(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(LOOK, REPORT)
    assert command("submit", "/photos", "--validate-only", "--name", "x") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert "\x1b" not in told.out and lines.pop(2).startswith("such as: n/1.jpg, n/")
    assert lines == [
        "model: demo",
        "images: at least 5,000",
        "read as a trial: n/1.jpg (jpeg, 2.3 MB)",
        "files passed over, which are no images: 3 .mp4, 1 no suffix",
        "SAS valid until: 2026-12-01 10:00 UTC",
        "will take about: 2 h 2 min, for the images counted here",
        "results file: about 1.2 MB, for the images counted here",
    ]
    assert "Warning: The SAS expires soon." in told.err
    assert "Nothing was submitted." in told.err
    assert service.bodies(LOOK) == [b'{"name":"x","container_url":"/photos"}']
    assert len(service.requests) == 1


def test_what_is_not_known_is_not_told(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(LOOK, UNKNOWN)
    assert command("submit", "/photos", "--validate-only") == 0
    assert capsys.readouterr().out == "model: demo\n"


def test_the_report_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(LOOK, REPORT)
    assert command("submit", "/photos", "--validate-only", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == REPORT
    assert len(told.out.splitlines()) == 1


def test_a_refusal_is_that_of_a_submission(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(LOOK, {"code": "url_not_allowed", "detail": "Not below an allowed root."}, 422)
    assert command("submit", "/photos", "--validate-only") == 2
    assert "`megabatch serve --allow-root /photos`" in capsys.readouterr().err


def test_a_key_of_ones_own_is_sent(command: Command, service: Service) -> None:
    service.answer("POST /v1/jobs", JOB, 202)
    assert command("submit", "/photos", "--idempotency-key", "season-1") == 0
    assert command("submit", "/photos") == 0
    keys = [headers["Idempotency-Key"] for headers in service.headers]
    assert keys[0] == "season-1" and keys[1] not in ("", "season-1")


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\u00e9", '"a"'])
def test_a_key_that_is_none_sends_nothing(
    command: Command, service: Service, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("submit", "/photos", "--idempotency-key", key) == 2
    assert "1 to 128 visible ASCII letters" in capsys.readouterr().err
    assert service.requests == []


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["--status", "running", "--status", "failed"], "status=running%2Cfailed"),
        (["--name", "north"], "name=north"),
        (["--since", "2026-05-01"], "created_after=2026-05-01T00%3A00%3A00"),
        (["--since", "2026-05-01 12:30"], "created_after=2026-05-01T12%3A30%3A00"),
        (["--until", "2026-05-01T12:30"], "created_before=2026-05-01T12%3A30%3A00"),
        (
            ["--since", "2026-05-01", "--until", "2026-06-01"],
            "created_after=2026-05-01T00%3A00%3A00&created_before=2026-06-01T00%3A00%3A00",
        ),
    ],
)
def test_jobs_are_filtered_by_the_service(
    command: Command,
    service: Service,
    words: list[str],
    query: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.answer(f"GET /v1/jobs?{query}", {"data": []})
    assert command("jobs", *words) == 0
    assert capsys.readouterr().out == "No such jobs.\n"


def test_status_tells_the_pace(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    running = {**job("running"), "images_per_second": 2.0, "seconds_left": 3}
    service.answer(f"GET /v1/jobs/{JOB['id']}", running)
    assert command("status", JOB["id"]) == 0
    assert "running: 4 of 10 images, 2.0 images/s, 3 s left" in capsys.readouterr().out
