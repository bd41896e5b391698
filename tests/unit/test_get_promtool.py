"""The test of the alerts finds a promtool, gets one, or says what to install."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/get-promtool"

BAD = "exit 1"
#: Has the package only after its lists were brought up to date.
NEEDS_UPDATE = """
case "$1" in
    update) : >"$0.updated" ;;
    download) [ -e "$0.updated" ] || exit 100; : >prometheus_1_all.deb ;;
esac"""
TAKES_OUT = 'mkdir -p "$3/usr/bin" && : >"$3/usr/bin/promtool" && chmod +x "$3/usr/bin/promtool"'


def get(checkout: Path, programs: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a copy of the script on a machine that has these programs, and what each has."""
    found = {name: shutil.which(name) for name in ("sh", "dirname", "rm", "mkdir", "chmod")}
    for folder in ("scripts", "bin"):
        (checkout / folder).mkdir(exist_ok=True)
    for name, path in found.items():
        assert path
        (checkout / "bin" / name).symlink_to(path)
    for name, answer in programs.items():
        (checkout / "bin" / name).write_text(f"#!/bin/sh\n{answer}\n")
        (checkout / "bin" / name).chmod(0o755)
    shutil.copy(SCRIPT, checkout / "scripts")
    return subprocess.run(
        [checkout / "scripts" / SCRIPT.name],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_nothing_is_done_where_there_is_one(tmp_path: Path) -> None:
    found = get(tmp_path, {"promtool": BAD, "apt-get": ': >"$0.called"'})
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert not (tmp_path / "bin/apt-get.called").exists()


def test_one_is_got_with_old_lists_of_packages_too(tmp_path: Path) -> None:
    found = get(tmp_path, {"apt-get": NEEDS_UPDATE, "dpkg-deb": TAKES_OUT})
    assert (found.returncode, found.stderr) == (0, "")
    assert (tmp_path / ".cache/promtool/usr/bin/promtool").exists()
    assert not list((tmp_path / ".cache/promtool").glob("*.deb"))


@pytest.mark.parametrize(
    "programs",
    [{}, {"apt-get": BAD}, {"apt-get": NEEDS_UPDATE, "dpkg-deb": BAD}],
    ids=["no apt-get", "apt-get fails", "package without one"],
)
def test_others_are_told_what_to_install(tmp_path: Path, programs: Mapping[str, str]) -> None:
    found = get(tmp_path, programs)
    assert found.returncode == 1
    assert "apt install prometheus" in found.stderr
