"""The tests of the pages find a Chromium, get one, or say what to install."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/get-chromium"

ROOT_USER, SOMEBODY = "echo 0", "echo 1000"
GOOD, BAD = "exit 0", "exit 1"
#: Installs nothing before its lists were brought up to date.
NEEDS_UPDATE = """
case "$1" in
    update) : >"$0.updated" ;;
    install) [ -e "$0.updated" ] || exit 100; : >"${0%/*}/chromium"
        /bin/chmod +x "${0%/*}/chromium" ;;
esac"""


def get(machine: Path, programs: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the script on a machine that has these programs alone."""
    for name, answer in programs.items():
        (machine / name).write_text(f"#!/bin/sh\n{answer}\n")
        (machine / name).chmod(0o755)
    environ = {"PATH": str(machine)}
    return subprocess.run(
        [str(SCRIPT)], env=environ, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_nothing_is_done_where_there_is_one(tmp_path: Path, name: str) -> None:
    found = get(tmp_path, {name: BAD, "id": ROOT_USER, "apt-get": ': >"$0.called"'})
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert not (tmp_path / "apt-get.called").exists()


def test_root_gets_one_with_old_lists_of_packages_too(tmp_path: Path) -> None:
    found = get(tmp_path, {"id": ROOT_USER, "apt-get": NEEDS_UPDATE})
    assert (found.returncode, found.stderr) == (0, "")
    assert (tmp_path / "chromium").exists()


@pytest.mark.parametrize(
    "programs",
    [
        {"id": SOMEBODY, "apt-get": GOOD},
        {"id": ROOT_USER},
        {"id": ROOT_USER, "apt-get": BAD},
        {"id": ROOT_USER, "apt-get": GOOD},
    ],
    ids=["not root", "no apt-get", "apt-get fails", "apt-get has none"],
)
def test_others_are_told_what_to_install(tmp_path: Path, programs: Mapping[str, str]) -> None:
    found = get(tmp_path, programs)
    assert found.returncode == 1
    assert "apt install chromium" in found.stderr
