"""A local run is killed again and again: at moments that nobody chose, and at each that matters."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from core.results.validator import validate
from detection.local.earlier import files_path
from detection.local.journal import unfinished_folder
from tests.pictures import jpeg

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
IMAGES, KILLS, FEW = 2000, 50, 40
#: Images that a process has begun, or told of and nobody has read, when it is killed: where disk
#: and cores are slow, its pipe holds some.
UNDER_WAY = 20


def write_photos(folder: Path, count: int) -> Path:
    pictures = [jpeg(seed, 32, 24) for seed in range(20)]
    for number in range(count):
        path = folder / f"camera-{number % 7}" / f"{number:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pictures[number % len(pictures)])
    (folder / "camera-0" / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), IMAGES)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("few"), FEW)


def start(
    photos: Path, output: Path, notes: Path, *more: object, **environment: str
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.local_run", photos, output, notes, *more]
    return subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> int:
    """Wait for it, until nobody holds its standard error any more, and tell its exit code."""
    _, said = process.communicate(timeout=300)
    sys.stdout.write(said.decode(errors="replace"))
    return process.returncode


def finish(photos: Path, output: Path, notes: Path) -> None:
    assert end(start(photos, output, notes)) == 0


def without_time(results: Path) -> list[bytes]:
    """The lines of a results file but the one that tells when it was complete."""
    return [line for line in results.read_bytes().split(b"\n") if b"completion_time" not in line]


def children_of(pid: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in told.stdout.split()]


def lines_done(output: Path) -> int:
    shards = unfinished_folder(output) / "shards"
    try:
        return sum(path.read_bytes().count(b"\n") for path in shards.glob("*"))
    except FileNotFoundError:  # a listing that was broken off is being made again
        return 0


def wait_for_more(output: Path, goal: int, process: subprocess.Popen[bytes]) -> None:
    while lines_done(output) < goal and process.poll() is None:
        time.sleep(0.002)


def kill(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Kill the run; now and then first the process that detects for it."""
    detecting = children_of(process.pid) if chance.random() < 0.2 else []
    for pid in detecting:
        with suppress(ProcessLookupError):  # it has died of the one before
            os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() / 2)
    process.kill()
    end(process)


def test_fifty_kills_lose_and_repeat_nothing(photos: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")  # pytest shows it where the test fails
    chance = random.Random(seed)
    whole, killed, notes = tmp_path / "whole.json", tmp_path / "killed.json", tmp_path / "notes"
    finish(photos, whole, tmp_path / "other-notes")
    for _ in range(KILLS):
        process = start(photos, killed, notes, 0.006, chance.choice([1, 2]))
        # Sooner or later: while it starts, lists or loads, or with some images more than before.
        if chance.random() < 0.3:
            time.sleep(chance.random() * 0.7)
        else:
            more = chance.randrange(30)
            wait_for_more(killed, lines_done(killed) + more, process)
        assert process.poll() is None, "it ended before it was killed often enough"
        kill(process, chance)
    finish(photos, killed, notes)
    assert without_time(killed) == without_time(whole)
    assert validate(killed).valid
    assert not unfinished_folder(killed).exists()
    times = Counter(notes.read_text().split())
    assert len(times) == IMAGES + 1
    repeated = sum(times.values()) - len(times)
    sys.stdout.write(f"{repeated} images were begun again\n")
    assert repeated <= UNDER_WAY * KILLS


def test_a_kill_before_any_change_of_a_file_while_it_lists(few: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole" / "r.json"
    whole.parent.mkdir()
    assert end(start(few, whole, tmp_path / "n", ENDED_BEFORE="detecting")) == -signal.SIGKILL
    kills = 0
    while True:
        output = tmp_path / str(kills) / "r.json"
        output.parent.mkdir()
        started = start(
            few, output, tmp_path / "n", KILLED_BEFORE=str(kills + 1), ENDED_BEFORE="detecting"
        )
        assert end(started) == -signal.SIGKILL
        if (unfinished_folder(output) / "plan.json").exists():
            break
        kills += 1
        assert end(start(few, output, tmp_path / "n", ENDED_BEFORE="detecting")) == -signal.SIGKILL
        assert content(unfinished_folder(output)) == content(unfinished_folder(whole))
    assert kills >= 10
    assert not (tmp_path / "n").exists()


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, but for what is written by half, and replaced when it is anew."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".part"
    }


def test_a_kill_before_any_change_of_a_file_while_it_merges(few: Path, tmp_path: Path) -> None:
    notes, detected = tmp_path / "notes", tmp_path / "detected" / "r.json"
    detected.parent.mkdir()
    assert end(start(few, detected, notes, ENDED_BEFORE="merging")) == -signal.SIGKILL
    assert lines_done(detected) == FEW + 1
    begun, kills, code, whole = notes.read_bytes(), 0, -signal.SIGKILL, None
    while code == -signal.SIGKILL:
        kills += 1
        shutil.copytree(detected.parent, tmp_path / "copy")
        output = tmp_path / "copy" / "r.json"
        code = end(start(few, output, notes, KILLED_BEFORE=str(kills)))
        finish(few, output, notes)
        assert sorted(os.listdir(output.parent)) == ["r.json", files_path(output).name]
        whole = whole or without_time(output)
        assert without_time(output) == whole
        assert notes.read_bytes() == begun, f"killed before change {kills}"
        shutil.rmtree(tmp_path / "copy")
    assert code == 0
    assert kills >= 10


def test_no_process_outlives_a_run_that_was_killed(few: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    process = start(few, tmp_path / "r.json", notes, 600)
    while not notes.exists():
        assert process.poll() is None
        time.sleep(0.01)
    (*_, detecting) = children_of(process.pid)
    assert is_alive(detecting)
    process.kill()
    end(process)
    until = time.monotonic() + 20
    while is_alive(detecting):
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_two_runs_of_one_output_do_not_meet(few: Path, tmp_path: Path) -> None:
    output, notes = tmp_path / "r.json", tmp_path / "notes"
    first = start(few, output, notes, 0.05)
    wait_for_more(output, 1, first)
    second = start(few, output, notes)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 1
    assert b"Another process is at work" in said
    assert end(first) == 0
    assert Counter(Counter(notes.read_text().split()).values()) == {1: FEW + 1}
    assert validate(output).valid
