import os
import pty
import subprocess
import sys

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
DELETE, SHOW = f"DELETE /v1/jobs/{ID}", f"GET /v1/jobs/{ID}"


def deletions(service: Service) -> int:
    return len(service.bodies(DELETE))


def test_yes_is_not_asked(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(DELETE, b"", 204)
    assert command("delete", ID, "--yes") == 0
    assert deletions(service) == 1
    assert f"{ID} is deleted" in capsys.readouterr().err


def test_where_nobody_can_answer_yes_is_needed(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("delete", ID) == 2
    assert service.requests == [] and "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(("said", "code"), [("y", 0), ("n", 130), ("", 130)])
def test_terminal_is_asked(service: Service, said: str, code: int) -> None:
    service.answer(DELETE, b"", 204)
    service.answer(SHOW, job("completed"))
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{said}\n".encode())
    words = ["delete", ID, "--service", service.url]
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        stdin=terminal,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as asking:
        _, shown = asking.communicate(timeout=30)
    assert asking.returncode == code, shown
    assert b"(north ridge), of 10 images" in shown
    assert deletions(service) == (code == 0)
    os.close(keyboard)
    os.close(terminal)


def test_refusal_is_told(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(DELETE, {"code": "job_conflict", "detail": "Cancel it first."}, 409)
    assert command("delete", ID, "--yes") == 3
    assert "Cancel it first." in capsys.readouterr().err
