"""A local run is killed again and again, at moments that nobody chose."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from core.results.validator import validate
from detection.local.journal import unfinished_folder
from tests.pictures import jpeg

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
IMAGES, KILLS = 2000, 50
#: Images that a process has begun, or told of and nobody has read, when it is killed.
UNDER_WAY = 2


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    pictures = [jpeg(seed, 32, 24) for seed in range(20)]
    for number in range(IMAGES):
        path = folder / f"camera-{number % 7}" / f"{number:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pictures[number % len(pictures)])
    (folder / "camera-0" / "broken.jpg").write_bytes(b"no picture")
    return folder


def start(photos: Path, output: Path, notes: Path, *more: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.local_run", photos, output, notes, *more]
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, start_new_session=True)


def finish(photos: Path, output: Path, notes: Path) -> None:
    assert start(photos, output, notes).wait(300) == 0


def without_time(results: Path) -> list[bytes]:
    """The lines of a results file but the one that tells when it was complete."""
    return [line for line in results.read_bytes().split(b"\n") if b"completion_time" not in line]


def children_of(pid: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in told.stdout.split()]


def lines_done(output: Path) -> int:
    shards = unfinished_folder(output) / "shards"
    return sum(path.read_bytes().count(b"\n") for path in shards.glob("*"))


def wait_for_more(output: Path, goal: int, process: subprocess.Popen[bytes]) -> None:
    while lines_done(output) < goal and process.poll() is None:
        time.sleep(0.002)


def kill(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Kill the run; now and then first the process that detects for it."""
    detecting = children_of(process.pid) if chance.random() < 0.2 else []
    for pid in detecting:
        os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() / 2)
    process.kill()
    process.wait()


def test_fifty_kills_lose_and_repeat_nothing(photos: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")  # pytest shows it where the test fails
    chance = random.Random(seed)
    whole, killed, notes = tmp_path / "whole.json", tmp_path / "killed.json", tmp_path / "notes"
    finish(photos, whole, tmp_path / "other-notes")
    for _ in range(KILLS):
        process = start(photos, killed, notes, 0.002)
        # Sooner or later: while it lists, while it loads, with some images more than before.
        more = chance.choice([0, chance.randrange(IMAGES // KILLS)])
        wait_for_more(killed, lines_done(killed) + more, process)
        time.sleep(chance.random() / 3)
        assert process.poll() is None, "it ended before it was killed often enough"
        kill(process, chance)
    finish(photos, killed, notes)
    assert without_time(killed) == without_time(whole)
    assert validate(killed).valid
    assert not unfinished_folder(killed).exists()
    times = Counter(notes.read_text().split())
    assert len(times) == IMAGES + 1
    assert sum(times.values()) - len(times) <= UNDER_WAY * 2 * KILLS
