import csv
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidRequest, InvalidResults
from core.results.format import Detection, ImageResult
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.yolo_reading import read
from tests.pictures import jpeg
from tests.results_files import detection, failure, image, write_results
from tests.unit.core.results import strategies
from tests.unit.postprocessing.convert.conversions import ALL, above, back, save, to


def test_labels_lie_like_the_images(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json",
        image("north/a.JPG", detection("2", 0.9), detection("1", 0.5)),
        image("north/b.jpg"),
        failure("c.jpg"),
    )
    told = to("yolo", results, tmp_path / "set", threshold=above(0.5))
    assert (tmp_path / "set/classes.txt").read_text() == "animal\nperson\nvehicle\n"
    labels = tmp_path / "set/labels"
    line = "1 0.250000 0.400000 0.300000 0.400000\n"
    assert (labels / "north/a.txt").read_text() == line
    assert (labels / "north/b.txt").read_text() == ""
    assert not (labels / "c.txt").exists()
    assert told["images that failed: see images.csv"] == 1
    assert told["confidences of detections: --scores writes them"] == 1


def test_names_are_confined_and_told_apart(tmp_path: Path) -> None:
    names = ["../../evil.jpg", "/abs.jpg", "C:\\x.jpg", "CON.jpg", "a.jpg", "a.png", "A.jpg"]
    results = write_results(tmp_path / "r.json", *(image(name, detection()) for name in names))
    to("yolo", results, tmp_path / "deep/er/set", threshold=above(0.5), scores=True)
    assert {path.name for path in tmp_path.iterdir()} == {"r.json", "deep"}
    with (tmp_path / "deep/er/set/images.csv").open(newline="") as file:
        record = {row["file"]: row["label"] for row in csv.DictReader(file)}
    assert list(record) == names
    paths = [tmp_path / "deep/er/set" / label for label in record.values()]
    assert all(path.is_file() for path in paths)
    assert len(set(paths)) == len(names)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a.jpg"))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/mine.txt").write_text("kept")
    with pytest.raises(InvalidRequest, match="there already"):
        to("yolo", results, tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine.txt"]


_side = st.floats(0, 1).map(lambda number: round(number, 4))
_images = st.builds(
    ImageResult,
    file=strategies.texts.filter(bool),
    detections=st.lists(
        st.builds(
            Detection,
            category=st.sampled_from(["1", "2", "3"]),
            conf=st.floats(0, 1).map(lambda number: round(number, 3)),
            bbox=st.tuples(_side, _side, _side, _side),
        ),
        max_size=3,
    ),
    width=st.none() | st.integers(1, 9999),
    datetime=st.none() | st.just("2026-04-30 05:12:44"),
) | strategies.failures.map(
    lambda one: msgspec.structs.replace(one, extra=None, meta=None, file=one.file or "f")
)


@settings(deadline=None, max_examples=50)
@given(st.lists(_images, max_size=3))
def test_with_confidences_it_reads_back(
    tmp_path_factory: pytest.TempPathFactory, images: list[ImageResult]
) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    results = save(folder / "results.json", images)
    to("yolo", results, folder / "set", scores=True, threshold=ALL)
    imported = read(folder / "set", Options(), Notes())
    assert list(imported.images) == images
    assert imported.categories.names() == results.detection_categories


def test_labels_of_other_programs_need_the_images(tmp_path: Path) -> None:
    (tmp_path / "set/labels/x").mkdir(parents=True)
    (tmp_path / "set/classes.txt").write_text("deer\nperson\n")
    (tmp_path / "set/labels/x/a.txt").write_text("1 0.5 0.5 1 1 0.25\n0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "set/labels/x/c.txt").write_text("0 0 0 1 1 1 0\n\n")
    with pytest.raises(InvalidRequest, match="--images"):
        back("yolo", tmp_path / "set")
    (tmp_path / "photos/x").mkdir(parents=True)
    for name in ("a.jpg", "b.JPG", "c.png", "notes.txt"):
        (tmp_path / "photos/x" / name).write_bytes(jpeg())
    results, told = back("yolo", tmp_path / "set", images=tmp_path / "photos")
    first, second, third = results.images()
    assert results.detection_categories == {"2": "person", "4": "deer"}
    assert (first.file, second.file, third.file) == ("x/a.jpg", "x/b.JPG", "x/c.png")
    assert first.detections == [
        Detection("2", 0.25, (0.0, 0.0, 1.0, 1.0)),
        Detection("4", 1.0, (0.25, 0.25, 0.5, 0.5)),
    ]
    assert told == {
        "labels without a confidence: they count as sure (1.0)": 1,
        "images without a label file: they are taken for empty ones": 1,
        "outlines, which are no boxes": 1,
    }


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.5", "9 0.5 0.5 1 1", "-1 0 0 1 1", "0 a 0 1 1", "0 nan 0 1 1"]
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    to("yolo", write_results(tmp_path / "r.json", image("a.jpg")), tmp_path / "set")
    (tmp_path / "set/labels/a.txt").write_text(f"0 0 0 1 1\n{line}\n")
    with pytest.raises(InvalidResults, match=r"a.txt, line 2: is not"):
        back("yolo", tmp_path / "set")


@pytest.mark.parametrize("label", ["../r.json", "/etc/hostname", "labels/gone.txt", ""])
def test_the_record_leads_nowhere_else(tmp_path: Path, label: str) -> None:
    to("yolo", write_results(tmp_path / "r.json", image("a.jpg")), tmp_path / "set")
    record = tmp_path / "set/images.csv"
    record.write_text(record.read_text().replace("labels/a.txt", label))
    with pytest.raises(InvalidResults, match="line 2: there is no label file"):
        back("yolo", tmp_path / "set")


def test_classes_are_needed(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(InvalidRequest, match=r"no classes\.txt"):
        back("yolo", tmp_path / "set")
