"""Names that mean harm, in all that the tools write: folders, tables, pages, other formats."""

import csv
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.containers.names import is_image_name
from core.results.reader import Results
from core.secrets import redact
from postprocessing.cells import plain_cell
from postprocessing.crops import TABLE, CropOptions, crop_all
from postprocessing.disk import Names, files_below, forward
from postprocessing.preview.options import Options
from postprocessing.preview.sources import FolderImages
from postprocessing.preview.writing import write_preview
from postprocessing.separate import RECORD, Separator, read_record, undo
from postprocessing.sorting import new_sorter
from postprocessing.thresholds import Threshold
from tests.hostile_names import HOSTILE, is_file_name
from tests.pictures import jpeg
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.convert.conversions import ALL, back, to

FILES = [name for name in HOSTILE if is_file_name(name) and is_image_name(name)]
#: With what a spreadsheet begins a formula. Source: OWASP, "CSV Injection".
FORMULA = tuple("=+-@\t\r\n\uff1d")


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """A photograph for each name, no two alike."""
    return {name: jpeg(number) for number, name in enumerate(FILES)}


@pytest.fixture
def root(tmp_path: Path, content: dict[str, bytes]) -> Path:
    """A folder of such files, beside one that is no business of any tool."""
    for name, data in content.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "secret.jpg").write_bytes(b"SECRET")
    return tmp_path / "photos"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    sized = (image(name, detection(), width=64, height=48) for name in HOSTILE)
    return write_results(tmp_path / "r.json", *sized)


def below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_each_image_is_sorted_into_a_folder_and_none_over_another(
    tmp_path: Path, root: Path, results: Results, content: dict[str, bytes]
) -> None:
    sorter = new_sorter(results, Threshold(0.8, ""), Threshold(0.3, ""), {})
    before = set(below(tmp_path))
    out = tmp_path / "out"
    done = Separator(results, root, Names(files_below(root)), sorter).run(out, "copy")
    placed = {
        forward(one.file): (out / one.target).read_bytes() for one in read_record(out / RECORD)
    }
    # Of two names that differ in nothing but how folders are joined, the first one counts.
    assert placed.keys() >= {forward(name) for name in FILES}
    assert len(below(out)) == len(placed) + 1 and len({*placed.values()}) == len(placed)
    assert {*placed, *map(forward, done.missing)} == {forward(name) for name in HOSTILE}
    assert set(below(tmp_path)) - set(below(out)) == before
    assert undo(out / RECORD) == (len(placed), [])
    assert os.listdir(out) == []


def test_each_image_has_a_crop_of_its_own(tmp_path: Path, root: Path, results: Results) -> None:
    before = set(below(tmp_path))
    out = tmp_path / "out"
    done = crop_all(results, root, Names(files_below(root)), out, CropOptions(threshold=0.5))
    with (out / TABLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {plain_cell(row["image"]) for row in rows} >= set(FILES)
    assert not any(row["image"].startswith(FORMULA) for row in rows)
    crops = {(out / plain_cell(row["crop"])).resolve() for row in rows}
    assert done.crops == len(rows)
    assert len(crops) == len({forward(plain_cell(row["image"])) for row in rows})
    assert crops == {path.resolve() for path in below(out) if path.name != TABLE}
    assert set(below(tmp_path)) - set(below(out)) == before


class Elements(HTMLParser):
    """What a page holds, beside text, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.texts: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.add(" ".join(data.split()))


def test_no_name_is_more_than_text_on_a_page(tmp_path: Path, root: Path) -> None:
    found = (image(name, detection()) for name in FILES)
    results = write_results(tmp_path / "r.json", *found, *map(failure, HOSTILE))
    before = set(below(tmp_path))
    out = tmp_path / "out"
    above = Threshold(0.5, "")
    options = Options(threshold=above, almost=above, private=above, sample=200)
    write_preview(results, FolderImages(root), out, options)
    pages = {path.name: Elements(path.read_text("utf-8")) for path in out.glob("*.html")}
    for page in pages.values():
        assert not page.tags & {"script", "iframe", "object", "base", "form"}
        assert not any(name.startswith("on") or name == "style" for name in page.attributes)
        assert not any(link.lower().startswith(("http", "java", "//")) for link in page.links)
    told = set().union(*(page.texts for page in pages.values()))
    shown = {" ".join(redact(name).split()) for name in HOSTILE if name.isprintable()}
    assert shown - told == set()
    assert [text for text in told if not text.isprintable()] == []
    assert set(below(tmp_path)) - set(below(out)) == before


@pytest.mark.parametrize("table", ["csv", "csv-detections", "csv-2019"])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, results: Results, table: str) -> None:
    to(table, results, tmp_path / "out.csv", threshold=ALL)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA)] == []
    assert {plain_cell(cell) for cell in cells} >= set(HOSTILE)


@pytest.mark.parametrize("name", ["csv", "parquet", "coco"])
def test_each_name_comes_back_from_other_formats(
    tmp_path: Path, results: Results, name: str
) -> None:
    to(name, results, tmp_path / "out")
    returned, _ = back(name, tmp_path / "out")
    assert [one.file for one in returned.images()] == list(HOSTILE)
