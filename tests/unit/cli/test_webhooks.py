import json
from pathlib import Path
from typing import Any

import click
import pytest

from cli.webhook_source import webhook_url
from core.keys import new_key
from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service

ID = JOB["id"]
URL = "https://hooks.example.org/secret"
TOLD: dict[str, Any] = {
    "data": [
        {
            **{"id": "msg_2", "event": "job.completed", "state": "waiting"},
            "next_try_at": "2026-05-01T12:05:00Z",
            "attempts": [
                {
                    **{"number": 2, "tried_at": "2026-05-01T12:00:10Z"},
                    **{"status": None, "error": "timeout", "ms": 15000},
                },
                {
                    **{"number": 1, "tried_at": "2026-05-01T12:00:00Z"},
                    **{"status": 500, "error": None, "ms": 20},
                },
            ],
        },
        {"id": "msg_1", "event": "job.started", "state": "given_up", "attempts": []},
    ]
}


def test_what_was_told_is_shown(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"GET /v1/jobs/{ID}/webhooks", TOLD)
    assert command("webhooks", ID) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["EVENT", "STATE", "TRIES"]
    assert first.split() == [
        *("job.completed", "waiting", "2", "2026-05-01", "12:00:10"),
        *("timeout", "2026-05-01", "12:05:00"),
    ]
    assert second.split() == ["job.started", "given", "up", "0"]


def test_what_was_told_is_printed_for_programs(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"GET /v1/jobs/{ID}/webhooks", TOLD)
    assert command("webhooks", ID, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == TOLD["data"][0]


def test_nothing_told_yet(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"GET /v1/jobs/{ID}/webhooks", {"data": []})
    assert command("webhooks", ID) == 0
    assert capsys.readouterr().out == "Nothing was told yet.\n"


def test_the_secret_is_printed_and_renewed_when_asked(
    command: Command,
    service: Service,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEGABATCH_API_KEY", new_key())
    for method, secret in (("GET", "whsec_one="), ("POST", "whsec_two=")):
        answer = {"secret": secret, "created_at": "2026-05-01T12:00:00Z"}
        service.answer(f"{method} /v1/webhook-secret", answer)
    assert command("webhook-secret") == 0
    assert capsys.readouterr() == ("whsec_one=\n", "")
    assert command("webhook-secret", "--new") == 0
    out, err = capsys.readouterr()
    assert out == "whsec_two=\n" and "24 hours" in err
    assert [name for name, _ in service.requests] == [
        "GET /v1/webhook-secret",
        "POST /v1/webhook-secret",
    ]


# Which webhook a job tells.


def submitted(service: Service) -> Any:
    return json.loads(service.bodies("POST /v1/jobs")[-1])


@pytest.mark.parametrize("way", ["option", "file", "variable", "none"])
def test_a_webhook_is_submitted(
    way: str, command: Command, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer("POST /v1/jobs", JOB, 202)
    monkeypatch.delenv("MEGABATCH_WEBHOOK", raising=False)
    words: tuple[object, ...] = ()
    if way == "option":
        words = ("--webhook", URL)
    elif way == "file":
        (tmp_path / "url").write_text(f"{URL}\n")
        words = ("--webhook-file", tmp_path / "url")
    elif way == "variable":
        monkeypatch.setenv("MEGABATCH_WEBHOOK", URL)
    assert command("submit", tmp_path, *words) == 0
    body = submitted(service)
    assert body.get("webhook") == (None if way == "none" else {"url": URL})
    assert "webhook_file" not in body


def test_a_refused_webhook_is_told_by_its_option(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"pointer": "/webhook/url", "detail": "The URL must start with https://."}
    problem = {"code": "invalid_fields", "title": "x", "detail": "y", "errors": [error]}
    service.answer("POST /v1/jobs", problem, 422)
    assert command("submit", tmp_path, "--webhook", "http://x/") == 2
    assert "--webhook (url): The URL must start with https://." in capsys.readouterr().err


def test_an_option_counts_before_the_variable(tmp_path: Path) -> None:
    environ = {"MEGABATCH_WEBHOOK": " https://x/variable \n"}
    (tmp_path / "url").write_text("\ufeffhttps://x/file\r\n", encoding="utf-8")
    assert webhook_url(None, None, environ) == "https://x/variable"
    assert webhook_url("https://x/option", None, environ) == "https://x/option"
    assert webhook_url(None, tmp_path / "url", environ) == "https://x/file"
    assert webhook_url(None, None, {"MEGABATCH_WEBHOOK": " "}) is None


@pytest.mark.parametrize("content", [b"", b"https://a/ https://b/", b"\xff\xfe"])
def test_a_file_that_holds_no_url(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(content)
    with pytest.raises(click.UsageError, match="one line"):
        webhook_url(None, tmp_path / "url", {})


def test_a_webhook_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(URL)
    with pytest.raises(click.UsageError, match="once"):
        webhook_url(URL, tmp_path / "url", {})
