"""`megabatch detect` with the demo model: as a person types it, and beside a job."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.detect import detect
from cli.main import run
from core.results.reader import open_results
from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.test_photographs import (
    PHOTOGRAPHS,
    SHOWN,
    bad_pictures,
    turned_pictures,
)
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
#: Names of images that are looked at alone as well: each takes a process of its own.
ALONE = ("chelsea", "cut", "turned/6", "Gr")
LOCAL_PAGE = (ROOT / "docs/local.md").read_text()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_model: Path) -> Path:
    """A folder that somebody works in, with a photo and a folder of photos."""
    (tmp_path / "home/photos/north").mkdir(parents=True)
    shutil.copy(PHOTOGRAPHS / "chelsea.png", tmp_path / "home/photo.jpg")
    for name in ("chelsea.png", "astronaut.png", "coffee.png"):
        shutil.copy(PHOTOGRAPHS / name, tmp_path / "home/photos/north")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("MEGABATCH_MODEL_FOLDER", str(demo_model.parent))
    return tmp_path / "home"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "cli.main", *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def events(*words: object) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        command("detect", *words, "--model", "demo", "--progress", "json"),
        capture_output=True,
        env=environment(),
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(240)
def test_the_same_images_give_the_same_results_in_every_way(
    system: System, pictures: Pictures, demo_model: Path, tmp_path: Path
) -> None:
    pictures.write({name: (PHOTOGRAPHS / name).read_bytes() for name in SHOWN})
    pictures.write({name: data for name, (data, _) in bad_pictures().items()})
    pictures.write(turned_pictures())
    latin = os.fsencode(pictures.folder) + b"/Gr\xf6\xdfe.jpg"
    Path(os.fsdecode(latin)).write_bytes(jpeg())
    system.environment["MEGABATCH_MODEL_FOLDER"] = str(demo_model.parent)
    system.start_control()
    system.start_detection("one")
    system.start_api()
    job = system.wait(system.submit(container_url=str(pictures.folder)))
    of_job = system.results(job["id"])
    options = ["--model", "demo", "--model-folder", str(demo_model.parent), "--progress", "none"]
    target = tmp_path / "local.json"
    assert run(["detect", str(pictures.folder), "-o", str(target), *options]) == 4
    local = json.loads(target.read_text())
    for results in (of_job, local):
        assert results["info"].pop("detection_completion_time")
    assert local == of_job
    chosen = [one for one in local["images"] if one["file"].startswith(ALONE)]
    assert len(chosen) == len(ALONE)
    alone = []
    for image in chosen:
        path = Path(os.fsdecode(latin)) if image["file"].startswith("Gr") else image["file"]
        one = tmp_path / "one.json"
        words = ["detect", str(pictures.folder / path), "-o", str(one), "--overwrite", *options]
        assert run([*words, "--relative-to", str(pictures.folder)]) in (0, 4)
        alone += json.loads(one.read_text())["images"]
    assert alone == chosen


def test_examples_of_the_help_work_as_printed(home: Path) -> None:
    examples = re.findall(r"^  (megabatch detect .*)$", detect.epilog or "", re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        assert run(shlex.split(example)[1:]) == 0, example
    assert (home / "results.json").exists()
    assert (home / "boxes/north/chelsea.png").exists()
    assert {one.file for one in open_results(home / "results.json").images()} == {
        *("north/astronaut.png", "north/chelsea.png", "north/coffee.png")
    }


def test_what_was_found_is_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "photos/cut.jpg").write_bytes(jpeg()[:-400])
    words = ["detect", "photos", "--model", "demo", "--crop", "crops", "--blur", "person"]
    assert run(words) == 4
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "cut.jpg: image access failure: truncated",
        "north/astronaut.png: person 0.69",
        "north/chelsea.png: animal 0.93",
        "north/coffee.png: nothing",
    ]
    assert re.search(r"^ +1  with animal$", told.err, re.MULTILINE)
    assert "typical threshold 0.4" in told.err
    crops = sorted(path.name for path in (home / "crops/north").iterdir())
    assert crops == ["astronaut~00-person.png", "chelsea~00-animal.png"]


def test_a_program_is_told_events_as_the_page_says(home: Path) -> None:
    code, told = events("photos", "-o", "results.json")
    assert code == 0
    assert told[-1]["found"] == {"animal": 1, "person": 1, "vehicle": 0}
    table = LOCAL_PAGE.split("## For programs")[1].split("\n## ")[0]
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| `")]
    fields = {name.strip(" `"): set(re.findall(r"`([a-z_]+)`", cells[1])) for name, *cells in rows}
    assert set(fields) == {*("planned", "estimated", "progress", "finished", "stopped", "error")}
    for event in told:
        assert event.keys() - {"event"} == fields[event["event"]], event
    assert [event["event"] for event in told if event["event"] != "progress"] == [
        *("planned", "finished")
    ]


def test_a_dry_run_tells_what_all_would_take_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["detect", "photos", "--model", "demo", "--dry-run", "-o", "r.json"]) == 0
    assert re.match(r"About .* for 3 images \(.* images/s\); .* free ", capsys.readouterr().out)
    assert sorted(os.listdir(home)) == ["photo.jpg", "photos"]


def test_a_dry_run_looks_at_what_would_not_be_taken_over(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", "photos", "--model", "demo", "-o", "r.json", "--progress", "none"]
    assert run(words) == 0
    for name in ("new-1.jpg", "new-2.jpg"):
        shutil.copy(home / "photo.jpg", home / "photos" / name)
    capsys.readouterr()
    assert run([*words, "--previous", "r.json", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "5 images, " in said.err and "taken over from earlier results: 3" in said.err
    assert re.match(r"About .* for 2 images \(", said.out)


def test_a_dry_run_with_nothing_to_do_says_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", "photos", "--model", "demo", "-o", "r.json", "--progress", "none"]
    assert run(words) == 0
    capsys.readouterr()
    assert run([*words, "--retry-failed", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "no image left to be processed" in said.err and not said.out


def test_a_run_that_is_over_is_not_done_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["detect", "photos", "--model", "demo", "-o", "r.json", "--progress", "none"]
    assert run(words) == 0
    before = (home / "r.json").read_bytes()
    assert run(words) == 0
    assert "there is nothing to do" in capsys.readouterr().err
    assert run([*words, "--threshold", "0.5"]) == 2
    assert "threshold: 0.1 then, 0.5 now" in capsys.readouterr().err
    assert (home / "r.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.jpg"], 2, "There is no image, folder or list 'none.jpg'"),
        (["photos", "--retry-failed"], 2, "Name the results file"),
        (["photos", "--blur", "person"], 2, "give --render too"),
        (["photos", "--exif", "Modell"], 2, "did you mean Model"),
        (["photos", "--render", "photos"], 2, "holds originals"),
        (["photos", "--render", "x", "--blur", "deer"], 2, "finds no deer"),
        (["photos", "--model", "megadetector-v3"], 3, "models fetch megadetector-v3"),
        (["photos", "--model", "photo.jpg"], 3, "photo.jpg is"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    if "--model" not in words:
        words = [*words, "--model", "demo"]
    assert run(["detect", *words]) == code
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_ctrl_c_at_a_terminal_ends_cleanly_and_says_how_to_go_on(home: Path) -> None:
    for number in range(2000):
        (home / "photos" / f"{number:04}.jpg").write_bytes(jpeg(number % 50))
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        command("detect", "photos", "--model", "demo", "-o", "r.json"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(),
        start_new_session=True,
    )
    os.close(theirs)
    shards = home / "r.json.unfinished/shards"
    while not any(path.stat().st_size for path in shards.glob("*")):
        assert started.poll() is None
        time.sleep(0.05)
    # As a terminal does: to all processes of the group.
    os.killpg(started.pid, signal.SIGINT)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # everybody has closed it
            break
        said += piece
    assert started.wait(30) == 130
    assert b"To go on, give the same command again" in said
    assert b"Traceback" not in said
    until = time.monotonic() + 30
    while subprocess.run(["pgrep", "-g", str(started.pid)], check=False).returncode == 0:
        assert time.monotonic() < until, "a process outlives the run"
        time.sleep(0.1)
