"""`megabatch detect` at terminals, in pipes, on full disks, and with long lists."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from core.results.reader import open_results
from core.results.validator import validate
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
COUNT = 120


@pytest.fixture
def home(tmp_path: Path, demo_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that somebody works in, with a folder of photos."""
    monkeypatch.setenv("MEGABATCH_MODEL_FOLDER", str(demo_model.parent))
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / f"photos/{number}.jpg").write_bytes(jpeg(number))
    return tmp_path


def start(home: Path, *words: object, **streams: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cli.main", "detect", *words, "--model", "demo"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(list(map(str, command)), cwd=home, env=environment, **streams)


def run(home: Path, *words: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    started = start(home, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = started.communicate(timeout=100)
    return started.returncode, out.decode(), err.decode()


def at_a_terminal(home: Path, *words: object, out: IO[bytes] | None = None) -> str:
    """What a terminal shows; `out`: where standard output goes instead."""
    ours, theirs = pty.openpty()
    started = start(home, *words, stdin=theirs, stdout=out or theirs, stderr=theirs)
    os.close(theirs)
    said = b"".join(iter(lambda: _piece(ours), b""))
    assert started.wait(60) == 0
    return said.decode()


def _piece(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # everybody has closed it
        return b""


def test_what_was_found_stands_above_the_bar(home: Path) -> None:
    shown = at_a_terminal(home, "photos")
    assert "loading the detector" in shown
    for number in range(3):
        # The line of the bar was wiped before it, and nothing but an end follows.
        assert re.search(rf"\x1b\[2K{number}\.jpg: nothing\r\n", shown)


def test_what_was_found_goes_where_it_was_sent_while_a_bar_is_shown(home: Path) -> None:
    with (home / "found.txt").open("wb") as out:
        shown = at_a_terminal(home, "photos", out=out)
    assert (home / "found.txt").read_text() == "0.jpg: nothing\n1.jpg: nothing\n2.jpg: nothing\n"
    assert "0.jpg" not in shown


def test_without_progress_a_terminal_shows_no_bar(home: Path) -> None:
    assert "\x1b" not in at_a_terminal(home, "photos", "--progress", "none")


def test_closed_streams_stand_in_nobody_s_way(home: Path) -> None:
    started = start(home, "photos", "-o", "r.json")
    assert started.wait(60) == 0
    whole = (home / "r.json").read_bytes().split(b"\n")[2:]
    closed = 'exec "$@" <&- >&- 2>&-'
    words = [*map(str, started.args), "--overwrite"]  # type: ignore[union-attr, arg-type]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["sh", "-c", closed, "sh", *words], cwd=home, env=environment, check=False
    )
    assert ended.returncode == 0
    assert (home / "r.json").read_bytes().split(b"\n")[2:] == whole


def test_a_dry_run_draws_elsewhere_and_tells_the_room_for_pictures(home: Path) -> None:
    words = ["photos", "--dry-run", "--progress", "json"]
    rooms = []
    for drawn in ([], ["--render", "boxes", "--crop", "crops"]):
        code, out, _ = run(home, *words, *drawn)
        assert code == 0
        (told,) = [one for one in map(json.loads, out.splitlines()) if one["event"] == "estimated"]
        rooms.append(told["needed_bytes"] - 2 * told["results_bytes"])
    assert rooms[0] == 0
    assert rooms[1] > 3 * 1000
    assert os.listdir(home) == ["photos"]


def test_a_run_that_is_over_tells_a_program_what_it_told_before(home: Path) -> None:
    (home / "photos/bad.jpg").write_bytes(b"no picture")
    words = ["photos", "-o", "r.json", "--progress", "json"]
    first, again = run(home, *words), run(home, *words)
    assert first[0] == again[0] == 4
    assert first[1].splitlines()[-1:] == again[1].splitlines()


def test_results_are_brought_up_to_date_by_whatever_path_they_are_named(home: Path) -> None:
    assert run(home, "photos", "-o", "r.json")[0] == 0
    (home / "photos/new.jpg").write_bytes(jpeg(9))
    assert run(home, "photos", "-o", "r.json", "--previous", home / "r.json")[0] == 0
    assert len(list(open_results(home / "r.json").images())) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photos", "--previous", "r.json", "-o", "new.json", "--exif", "Model"], "exif: none"),
        (["photos", "--previous", "r.json", "-o", "new.json", "--gps"], "gps: False"),
        (["other", "--retry-failed", "-o", "r.json"], "sources: "),
    ],
)
def test_results_that_were_made_otherwise_are_not_mixed(
    home: Path, words: list[str], said: str
) -> None:
    (home / "other").mkdir()
    assert run(home, "photos", "-o", "r.json")[0] == 0
    code, _, err = run(home, *words)
    assert code == 2
    assert "was made otherwise" in err
    assert said in err
    assert not (home / "r.json.unfinished").exists()


def test_a_program_is_told_why_a_file_cannot_be_written(home: Path) -> None:
    code, out, _ = run(home, "photos", "-o", "/proc/none/r.json", "--progress", "json")
    assert code == 3
    assert json.loads(out.splitlines()[-1]) == {
        "event": "error",
        "message": "No such file or directory: /proc/none",
    }


def test_a_list_on_a_disk_that_is_away_is_no_million_failures(home: Path) -> None:
    (home / "list.txt").write_text("".join(f"{home}/photos/{number}.jpg\n" for number in range(3)))
    (home / "photos").rename(home / "away")
    code, _, err = run(home, "list.txt", "-o", "r.json")
    assert code == 6
    assert f"The folder {home}/photos is gone or empty" in err
    (home / "away").rename(home / "photos")
    assert run(home, "list.txt", "-o", "r.json")[0] == 0


def test_results_of_another_program_are_not_taken_over(home: Path) -> None:
    info = {"format_version": "1.4", "detector": "mine", "custom_metadata": "words"}
    other = {"info": info, "detection_categories": {"1": "animal"}, "images": []}
    (home / "other.json").write_text(json.dumps(other))
    code, _, err = run(home, "photos", "--previous", "other.json", "-o", "r.json")
    assert code == 2
    assert "other.json was made otherwise (model mine, now demo" in err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that can be made larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_costs_nothing(home: Path, small_disk: Path) -> None:
    for number in range(COUNT):
        (home / f"photos/{number:03}.jpg").write_bytes(jpeg(number % 9))
    words = ["photos", "-o", small_disk / "r.json", "--progress", "json", "--threshold", "0.01"]
    for _ in range(2):
        code, out, err = run(home, *words)
        assert code == 3
        assert "The disk is full. Nothing of what is done is lost" in err
        assert json.loads(out.splitlines()[-1])["event"] == "error"
    subprocess.run(["mount", "-o", "remount,size=9m", small_disk], check=True)
    code, out, _ = run(home, *words)
    assert code == 0
    assert json.loads(out.splitlines()[0])["done"] > 0
    assert validate(small_disk / "r.json").valid
    assert len(list(open_results(small_disk / "r.json").images())) == COUNT + 3


_PLAN = """
import sys
from pathlib import Path
from detection.local.journal import Journal
from detection.local.planning import write_plan
from detection.local.sources import Skipped, Sources
folder = Path(sys.argv[1])
sources, skipped, journal = Sources([str(folder / "list.txt")]), Skipped(), Journal(folder / "run")
journal.folder.mkdir()
images = ((image, None) for image in sources.images(skipped))
print(write_plan(journal, images, skipped, 1).images)
sources.learn_urls()
print(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])
"""


def test_a_long_list_takes_little_memory(tmp_path: Path) -> None:
    kilobytes = []
    for count in (20_000, 200_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        names = (f"camera-{n % 97:02}/2021-07/IMG_{n:07}.jpg\n" for n in range(count))
        (folder / "list.txt").write_text("".join(names))
        told = subprocess.run(
            [sys.executable, "-c", _PLAN, folder], cwd=ROOT, capture_output=True, check=True
        )
        planned, size = map(int, told.stdout.split())
        assert planned == count
        kilobytes.append(size)
    # Measured: 32 and 44 MB, that is 70 bytes a name, of which the list's own text is 35.
    assert (kilobytes[1] - kilobytes[0]) * 1024 / 180_000 < 120
