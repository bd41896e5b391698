import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.data_folder import DataFolder
from cli.demo import _from_here, _own_environment, copy_photographs, own_folder
from cli.demo_findings import EXPECTED, Finding, faults, findings
from cli.demo_page import write_preview
from cli.main import run
from core.catalog import DEMO
from core.errors import ConfigError
from core.results.format import Detection, ImageResult

NAMES = DEMO.categories
BOX = (0.25, 0.25, 0.5, 0.5)
RIGHT: Mapping[str, list[Detection]] = {
    "astronaut.png": [Detection("2", 0.69, BOX), Detection("1", 0.5, BOX)],
    "chelsea.png": [Detection("1", 0.93, BOX)],
    "coffee.png": [Detection("1", 0.4, BOX)],
    "grass.png": [],
    "motorcycle_left.png": [Detection("3", 0.98, BOX)],
}


def found(images: Mapping[str, list[Detection] | None]) -> list[Finding]:
    results = [ImageResult(file=name, detections=found) for name, found in images.items()]
    return findings(results, 0.4)


def test_what_the_photographs_show_is_right() -> None:
    assert faults(found(RIGHT), NAMES) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chelsea.png": []}, "chelsea.png: nothing in place of animal"),
        ({"chelsea.png": [Detection("2", 0.9, BOX)]}, "chelsea.png: person in place of animal"),
        ({"chelsea.png": [Detection("1", 0.4, BOX)]}, "chelsea.png: nothing in place of animal"),
        ({"chelsea.png": None}, "chelsea.png: nothing in place of animal"),
        ({"grass.png": [Detection("1", 0.401, BOX)]}, "grass.png: animal in place of nothing"),
        ({"more.png": []}, "more.png: not asked for"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, list[Detection] | None], says: str) -> None:
    assert faults(found({**RIGHT, **change}), NAMES) == [says]


def test_a_photograph_that_is_missing_is_named() -> None:
    assert faults(found({"chelsea.png": RIGHT["chelsea.png"]}), NAMES) == [
        "astronaut.png: missing in place of person",
        "coffee.png: missing in place of nothing",
        "grass.png: missing in place of nothing",
        "motorcycle_left.png: missing in place of vehicle",
    ]


def test_a_finding_in_words() -> None:
    one, two = Detection("1", 0.934, BOX), Detection("2", 0.5, BOX)
    assert Finding("a", [one, two]).text(NAMES) == "animal 0.93, person 0.50"
    assert Finding("a", []).text(NAMES) == "nothing"


def test_the_photographs_are_real_and_alone(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "left over.png").touch()
    copy_photographs(photographs)
    assert {file.name for file in photographs.iterdir()} == set(EXPECTED)
    for file in photographs.iterdir():
        with Image.open(file) as picture:
            assert min(picture.size) >= 300


def test_the_demo_deletes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    precious = tmp_path / "data" / "thesis.txt"
    precious.touch()
    assert run(["demo", "--output", str(tmp_path)]) == 3
    assert precious.exists()
    with pytest.raises(ConfigError, match="is not empty"):
        own_folder(tmp_path)


def test_the_demo_knows_its_folder_again(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "build")
    (folder / "results.json").touch()
    assert own_folder(folder) == folder


def test_two_demos_do_not_share_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], demo_model: Path
) -> None:
    folder = own_folder(tmp_path)
    held = DataFolder(folder / "data")
    (held.storage / "job").touch()
    with held.locked():
        words = ["demo", "--output", str(folder), "--model-folder", str(demo_model.parent)]
        assert run(words) == 3
    assert "Another `megabatch serve`" in capsys.readouterr().err
    assert (held.storage / "job").exists()


def test_a_demo_touches_nobody_s_system() -> None:
    given = {"REDIS_URL": "redis://prod", "MEGABATCH_STORAGE_URL": "az://prod", "PATH": "/bin"}
    assert _own_environment(given) == {"PATH": "/bin"}


def test_the_page_shows_each_photograph_and_needs_nothing_else(tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>#100%.png"
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    Image.new("RGB", (1600, 1200), "grey").save(photographs / hostile)
    Image.new("L", (40, 30)).save(photographs / "small.png")
    seen = [Finding(hostile, [Detection("1", 0.9, BOX)]), Finding("small.png", [])]

    page = write_preview(seen, NAMES, photographs, tmp_path / "out")

    text = page.read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;#100%.png" in text
    assert "animal 0.90" in text
    assert "<em>Nothing</em> means: no detection above" in text
    assert "http" not in text
    assert "$" not in text
    assert re.findall(r'href="([^"]+)"', text) == ["../results.json"]
    sources = re.findall(r'src="([^"]+)"', text)
    assert sources == [
        "pictures/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%23100%25.jpg",
        "pictures/small.jpg",
    ]
    with Image.open(tmp_path / "out/pictures/<img src=x onerror=alert(1)>#100%.jpg") as picture:
        assert picture.size == (800, 600)
        assert has_colours(picture)  # a box was drawn
    with Image.open(tmp_path / "out/overview.jpg") as overview:
        assert overview.size == (1200, 447)
        assert has_colours(overview.crop((0, 0, 590, 447)))
        assert not has_colours(overview.crop((620, 0, 1190, 447)))


def has_colours(picture: Image.Image) -> bool:
    """Whether anything but grey is in it; JPEG may be off by a little."""
    saturation = np.asarray(picture.convert("RGB").convert("HSV"))[..., 1]
    return bool(saturation.max() > 20)


def test_paths_are_as_short_as_they_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _from_here(tmp_path / "build" / "page.html") == "build/page.html"
    assert _from_here(tmp_path.parent / "page.html") == str(tmp_path.parent / "page.html")
