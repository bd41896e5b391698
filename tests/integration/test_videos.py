"""`megabatch video` with the demo model, as a person types it."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cli.main import run
from cli.video import video
from core.results.format import ImageResult
from core.results.reader import open_results
from core.results.validator import validate
from tests.integration.test_photographs import PHOTOGRAPHS
from tests.videos import Pixels, cut_off, scenes, written

pytestmark = pytest.mark.integration

SIZE = (320, 240)


def photograph(name: str) -> Pixels:
    return np.asarray(Image.open(PHOTOGRAPHS / name).convert("RGB").resize(SIZE))


def walk_by() -> list[Pixels]:
    """Two seconds without anything, then two in which a cat is there."""
    return [photograph("coffee.png")] * 20 + [photograph("chelsea.png")] * 20


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_model: Path) -> Path:
    """A folder that somebody works in, with a clip and a folder of clips."""
    (tmp_path / "home/clips/north").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("MEGABATCH_MODEL_FOLDER", str(demo_model.parent))
    written(Path("clip.mp4"), walk_by(), rate=10)
    written(Path("clips/north/VID_0001.AVI"), walk_by(), rate=10)
    written(Path("clips/north/VID_0001.MP4"), [photograph("astronaut.png")] * 5, rate=10)
    return tmp_path / "home"


def bad_clips() -> None:
    """What people have among their videos."""
    cut_off(written(Path("clips/cut.mkv"), scenes(40)))
    Path("clips/empty.mov").touch()
    Path("clips/text.mp4").write_text("no video at all")
    Path("clips/._VID_0001.MP4").write_bytes(b"\0\5\26\7")
    Path("clips/notes.txt").touch()


def by_name(path: str) -> dict[str, ImageResult]:
    return {image.file: image for image in open_results(Path(path)).images()}


def played(path: str) -> Iterator[Pixels]:
    capture = cv2.VideoCapture(path)
    while (answer := capture.read())[0]:
        yield answer[1]
    capture.release()


def changed(drawn: Pixels, source: Pixels) -> bool:
    """Whether more is different than writing it once more makes so."""
    return bool((np.abs(drawn.astype(int) - source).sum(2) > 250).any())


def test_examples_of_the_help_work_as_printed(home: Path) -> None:
    examples = re.findall(r"^  (megabatch video .*)$", video.epilog or "", re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        assert run(shlex.split(example)[1:]) == 0, example
    assert sorted(path.name for path in Path("boxes/north").iterdir()) == [
        *("VID_0001.AVI.mp4", "VID_0001.MP4")
    ]


def test_what_was_found_is_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad_clips()
    assert run(["video", "clips", "clip.mp4", "--model", "demo"]) == 4
    told = capsys.readouterr()
    lines = dict(line.split(": ", 1) for line in told.out.splitlines())
    assert lines.keys() == {
        *("clip.mp4", "clips/cut.mkv", "clips/empty.mov", "clips/text.mp4"),
        *("clips/north/VID_0001.AVI", "clips/north/VID_0001.MP4"),
    }
    assert re.fullmatch(r"animal 0\.\d\d \(2 frames\)", lines["clip.mp4"])
    assert re.fullmatch(r"person 0\.\d\d \(1 frame\)", lines["clips/north/VID_0001.MP4"])
    assert lines["clips/cut.mkv"] == "image access failure: truncated"
    assert lines["clips/empty.mov"] == "image access failure: empty_file"
    assert lines["clips/text.mp4"] == "image access failure: not_an_image"
    assert "6 videos by demo" in told.err
    assert "3  failed" in told.err


def test_results_of_videos_and_of_their_frames(home: Path) -> None:
    bad_clips()
    words = ["video", "clips", "--model", "demo", "-o", "r.json", "--frame-results", "f.json"]
    assert run(words) == 4
    assert validate(Path("r.json")).faults == []
    assert validate(Path("f.json")).faults == []
    results = by_name("r.json")
    cat = results["north/VID_0001.AVI"]
    assert (cat.width, cat.height, cat.frame_rate) == (*SIZE, 10)
    assert cat.frames_processed == [0, 10, 20, 30]
    assert {one.frame_number for one in cat.detections or () if one.conf > 0.4} == {20, 30}
    frames = by_name("f.json")
    assert len(frames) == 4 + 1 + 3
    assert frames["cut.mkv"].failure == "image access failure: truncated"
    assert frames["north/VID_0001.AVI/frame000000.jpg"].detections is not None
    assert any(
        one.conf > 0.4 for one in frames["north/VID_0001.AVI/frame000030.jpg"].detections or ()
    )


def test_what_there_is_of_a_video_is_taken_where_that_is_asked_for(home: Path) -> None:
    bad_clips()
    words = ["video", "clips/cut.mkv", "--model", "demo", "-o", "r.json"]
    assert run([*words, "--truncated-videos", "accept"]) == 0
    (cut,) = by_name("r.json").values()
    assert cut.truncated
    assert cut.frames_processed


def test_another_reader_plays_what_is_drawn(home: Path) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("VID*")}
    assert run(["video", "clips", "--model", "demo", "--render", "boxes"]) == 0
    cat = list(played("boxes/north/VID_0001.AVI.mp4"))
    assert len(cat) == 40
    assert {pixels.shape for pixels in cat} == {(240, 320, 3)}
    assert len(list(played("boxes/north/VID_0001.MP4"))) == 5
    # The cat's box stands from the first frame with her that was looked at.
    sources = played("clips/north/VID_0001.AVI")
    assert [changed(*pair) for pair in zip(cat, sources, strict=True)] == [
        number >= 20 for number in range(40)
    ]
    assert {path: path.read_bytes() for path in before} == before
    assert not [name for name in os.listdir("boxes/north") if name.startswith(".")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["clip.mp4", "--every", "2", "--all-frames"], "three ways"),
        (["clip.mp4", "--every", "0"], "--every"),
        (["clip.mp4", "--every-seconds", "0"], "--every-seconds"),
        (["clip.mp4", "--frame-results", "f.json"], "--output"),
        (["https://example.org/clip.mp4"], "download them first"),
        (["gone.mp4"], "gone.mp4"),
        (["clips", "--render", "clips"], "clips"),
    ],
)
def test_what_cannot_be_done_says_why(
    home: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(str(path) for path in Path().rglob("*"))
    assert run(["video", *words, "--model", "demo"]) == 2
    assert told in capsys.readouterr().err
    assert sorted(str(path) for path in Path().rglob("*")) == before
