from pathlib import Path

import pytest

from cli.main import run
from core.results.reader import open_results
from tests.pictures import jpeg
from tests.unit.postprocessing.repeats.files import season


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photos/north").mkdir(parents=True)
    (tmp_path / "photos/north/2.jpg").write_bytes(jpeg())  # shows both, the stone and the branch
    season(tmp_path / "r.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find(*words: str) -> int:
    line = ("find", "r.json", "--images", "photos", "-o", "my review", *words)
    return run(["post", "repeats", *line])


def remove(target: str = "cleaned.json", results: str = "r.json") -> int:
    return run(["post", "repeats", "remove", results, "my review", "-o", target])


def test_both_commands_say_what_they_did(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find("--least-images", "3") == 0
    told = capsys.readouterr().err
    assert "from 0.2 (conservative of demo (COCO SSDLite, not MegaDetector)) on" in told
    assert "my review: 2 pictures, for 7 detections of 1 cameras; 2 were looked at" in told
    assert "megabatch post repeats remove r.json 'my review' -o OUTPUT" in told
    assert "show no image" not in told
    (here / "my review/\x1b[2J.jpg").write_bytes(jpeg())
    assert remove() == 0
    told = capsys.readouterr().err
    assert "struck out 7 detections in 4 images, for 2 of 2 pictures" in told
    assert "1 pictures count as nothing" in told
    assert "\x1b" not in told
    assert sum(
        one.conf < 0 for image in open_results(here / "cleaned.json").images()
        for one in image.detections or ()
    ) == 7  # fmt: skip


def test_pictures_without_an_image_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "photos/north/2.jpg").unlink()
    assert find("--least-images", "3") == 0
    assert "Warning: 2 pictures show no image: it is not in photos" in capsys.readouterr().err


def test_nothing_recurs_in_twenty_images(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find() == 0
    assert "0 pictures, for 0 detections of 0 cameras; 2 were looked at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "pictures"),
    [
        (("--exclude", "animal"), 0),
        (("--least-conf", "0.4"), 1),
        (("--most-conf", "0.65"), 1),
        (("--least-area", "0.011"), 1),
        (("--most-area", "0.011"), 1),
        (("--iou", "1"), 2),
        (("--levels", "1"), 2),
    ],
)
def test_options_limit_what_is_found(
    words: tuple[str, ...], pictures: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find("--least-images", "3", *words) == 0
    assert f"my review: {pictures} pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("--exclude", "deer"), ("--iou", "0"), ("--least-images", "1"), ("--levels", "-1")],
)
def test_what_cannot_be_done_is_refused(words: tuple[str, ...]) -> None:
    assert find(*words) == 2


def test_a_folder_of_other_results_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert find("--least-images", "3") == 0
    assert remove() == 0
    assert remove("more.json", "cleaned.json") == 2
    assert "was made for other results: for r.json" in capsys.readouterr().err
