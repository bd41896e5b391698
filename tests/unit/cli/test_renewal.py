import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
PUT = f"PUT /v1/jobs/{ID}/container-url"
SAS = "https://account.blob.core.windows.net/photos?sp=rl&sig=CANARY"


def sent(service: Service) -> list[object]:
    return [json.loads(body) for body in service.bodies(PUT)]


def test_url_from_a_file_or_a_variable(
    command: Command,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.answer(PUT, {**job("running"), "sas_expires_at": "2026-06-01T10:00:00Z"})
    file = tmp_path / "url"
    file.write_text(SAS)
    assert command("container-url", ID, "--container-url-file", file) == 0
    monkeypatch.setenv("MEGABATCH_CONTAINER_URL", SAS)
    assert command("container-url", ID) == 0
    assert sent(service) == [{"container_url": SAS}] * 2
    said = capsys.readouterr()
    assert said.out == "" and "CANARY" not in said.err
    assert f"{ID}: running" in said.err and "until 2026-06-01 10:00 UTC" in said.err


@pytest.mark.parametrize("words", [(), ("-",)])
def test_url_from_standard_input(service: Service, words: tuple[str, ...]) -> None:
    service.answer(PUT, job("running"))
    line = ["container-url", ID, *words, "--service", service.url]
    asked = subprocess.run(
        [sys.executable, "-m", "cli.main", *line],
        input=f"{SAS}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert sent(service) == [{"container_url": SAS}] and "CANARY" not in asked.stderr


def test_refusal_is_told(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"code": "job_conflict", "detail": "The job is completed; it needs none any more."}
    service.answer(PUT, problem, 409)
    assert command("container-url", ID, "/photos") == 3
    assert "The job is completed" in capsys.readouterr().err
