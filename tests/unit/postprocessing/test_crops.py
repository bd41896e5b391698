import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from core.results.format import Detection
from core.results.reader import Results
from postprocessing.crops import TABLE, CropOptions, Cropped, crop_all, with_margin
from postprocessing.disk import Names, files_below
from tests.results_files import detection, failure, image, write_results

HALF = [0.5, 0.0, 0.5, 1.0]


def two_halves(orientation: int = 1) -> bytes:
    """Black on the left and white on the right, 40 x 20, before it is turned upright."""
    picture, file, exif = Image.new("L", (40, 20)), BytesIO(), Image.Exif()
    picture.paste(255, (20, 0, 40, 20))
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "secret"
    picture.save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpg").write_bytes(two_halves())
    (tmp_path / "photos/turned.jpg").write_bytes(two_halves(orientation=3))
    (tmp_path / "photos/bad.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def results_of(tmp_path: Path, *images: dict[str, Any]) -> Results:
    return write_results(tmp_path / "r.json", *images)


def cropped(results: Results, root: Path, out: Path, **options: Any) -> Cropped:
    chosen = CropOptions(**{"threshold": 0.5, **options})
    return crop_all(results, root, Names(files_below(root)), out, chosen)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "bright"), [("a/1.jpg", True), ("turned.jpg", False)])
def test_what_is_cut_out_is_of_the_upright_picture(
    tmp_path: Path, root: Path, name: str, bright: bool
) -> None:
    results = results_of(tmp_path, image(name, detection(bbox=HALF)))
    cropped(results, root, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    with Image.open(tmp_path / "out" / row["crop"]) as crop:
        assert crop.size == (20, 20)
        assert (min(crop.convert("L").tobytes()) > 200) is bright
        assert not crop.getexif()


def test_the_table_tells_what_each_crop_is_of(tmp_path: Path, root: Path) -> None:
    found = detection("2", 0.4), detection("1", 0.9, bbox=HALF), detection("1", 0.6)
    cropped(results_of(tmp_path, image("a/1.jpg", *found)), root, tmp_path / "out")
    first, second = rows(tmp_path / "out")
    assert first["crop"] == "a/1~01-animal.jpg"
    assert (first["image"], first["detection"], first["category"]) == ("a/1.jpg", "1", "animal")
    assert (first["conf"], first["x_min"], first["height"]) == ("0.9", "0.5", "1.0")
    assert second["detection"] == "2"


def test_categories_can_be_chosen(tmp_path: Path, root: Path) -> None:
    results = results_of(tmp_path, image("a/1.jpg", detection("2"), detection("1")))
    done = cropped(results, root, tmp_path / "out", categories=frozenset({"2"}))
    assert done.crops == 1
    assert rows(tmp_path / "out")[0]["category"] == "person"


def test_what_cannot_be_cut_is_told_and_the_rest_goes_on(tmp_path: Path, root: Path) -> None:
    results = results_of(
        tmp_path,
        *(image(name, detection()) for name in ("bad.jpg", "../r.json", "gone.jpg", "a/1.jpg")),
        failure("turned.jpg"),
    )
    done = cropped(results, root, tmp_path / "out")
    assert (done.crops, done.unreadable) == (1, ["bad.jpg"])
    assert done.missing == ["../r.json", "gone.jpg"]


def test_names_that_look_like_formulas_are_quoted(tmp_path: Path, root: Path) -> None:
    (root / "=1+1.jpg").write_bytes(two_halves())
    cropped(results_of(tmp_path, image("=1+1.jpg", detection())), root, tmp_path / "out")
    assert rows(tmp_path / "out")[0]["image"] == "'=1+1.jpg"


def test_a_margin_ends_at_the_edge() -> None:
    wide = with_margin(Detection("1", 0.9, (0.4, 0.0, 0.2, 0.5)), 0.5)
    assert wide.bbox == pytest.approx((0.3, 0.0, 0.4, 0.75))
