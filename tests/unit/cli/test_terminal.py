import sys
from pathlib import Path

import pytest

from cli.terminal import (
    new_table,
    print_table,
    printable,
    program,
    say,
    say_error,
    say_warning,
)
from tests.hostile_names import FORGED, HOSTILE


@pytest.fixture
def script(tmp_path: Path) -> Path:
    script = tmp_path / "bin" / "megabatch"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return script


def typed(monkeypatch: pytest.MonkeyPatch, word: str, path: str) -> str:
    monkeypatch.setattr(sys, "argv", [word])
    monkeypatch.setenv("PATH", path)
    return program()


def test_the_program_is_called_as_it_was_typed(
    script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(monkeypatch, "bin/megabatch", "/nowhere") == "bin/megabatch"
    assert typed(monkeypatch, str(script), "/nowhere") == str(script)
    assert typed(monkeypatch, str(script), str(script.parent)) == "megabatch"
    assert typed(monkeypatch, "cli/main.py", "/nowhere") == "megabatch"


def test_advice_can_be_typed_as_it_stands(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, str(script), "/nowhere")
    for tell in (say, say_error, say_warning):
        tell("Run `megabatch models list`.")
        assert f"un `{script} models list`." in capsys.readouterr().err


def test_a_table_has_no_blanks_at_the_ends_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table("A", "B")
    table.add_row("x", "long cell")
    table.add_row("y", "z")
    print_table(table)
    assert capsys.readouterr().out == "A  B\nx  long cell\ny  z\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_ends_its_line_or_steers_the_terminal(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert shown == name or not name.isprintable() or "sig=" in name


def test_a_message_may_take_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\ntwo {printable(FORGED)}\x1b[2J")
    assert capsys.readouterr().err.splitlines() == ["one", f"two \ufffd{FORGED[1:]}\ufffd[2J"]
