import os
import subprocess
import sys
from ast import literal_eval

import pytest

from cli.main import run
from cli.redis_server import free_port
from core.sealing import Sealer
from tests.unit.cli.service import Service

SAS = "https://account.blob.core.windows.net/photos?sv=2024&sig=s3cret"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (422, 2), (413, 2), (404, 3), (409, 3), (500, 3), (401, 3), (503, 6)],
)
def test_a_refusal_is_a_line_and_an_exit_code(
    service: Service, status: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"code": "some_code", "detail": f"Not so: {SAS}"}
    service.answer("POST /v1/jobs", problem, status)
    assert run(["submit", SAS, "--service", service.url]) == code
    told = capsys.readouterr()
    said = told.err.splitlines()[1:]  # after the advice about URLs with secrets
    assert said == ["Not so: https://account.blob.core.windows.net/photos?sv=2024&sig=<hidden>"]
    assert told.out == ""


def test_a_service_that_is_away_is_6(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "1", "--service", f"http://127.0.0.1:{free_port()}"]) == 6
    assert "megabatch serve" in capsys.readouterr().err


def test_a_wrong_command_line_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["submit", "photos", SAS]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Usage: megabatch submit")
    assert "extra argument" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("words", [[], ["--help"], ["submit", "-h"]])
def test_help_is_no_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    assert capsys.readouterr().out.startswith("Usage: megabatch")


def test_every_command_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    run([])
    listed = capsys.readouterr().out
    lines = listed.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    commands = {line.split()[0] for line in lines}
    assert commands == {
        *("submit", "retry-failed", "status", "jobs", "wait", "cancel", "results", "delete"),
        *("container-url", "link", "links", "priority", "webhooks", "webhook-secret"),
        *("detect", "video", "post", "models", "serve", "demo", "api", "worker"),
        *("doctor", "usage", "keys", "secret-key", "reseal", "mend"),
    }


def test_the_short_help_of_no_command_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    run([])
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("megabatch ")


@pytest.mark.parametrize("words", [[], ["submit"], ["wait"]])
def test_help_tells_every_exit_code(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    told = capsys.readouterr().out.partition("Exit codes:\n")[2].splitlines()
    assert [line.split()[0] for line in told] == ["0", "2", "3", "4", "5", "6"]


def test_a_wrong_service_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["status", "1"], ["jobs"], ["cancel", "1"], ["results", "1"], ["wait", "1"]):
        assert run([*words, "--service", "ftp://here"]) == 2
        assert "--service is not the URL of a service" in capsys.readouterr().err


def test_a_new_secret_key_seals(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["secret-key"]) == 0
    key = capsys.readouterr().out.strip()
    assert Sealer([key]).open(Sealer([key]).seal("x")) == "x"
    run(["secret-key"])
    assert capsys.readouterr().out.strip() != key


def test_a_reader_that_goes_away_is_no_crash() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "--help"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.stderr == b""


def test_help_loads_no_command() -> None:
    code = "import sys; from cli.main import run; run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = literal_eval(done.stdout.splitlines()[-1])
    ours = {name for name in loaded if name.startswith("cli.")}
    assert ours == {"cli.exit_codes", "cli.extras", "cli.lazy", "cli.main", "cli.terminal"}
