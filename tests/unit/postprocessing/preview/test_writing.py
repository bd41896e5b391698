import csv
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.preview.options import Options, thresholds
from postprocessing.preview.sources import FolderImages
from postprocessing.preview.truth import read_truth
from postprocessing.preview.writing import Preview, write_preview
from tests.pictures import encoded, exif_bytes, jpeg, scene
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.preview.test_truth import truth_file


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(8):
        (tmp_path / f"photos/{number}.jpg").write_bytes(jpeg(number, 640, 480))
    (tmp_path / "photos/bad.jpg").write_bytes(b"no picture")
    (tmp_path / "photos/cut.jpg").write_bytes(jpeg(0, 640, 480)[:2000])
    return tmp_path / "photos"


def results_of(tmp_path: Path, *images: dict[str, Any]) -> Results:
    return write_results(tmp_path / "r.json", *images)


def season(tmp_path: Path) -> Results:
    return results_of(
        tmp_path,
        image("0.jpg", detection("1", 0.9)),
        image("1.jpg", detection("1", 0.5), detection("2", 0.45)),
        image("2.jpg", detection("3", 0.37)),
        image("3.jpg", detection("1", 0.2)),
        image("4.jpg", detection("1", 0.41)),
        failure("=5.jpg"),
        failure("6.jpg", "not_found"),
        failure("7.jpg"),
    )


def written(
    results: Results, photos: Path, out: Path, *, truth: Path | None = None, **options: Any
) -> Preview:
    chosen = Options(**thresholds(results), **options)
    known = None if truth is None else read_truth(truth, results, {})
    return write_preview(results, FolderImages(photos), out, chosen, truth=known)


def page(out: Path, name: str) -> str:
    return (out / name).read_text(encoding="utf-8")


def titles(preview: Preview) -> list[tuple[str, int, int]]:
    return [(one.title, one.images, len(one.items)) for one in preview.sections]


def test_images_are_grouped_and_drawn(tmp_path: Path, photos: Path) -> None:
    preview = written(season(tmp_path), photos, tmp_path / "out")
    assert titles(preview) == [
        ("animal", 2, 2),
        ("animal and person", 1, 1),
        ("almost", 1, 1),
        ("empty", 1, 1),
    ]
    assert preview.missing == []
    names = {path.name for path in (tmp_path / "out/pictures").iterdir()}
    assert names == {f"{index:07d}.jpg" for index in range(5)}
    assert names == {path.name for path in (tmp_path / "out/thumbnails").iterdir()}
    assert not list((tmp_path / "out").rglob(".*"))


def test_pages_tell_thresholds_and_lead_to_all_that_there_is(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    written(season(tmp_path), photos, out, seed=7)
    first = page(out, "index.html")
    for told in ("0.4", "typical of demo", "0.35", "0.05 below the threshold", "seed 7"):
        assert told in first
    for path in out.glob("*.html"):
        links = re.findall(r'(?:href|src)="([^"#]+)[^"]*"', path.read_text(encoding="utf-8"))
        assert links
        assert [link for link in links if not (out / link).is_file()] == []
    anchors = re.findall(r'href="#([^"]+)"', page(out, "01-animal.html"))
    assert all(f'id="{anchor}"' in page(out, "01-animal.html") for anchor in anchors)


def test_failures_stand_by_code_with_their_names(tmp_path: Path, photos: Path) -> None:
    written(season(tmp_path), photos, tmp_path / "out")
    text = re.sub(r"<[^>]+>|\s+", " ", page(tmp_path / "out", "failed.html"))
    assert re.search(r"truncated +2 .*=5\.jpg .*7\.jpg .*not_found +1 .*6\.jpg", text)
    with (tmp_path / "out/failed.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["'=5.jpg", "image access failure: truncated"]
    assert len(rows) == 4


def test_more_failures_than_a_page_holds_are_counted(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postprocessing.preview.failures.MOST_NAMES", 2)
    monkeypatch.setattr("postprocessing.preview.failures.MOST_CODES", 2)
    failures = [failure(f"{code}-{number}.jpg", code) for code in "abc" for number in range(4)]
    preview = written(results_of(tmp_path, *failures), photos, tmp_path / "out")
    assert preview.failures == {"a": 4, "b": 4, "(others)": 4}
    assert "and 2 more" in page(tmp_path / "out", "failed.html")
    assert len((tmp_path / "out/failed.csv").read_text().splitlines()) == 13


def test_the_same_file_gives_the_same_preview(tmp_path: Path, photos: Path) -> None:
    names = [f"{number % 5}.jpg" for number in range(40)]
    results = results_of(tmp_path, *(image(name, detection("1", 0.9)) for name in names))
    for out in ("one", "two"):
        written(results, photos, tmp_path / out, sample=9)
    one, two = (
        {path.relative_to(tmp_path / out): path.read_bytes() for path in files}
        for out in ("one", "two")
        if (files := [path for path in (tmp_path / out).rglob("*") if path.is_file()])
    )
    assert one == two


def test_many_pictures_stand_on_several_pages(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postprocessing.preview.view.PER_PAGE", 3)
    results = results_of(
        tmp_path, *(image(f"{number}.jpg", detection("1", 0.9)) for number in range(8))
    )
    written(results, photos, tmp_path / "out")
    pages = [page(tmp_path / "out", f"01-animal{number}.html") for number in ("", "-2", "-3")]
    assert [text.count("<figure") for text in pages] == [3, 3, 2]
    assert 'href="01-animal-3.html"' in pages[1]
    assert 'href="01-animal.html"' in pages[1]


def test_a_picture_that_cannot_be_read_is_told_in_its_place(tmp_path: Path, photos: Path) -> None:
    names = ("0.jpg", "bad.jpg", "cut.jpg", "gone.jpg")
    preview = written(results_of(tmp_path, *map(image, names)), photos, tmp_path / "out")
    assert preview.missing == ["bad.jpg", "cut.jpg", "gone.jpg"]
    text = page(tmp_path / "out", "01-empty.html")
    assert text.count("This is not a picture that can be read.") == 2
    assert text.count("There is no image of this name.") == 1
    assert len(list((tmp_path / "out/pictures").iterdir())) == 1


def test_pictures_are_upright_small_and_tell_no_place(tmp_path: Path, photos: Path) -> None:
    exif = exif_bytes(orientation=6, gps={1: "N", 2: (1.0, 2.0, 3.0)})
    (photos / "turned.jpg").write_bytes(jpeg(0, 3000, 2000, exif=exif))
    written(results_of(tmp_path, image("turned.jpg")), photos, tmp_path / "out", size=900)
    with Image.open(tmp_path / "out/pictures/0000000.jpg") as large:
        assert large.size == (600, 900)
        assert not large.getexif()
    with Image.open(tmp_path / "out/thumbnails/0000000.jpg") as small:
        assert small.size == (341, 512)


def spread(path: Path, box: tuple[int, int, int, int]) -> float:
    """How much a part of a picture varies."""
    with Image.open(path) as picture:
        return float(np.asarray(picture.crop(box).convert("L"), float).std())


@pytest.mark.parametrize("conf", [0.25, -0.25], ids=["found", "struck out"])
def test_what_is_blurred_cannot_be_seen_in_either_picture(
    tmp_path: Path, photos: Path, conf: float
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    (photos / "0.jpg").write_bytes(encoded(noise, quality=95))
    person = {**detection("2", conf), "bbox": [0.5, 0.0, 0.5, 1.0]}
    results = results_of(tmp_path, image("0.jpg", detection("1", 0.2), person))
    left, right = (100, 50, 200, 350), (300, 50, 450, 350)
    for blur in (frozenset[str](), frozenset({"person"})):
        written(results, photos, tmp_path / "out", blur=blur, size=600)
        for folder, share in (("pictures", 1.0), ("thumbnails", 512 / 600)):
            path = tmp_path / f"out/{folder}/0000000.jpg"
            parts = [tuple(round(one * share) for one in box) for box in (left, right)]
            seen = [spread(path, part) > 10 for part in parts]  # type: ignore[arg-type]
            assert seen == [True, not blur], folder


@pytest.mark.parametrize(("conf", "shown"), [(0.9, 1), (0.21, 1), (0.19, 2)])
def test_what_is_hidden_is_shown_nowhere(
    tmp_path: Path, photos: Path, conf: float, shown: int
) -> None:
    images = image("0.jpg", detection("1", 0.9), detection("2", conf)), image("1.jpg")
    preview = written(
        results_of(tmp_path, *images), photos, tmp_path / "out", hide=frozenset({"person"})
    )
    assert sum(len(one.items) for one in preview.sections) == shown
    assert sum(one.images for one in preview.sections) == 2
    pages = "".join(path.read_text() for path in (tmp_path / "out").glob("*.html"))
    assert ("0.jpg" in pages) is (shown == 2)


@pytest.mark.parametrize("name", ["Person", "Human"])
def test_who_is_seen_by_people_alone_is_not_shown_where_it_should_be_blurred(
    tmp_path: Path, photos: Path, name: str
) -> None:
    images = image("0.jpg", detection("2", 0.9)), image("1.jpg"), image("2.jpg")
    labels = {"0.jpg": [name], "1.jpg": [name], "2.jpg": ["empty"]}
    preview = written(
        results_of(tmp_path, *images),
        photos,
        tmp_path / "out",
        truth=truth_file(tmp_path / "truth.json", labels),
        blur=frozenset({"person"}),
    )
    shown = {item.file for section in preview.sections for item in section.items}
    assert shown == {"0.jpg", "2.jpg"}


def test_a_category_that_is_not_there_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(InvalidRequest, match="no category moose"):
        written(season(tmp_path), photos, tmp_path / "out", blur=frozenset({"moose"}))


def test_an_earlier_preview_gives_way_and_nothing_else(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    written(season(tmp_path), photos, out)
    (out / "notes.txt").write_text("mine")
    written(results_of(tmp_path, image("3.jpg")), photos, out)
    assert {path.name for path in out.glob("*.html")} == {"index.html", "01-empty.html"}
    assert not (out / "failed.csv").exists()
    assert len(list((out / "pictures").iterdir())) == 1
    assert (out / "notes.txt").read_text() == "mine"


def test_a_folder_of_other_things_is_refused(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/index.html").write_text("mine")
    with pytest.raises(InvalidRequest, match="holds other things"):
        written(season(tmp_path), photos, tmp_path / "out")
    assert (tmp_path / "out/index.html").read_text() == "mine"


def test_pictures_can_stand_by_confidence(tmp_path: Path, photos: Path) -> None:
    confs = {"0.jpg": 0.5, "1.jpg": 0.9, "2.jpg": 0.7}
    images = [image(name, detection("1", conf)) for name, conf in confs.items()]
    results = results_of(tmp_path, *images)
    for order, expected in (("name", "0 1 2"), ("confidence", "1 2 0")):
        (section,) = written(results, photos, tmp_path / "out", order=order).sections
        assert [item.file for item in section.items] == [f"{one}.jpg" for one in expected.split()]


def test_rare_combinations_are_one_group(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postprocessing.preview.survey.MOST_GROUPS", 2)
    found = ["1", "2", "3", "12", "13", "1"]
    images = [
        image(f"{at}.jpg", *(detection(one, 0.9) for one in ids)) for at, ids in enumerate(found)
    ]
    preview = written(results_of(tmp_path, *images), photos, tmp_path / "out")
    assert titles(preview) == [("animal", 2, 2), ("person", 1, 1), ("other combinations", 3, 3)]


def test_with_a_truth_there_are_numbers_and_pages_of_what_is_wrong(
    tmp_path: Path, photos: Path
) -> None:
    labels = {"0.jpg": ["empty"], "1.jpg": ["Person"], "2.jpg": ["vehicle"], "3.jpg": ["empty"]}
    truth = truth_file(tmp_path / "truth.json", labels)
    preview = written(season(tmp_path), photos, tmp_path / "out", truth=truth)
    wrong = [(one.title, [item.file for item in one.items]) for one in preview.sections[-2:]]
    assert wrong == [("false positives", ["0.jpg"]), ("false negatives", ["2.jpg"])]
    numbers = json.loads((tmp_path / "out/preview.json").read_bytes())
    anything = numbers["accuracy"][0]
    assert (anything["name"], anything["images"], anything["present"]) == ("anything", 4, 2)
    assert anything["at_threshold"]["precision"] == 0.5
    assert anything["at_target"]["threshold"] == 0.369
    text = page(tmp_path / "out", "accuracy.html")
    plots = {path.name for path in (tmp_path / "out").glob("*.svg")}
    assert len(plots) == 2 * len(numbers["accuracy"]) + 1  # and the icon
    assert all(name in text for name in plots)
    assert "Truth: vehicle" in page(tmp_path / "out", "06-false-negatives.html")


def test_pictures_of_many_kinds_are_drawn(tmp_path: Path, photos: Path) -> None:
    for kind in ("PNG", "GIF", "TIFF", "BMP", "WEBP"):
        (photos / f"x.{kind.lower()}").write_bytes(encoded(scene(0), kind))
    cmyk = BytesIO()
    Image.fromarray(scene(0)).convert("CMYK").save(cmyk, "JPEG")
    (photos / "cmyk.jpg").write_bytes(cmyk.getvalue())
    names = [path.name for path in photos.iterdir() if path.stem in ("x", "cmyk")]
    assert len(names) == 6
    preview = written(results_of(tmp_path, *map(image, names)), photos, tmp_path / "out")
    assert preview.missing == []


def test_pages_hold_no_secret_and_nothing_that_is_not_seen(tmp_path: Path, photos: Path) -> None:
    names = "https://a.example/c/1.jpg?sv=1&sig=abc%2Fdef&se=2", "a\u202egpj.\x07exe"
    written(results_of(tmp_path, *map(image, names), failure(names[0])), photos, tmp_path / "out")
    text = "".join(page(tmp_path / "out", name) for name in ("01-empty.html", "failed.html"))
    assert text.count("sig=&lt;hidden&gt;") >= 2
    assert "abc%2Fdef" not in text
    assert "a\N{REPLACEMENT CHARACTER}gpj.\N{REPLACEMENT CHARACTER}exe" in text
    assert "\u202e" not in text
