import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidResults
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.convert import tables
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.formats import convert_to
from tests.results_files import detection, failure, image, write_results
from tests.unit.core.results import strategies
from tests.unit.postprocessing.convert.conversions import above, back, save, to

#: What Excel takes for an equals sign, too.
WIDE = "\N{FULLWIDTH EQUALS SIGN}"
TABLES = ("csv", "csv-detections")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def season(tmp_path: Path) -> Results:
    return write_results(
        tmp_path / "results.json",
        image(
            "north/cam/1.jpg",
            detection("1", 0.9, classifications=[["0", 0.8]]),
            detection("1", 0.3),
            detection("3", -0.7),
            datetime="2026-05-02 06:11:54",
            width=640,
            height=480,
        ),
        image("south\\2.jpg", detection("2", 0.2), own=1),
        image("3.jpg"),
        failure("north/4.jpg"),
        classification_categories={"0": "deer"},
    )


def test_a_row_an_image_tells_what_was_found(season: Results, tmp_path: Path) -> None:
    to("csv", season, tmp_path / "out.csv", threshold=above(0.5))
    found, low, none, failed = rows(tmp_path / "out.csv")
    assert (found["status"], found["found"], found["max_conf"]) == ("found", "animal", "0.9")
    assert (found["count_animal"], found["conf_animal"], found["conf_vehicle"]) == ("1", "0.9", "")
    assert (found["class"], found["class_conf"]) == ("deer", "0.8")
    assert (found["folder_1"], found["folder_2"]) == ("north", "cam")
    assert (found["date"], found["time"]) == ("2026-05-02", "06:11:54")
    assert (low["status"], low["count_person"], low["conf_person"]) == ("empty", "0", "0.2")
    assert (low["folder_1"], low["folder_2"], none["folder_1"]) == ("south", "", "")
    assert none["status"] == "empty"
    assert (failed["status"], failed["count_animal"]) == ("failed", "")
    assert failed["failure"] == "image access failure: truncated"


def test_a_detection_at_the_threshold_is_not_above_it(season: Results, tmp_path: Path) -> None:
    to("csv", season, tmp_path / "out.csv", threshold=above(0.3))
    assert [row["count_animal"] for row in rows(tmp_path / "out.csv")] == ["1", "0", "0", ""]


def test_a_row_a_detection_and_one_for_each_image_without(season: Results, tmp_path: Path) -> None:
    told = to("csv-detections", season, tmp_path / "out.csv", folder_columns=0)
    table = rows(tmp_path / "out.csv")
    statuses = [(row["file"], row["status"], row["category"], row["conf"]) for row in table]
    assert statuses == [
        ("north/cam/1.jpg", "detection", "animal", "0.9"),
        ("north/cam/1.jpg", "detection", "animal", "0.3"),
        ("north/cam/1.jpg", "detection", "vehicle", "-0.7"),
        ("south\\2.jpg", "detection", "person", "0.2"),
        ("3.jpg", "empty", "", ""),
        ("north/4.jpg", "failed", "", ""),
    ]
    assert "folder_1" not in table[0]
    assert told == {"field `own` of images": 1}


def test_the_threshold_leaves_images_empty(season: Results, tmp_path: Path) -> None:
    to("csv-detections", season, tmp_path / "out.csv", threshold=above(0.5))
    statuses = [row["status"] for row in rows(tmp_path / "out.csv")]
    assert statuses == ["detection", "empty", "empty", "failed"]


@pytest.mark.parametrize("name", TABLES)
def test_what_is_lost_is_told(season: Results, tmp_path: Path, name: str) -> None:
    told = to(name, season, tmp_path / "out.csv", threshold=above(0.5))
    assert told["field `own` of images"] == 1
    if name == "csv":
        assert told["detections struck out as repeated"] == 1
        assert told["boxes of detections: --to csv-detections has them"] == 4


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "evil", ["=cmd|' /C calc'!A0", "+1", "-1", "@a", "\tx", "\rx", WIDE, "'=1"]
)
def test_no_cell_is_a_formula_and_the_name_comes_back(tmp_path: Path, name: str, evil: str) -> None:
    results = write_results(
        tmp_path / "results.json",
        image(f"{evil}/{evil}.jpg", detection(), meta=evil, datetime=evil),
        {"file": f"{evil}.png", "detections": None, "failure": evil},
    )
    to(name, results, tmp_path / "out.csv", threshold=above(0.1))
    texts = [cell for row in rows(tmp_path / "out.csv") for cell in row.values()]
    assert not [cell for cell in texts if cell.startswith(tuple("=+-@\t\r" + WIDE))]
    assert any(evil in cell for cell in texts)
    again, _ = back("csv", tmp_path / "out.csv")
    assert [one.file for one in again.images()] == [f"{evil}/{evil}.jpg", f"{evil}.png"]
    assert [(one.meta, one.failure) for one in again.images()] == [(evil, None), (None, evil)]


def test_category_names_are_no_formulas_either(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.json", image("a.jpg", detection("1", 0.9)))
    results = replace(results, detection_categories={"1": "=1+1"})
    for name in TABLES:
        to(name, results, tmp_path / name, threshold=above(0.1))
        texts = [cell for row in rows(tmp_path / name) for cell in (*row, *row.values())]
        assert "'=1+1" in texts
        assert not [cell for cell in texts if cell.startswith("=")]


@pytest.mark.parametrize("name", TABLES)
def test_other_programs_read_the_table(season: Results, tmp_path: Path, name: str) -> None:
    to(name, season, tmp_path / "out.csv", threshold=above(0.5))
    table = pyarrow.csv.read_csv(tmp_path / "out.csv")
    assert table.column("file").to_pylist()[0] == "north/cam/1.jpg"
    assert str(table.schema.field("height").type) == "int64"


def without_extras(one: ImageResult) -> ImageResult:
    """What a table can hold: no fields of others, no empty texts, no videos' lists."""
    found = one.detections
    return msgspec.structs.replace(
        one,
        extra=None,
        meta=one.meta or None,
        detections=found and [msgspec.structs.replace(each, extra=None) for each in found],
    )


def is_alone(images: list[ImageResult]) -> bool:
    return len({one.file for one in images}) == len(images)


some_images = st.lists(strategies.images, max_size=4).filter(is_alone)


@settings(deadline=None, max_examples=60)
@given(some_images)
def test_a_table_of_detections_reads_back(
    tmp_path_factory: pytest.TempPathFactory, images: list[ImageResult]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    results = save(folder / "results.json", images, classification_categories={"7": "deer"})
    to("csv-detections", results, folder / "out.csv")
    notes = Notes()
    imported = tables.read(folder / "out.csv", Options(), notes)
    again = list(imported.images)
    classes = imported.classes.names()
    assert set(classes.values()) <= {"deer"}
    assert [with_class_ids(one) for one in again] == [without_extras(one) for one in images]


def with_class_ids(one: ImageResult) -> ImageResult:
    """The ids of classes as they were: a table knows their names alone."""
    found = [
        msgspec.structs.replace(
            each,
            classifications=each.classifications
            and [("7", conf) for _, conf in each.classifications],
        )
        for each in one.detections or ()
    ]
    return msgspec.structs.replace(one, detections=None if one.detections is None else found)


def test_a_table_of_images_reads_back_without_boxes(season: Results, tmp_path: Path) -> None:
    to("csv", season, tmp_path / "out.csv", threshold=above(0.1))
    again, told = back("csv", tmp_path / "out.csv")
    first, second, third, failed = again.images()
    assert first.detections == [Detection("1", 0.9, (0.0, 0.0, 1.0, 1.0))]
    assert (first.width, first.datetime) == (640, "2026-05-02 06:11:54")
    assert second.detections == [Detection("2", 0.2, (0.0, 0.0, 1.0, 1.0))]
    assert third.detections == []
    assert failed.failure == "image access failure: truncated"
    assert told == {
        "boxes that the table does not tell: the whole picture stands for them": 2,
        "further detections in an image: the table tells the surest": 1,
    }


@pytest.mark.parametrize("name", TABLES)
def test_columns_that_people_added_are_kept(season: Results, tmp_path: Path, name: str) -> None:
    to(name, season, tmp_path / "out.csv", threshold=above(0.5))
    head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    numbered = [f"{line},Ada {index}" for index, line in enumerate(lines)]
    (tmp_path / "out.csv").write_text("\n".join([f"{head},observer", *numbered]))
    again, _ = back("csv", tmp_path / "out.csv")
    images = list(again.images())
    holder: Any = images[0] if name == "csv" else (images[0].detections or [None])[0]
    assert holder.extra == {"observer": "Ada 0"}
    assert images[2].extra == {"observer": "Ada 2"}


def test_tables_that_a_spreadsheet_saved_are_read(season: Results, tmp_path: Path) -> None:
    to("csv", season, tmp_path / "out.csv", threshold=above(0.5))
    text = (tmp_path / "out.csv").read_text().replace(",", ";").replace("640", "640.0")
    (tmp_path / "out.csv").write_text("\ufeff" + text, encoding="utf-8")
    again, _ = back("csv", tmp_path / "out.csv")
    assert [one.width for one in again.images()] == [640, None, None, None]


HEAD = "file,status,category,category_id,conf,x_min,y_min,box_width,box_height\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEAD + "a,detection,animal,1,high,0,0,1,1\n", "line 2: `conf` is 'high', which is no"),
        (HEAD + "a,detection,animal,1,nan,0,0,1,1\n", "line 2: `conf` is 'nan', which is no"),
        (HEAD + "a,detection,animal,1,0.5,,0,1,1\n", "line 2: `x_min` is empty"),
        (HEAD + "a,empty\n", "line 2: has 2 cells, where the first line has 9"),
        (
            HEAD + "a,empty,,,,,,,\nb,empty,,,,,,,\na,empty,,,,,,,\n",
            "line 4: a stands apart",
        ),
        ("image_path,max_confidence,detections\na,0.5,[[1]]\n", "line 2: an entry of `detections`"),
        ("image_path,max_confidence,detections\na,0.5,[NaN]\n", "line 2: `detections` is not"),
        ("image_path,max_confidence,detections\na,0.5,[\n", "line 2: `detections` is not JSON"),
        ("a,b\n1,2\n", "none of the tables"),
        ("file,file\n", "two columns have one name"),
        ("", "none of the tables"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(InvalidResults, match=why.replace("[", r"\[")):
        back("csv", tmp_path / "in.csv")


def test_the_table_of_2019(season: Results, tmp_path: Path) -> None:
    told = to("csv-2019", season, tmp_path / "out.csv")
    first, *_ = rows(tmp_path / "out.csv")
    assert (first["image_path"], first["max_confidence"]) == ("north/cam/1.jpg", "0.9")
    # A vehicle is class 4, as it was in 2019.
    assert first["detections"].startswith("[[0.2, 0.1, 0.6, 0.4, 0.9, 1], ")
    assert first["detections"].endswith(", -0.7, 4]]")
    assert told["images that failed: the format lists them in another file"] == 1
    again, _ = back("csv", tmp_path / "out.csv")
    names = again.detection_categories
    image = next(again.images())
    found = [(names[one.category], one.conf, one.bbox) for one in image.detections or ()]
    assert found == [
        ("animal", 0.9, (0.1, 0.2, 0.3, 0.4)),
        ("animal", 0.3, (0.1, 0.2, 0.3, 0.4)),
        ("vehicle", -0.7, (0.1, 0.2, 0.3, 0.4)),
    ]
    assert "detector" not in again.info  # so that thresholds of that time are taken


def test_detections_of_april_2019_had_no_class(tmp_path: Path) -> None:
    text = 'image_path,max_confidence,detections\na.jpg,0.5,"[[0, 0, 1, 1, 0.5]]"\n'
    (tmp_path / "in.csv").write_text(text)
    again, told = back("csv", tmp_path / "in.csv")
    assert list(again.detection_categories.values()) == ["unknown"]
    assert sum(told.values()) == 1


def test_an_input_is_never_replaced(season: Results) -> None:
    with pytest.raises(Exception, match="what is read"):
        convert_to("csv", season, season.path, Options(), Notes())
