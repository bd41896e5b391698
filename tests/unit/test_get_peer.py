"""The environment of the peer is made once, made anew for other pins, and never half."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Stands in for each Python: notes what it is asked for, and fails where `$FAILS` is asked.
PYTHON = """#!/bin/sh
echo "$*" | head -n 1 >>"$CALLS"
case "$*" in
    *$FAILS*) echo "no route to the index" >&2; exit 1 ;;
    "-m venv"*) mkdir -p .cache/peer/bin && cp "$0" .cache/peer/bin/python ;;
esac"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the script and a Python."""
    for folder in ("scripts", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/get-peer", tmp_path / "scripts")
    (tmp_path / ".venv/bin/python").write_text(PYTHON)
    (tmp_path / ".venv/bin/python").chmod(0o755)
    return tmp_path


def get(checkout: Path, fails: str = "nothing") -> tuple[subprocess.CompletedProcess[str], str]:
    """How the script ended, and what it asked the Pythons for."""
    calls = checkout / "calls"
    calls.write_text("")
    path = checkout / "scripts/get-peer"
    environ = {"PATH": "/usr/bin:/bin", "CALLS": str(calls), "FAILS": fails}
    ended = subprocess.run(
        [str(path)], env=environ, cwd="/", capture_output=True, text=True, check=False, timeout=30
    )
    return ended, calls.read_text()


def test_it_is_made_once(checkout: Path) -> None:
    first, calls = get(checkout)
    assert (first.returncode, first.stderr) == (0, "")
    assert "megadetector==" in calls
    second, calls = get(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert "pip" not in calls


def test_other_pins_make_it_anew(checkout: Path) -> None:
    get(checkout)
    with (checkout / "scripts/get-peer").open("a") as script:
        script.write("# other\n")
    assert "megadetector==" in get(checkout)[1]


@pytest.mark.parametrize("step", ["venv", "pip", "project.pth", "run_detector_batch"])
def test_what_fails_is_told_and_tried_again(checkout: Path, step: str) -> None:
    ended, _ = get(checkout, fails=step)
    assert ended.returncode == 1
    assert "no route to the index" in ended.stderr
    assert "Python package index" in ended.stderr
    again, calls = get(checkout)
    assert (again.returncode, "megadetector==" in calls) == (0, True)
