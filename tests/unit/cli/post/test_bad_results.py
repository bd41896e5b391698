"""Files that are no results, or are damaged, and names that mean harm, given to every tool."""

import csv
import io
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import exit_codes
from cli.main import run
from tests.hostile_names import FORGED, HOSTILE, is_file_name
from tests.pictures import jpeg
from tests.post_examples import COMMANDS, DEPLOYMENTS, examples_of
from tests.results_files import detection, failure, image, write_results

#: Of each tool an example that reads `results.json`, one that writes if there is one.
LINES = {
    name: next((line for line in examples_of(name) if " -o " in line), examples_of(name)[0])
    for name in COMMANDS
}
#: What these have made before they come to the fault stays, and is written over the next time.
GOES_ON = {"post preview"}

#: Most images of these results have no file.
WELL = (exit_codes.DONE, exit_codes.SOME_FAILED)


def whole(folder: Path) -> bytes:
    path = folder / "whole.json"
    write_results(path, *(image(f"a/{n}.jpg", detection()) for n in range(400)))
    data = path.read_bytes()
    path.unlink()
    return data


def cut_in_a_line(data: bytes) -> bytes:
    return data[: len(data) // 2]


def cut_after_a_line(data: bytes) -> bytes:
    return data[: data.index(b"\n", len(data) // 2) + 1]


def indented_and_cut(data: bytes) -> bytes:
    return data.replace(b"},", b"},\n  ").replace(b'"images": [', b'"images":\n [')[:-40]


def with_nan(data: bytes) -> bytes:
    return data.replace(b'a/250.jpg","detections":[{"category":"1","conf":0.9', NAN_LINE)


NAN_LINE = b'a/250.jpg","detections":[{"category":"1","conf":NaN'
#: How a file is spoiled, and what must be said of it.
SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "0 bytes": (lambda _: b"", "is empty"),
    "cut in a line": (cut_in_a_line, "cut off"),
    "cut after a line": (cut_after_a_line, "cut off"),
    "indented and cut": (indented_and_cut, "cut off"),
    "NaN": (with_nan, "/images/250"),
    "a version to come": (lambda data: data.replace(b'"1.6"', b'"2.0"'), "/info/format_version"),
    "no version": (lambda data: data.replace(b'"1.6"', b'"new"'), "/info/format_version"),
    "a list": (lambda _: b'[{"file": "a.jpg"}]', "list"),
    "COCO": (lambda _: b'{"images": [], "annotations": [], "categories": []}', "COCO"),
    "a picture": (lambda _: jpeg(), "results.json"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, in one that nothing may be written to, with what examples name."""
    home = tmp_path / "home"
    (home / "photos/a").mkdir(parents=True)
    (home / "photos/a/1.jpg").write_bytes(jpeg())
    write_results(home / "more.json", image("west/1.jpg"))
    (home / "deployments.csv").write_text(DEPLOYMENTS)
    (home / "truth.json").write_text('{"images": [], "annotations": [], "categories": []}')
    monkeypatch.chdir(home)
    return home


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def post(name: str) -> int:
    return run(shlex.split(LINES[name])[1:])


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_told_and_nothing_is_written(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    spoil, told = SPOILED[kind]
    data = whole(home)
    spoiled = spoil(data)
    assert spoiled != data
    (home / "results.json").write_bytes(data)
    if name == "post repeats remove":
        assert post("post repeats find") == 0
        told = "results.json"  # it is not the file that the pictures were made for
    (home / "results.json").write_bytes(spoiled)
    before = files(home)
    capsys.readouterr()
    assert post(name) != 0
    out, err = capsys.readouterr()
    assert told in out + err
    assert "Traceback" not in out + err
    assert files(home) == before or name in GOES_ON
    assert (home / "results.json").read_bytes() == spoiled
    (home / "results.json").write_bytes(data)
    assert post(name) in WELL


def formulas(folder: Path) -> list[str]:
    """Cells of the tables that were made that a spreadsheet would run."""
    made = (path for path in folder.rglob("*.csv") if path.name != "deployments.csv")
    texts = (path.read_text(encoding="utf-8-sig") for path in made)
    cells = (cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row)
    return [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n"))]


def write_photos(root: Path, data: bytes) -> None:
    """A file for each name that would forge a line, where a file can be called so."""
    for name in HOSTILE:
        if FORGED in name and is_file_name(name):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)


@pytest.mark.parametrize("unreadable", [False, True], ids=["missing", "unreadable"])
@pytest.mark.parametrize("name", COMMANDS)
def test_names_that_mean_harm_do_none(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, unreadable: bool
) -> None:
    secret = home.parent / "secret.jpg"
    secret.write_bytes(jpeg())
    sure = detection()
    # Of what cannot be read or is not there the first are named.
    names = sorted(HOSTILE, key=lambda file: FORGED not in file)
    found = [image(file, sure, datetime="2026-05-02 06:11:54") for file in names]
    if unreadable:
        write_photos(home / "photos", b"no picture")
    write_results(home / "results.json", image("a/1.jpg", sure), *found, failure("../gone.jpg"))
    if name == "post repeats remove":
        assert post("post repeats find") in WELL
    # To `combine` two of the names are one, in two spellings.
    assert (post(name) in WELL) == (name != "post combine")
    outside = {path for path in files(home.parent) if not path.is_relative_to(home)}
    assert outside == {secret}
    assert secret.read_bytes() == jpeg()
    assert formulas(home) == []
    told = "".join(capsys.readouterr())
    assert "Traceback" not in told
    assert all(mark.isprintable() or mark == "\n" for mark in told)
    assert not any(line.lstrip().startswith(FORGED.strip()) for line in told.splitlines())


#: For the others each entry is an image.
REFUSE_DOUBLES = {"post validate", "post combine"}


@pytest.mark.parametrize("name", COMMANDS)
def test_images_that_stand_twice_are_told_or_both_taken(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    twice = [image("a/1.jpg", detection()), image("a/1.jpg", detection("2", 0.7))]
    write_results(home / "results.json", *twice)
    before = (home / "photos/a/1.jpg").read_bytes()
    if name == "post repeats remove":
        assert post("post repeats find") in WELL
    capsys.readouterr()
    assert (post(name) in WELL) == (name not in REFUSE_DOUBLES)
    if name in REFUSE_DOUBLES:
        assert "a/1.jpg" in "".join(capsys.readouterr())
    assert (home / "photos/a/1.jpg").read_bytes() == before
