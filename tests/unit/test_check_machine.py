"""Set-up says at once, and all at once, what a machine lacks."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/check-machine"
#: Programs that stand in for those of another machine, by how they answer.
GOOD, BAD = "exit 0", "exit 1"
NO_VENV = 'case "$2" in *ensurepip*) exit 1 ;; esac; exit 0'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is the whole PATH; empty, it has neither Python nor Node."""
    return tmp_path


def install(machine: Path, programs: Mapping[str, str]) -> None:
    for name, answer in programs.items():
        (machine / name).write_text(f"#!/bin/sh\n{answer}\n")
        (machine / name).chmod(0o755)


def check(machine: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(machine), **environ}
    return subprocess.run(
        [str(SCRIPT)], env=environ, capture_output=True, text=True, check=False, timeout=30
    )


NODE = {"node": GOOD, "npm": GOOD}


@pytest.mark.parametrize(
    ("programs", "lacks"),
    [
        ({}, ["Python 3.11", "Node 20"]),
        ({"python3": BAD, **NODE}, ["Python 3.11"]),
        ({"python3": NO_VENV, **NODE}, ["venv module of python3"]),
        ({"python3": NO_VENV}, ["venv module of python3", "Node 20"]),
        ({"python3": GOOD, "npm": GOOD}, ["Node 20"]),
        ({"python3": GOOD, "node": GOOD}, ["Node 20"]),
        ({"python3": GOOD, "npm": GOOD, "node": BAD}, ["Node 20"]),
    ],
)
def test_what_is_missing_is_named(
    machine: Path, programs: Mapping[str, str], lacks: list[str]
) -> None:
    install(machine, programs)
    answer = check(machine)
    named = ["Python 3.11", "venv module of python3", "Node 20"]
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert [name for name in named if name in answer.stderr] == lacks


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": GOOD}, "python3"),
        ({"python3": BAD, "python3.12": GOOD}, "python3.12"),
        ({"python3.11": GOOD}, "python3.11"),
    ],
)
def test_a_python_that_will_do_is_found(
    machine: Path, pythons: Mapping[str, str], chosen: str
) -> None:
    install(machine, {**pythons, **NODE})
    answer = check(machine)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{chosen}\n", "")


def test_a_python_that_is_named_is_taken(machine: Path) -> None:
    install(machine, {"python3": GOOD, **NODE})
    assert check(machine, PYTHON=sys.executable).stdout == f"{sys.executable}\n"


def test_a_named_python_that_will_not_do_is_refused(machine: Path) -> None:
    install(machine, {"python3": GOOD, **NODE})
    assert "Python 3.11" in check(machine, PYTHON="python2").stderr


def test_this_machine_will_do() -> None:
    assert check(Path(os.environ["PATH"]), PYTHON=sys.executable).returncode == 0


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_pages_ask_for_the_same_node(page: str) -> None:
    (asked,) = re.findall(r"Node (\d+) or newer", (ROOT / page).read_text())
    assert f"parseInt(process.versions.node) < {asked} " in SCRIPT.read_text()
