"""`python -m tests.torture` as a program: what it prints and how it ends, Ctrl-C included."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.system import ROOT
from tests.torture.processes import Process, family

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SUMMARY = re.compile(
    r"1 rounds, 0 kills, 5 jobs, 100 images; lost 0, duplicated 0, wrong 0; "
    r"recovery p50 0 s, p95 0 s, max 0 s"
)


def started(log: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.torture", "--rounds", "1", "--seed", "3", *options]
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def interrupted(log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The program while it tortures: things are killed, stopped and cut off."""
    process = started(log, "--kills", "20", "--images", "3000", "--pause", "0.5")
    yield process
    process.kill()
    process.wait()


def wait_for(log: Path, words: str, times: int) -> None:
    until = time.monotonic() + 120
    while log.read_text().count(words) < times:
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


def test_round_without_a_fault(log: Path) -> None:
    process = started(log, "--kills", "0", "--images", "100")
    status = process.wait(timeout=200)
    lines = log.read_text().splitlines()
    assert status == 0, lines
    assert SUMMARY.fullmatch(lines[-1])
    assert re.fullmatch(r"\d+ cores, \d+ GiB memory, Python [\d.]+; seed 3", lines[-2])


def test_ctrl_c_ends_all_that_was_started(
    log: Path, interrupted: "subprocess.Popen[bytes]"
) -> None:
    wait_for(log, " s\n", 8)
    processes: list[Process] = family(interrupted.pid)
    assert len(processes) > 10
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(timeout=100) == 1
    assert [one for one in processes if one.lives] == []
    assert "Traceback" not in log.read_text()
