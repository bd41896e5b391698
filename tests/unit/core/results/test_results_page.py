"""docs/results-format.md says what the code does."""

import json
import re
from pathlib import Path

import pytest

from core.failures import FailureCode, ImageFailure
from core.results.format import encode_image
from core.results.reader import open_results
from core.results.rewriting import failed_images
from core.results.rules import Severity
from core.results.validator import validate
from core.results.versions import known_version
from core.results.writer import ResultsWriter

PAGE = (Path(__file__).parents[4] / "docs" / "results-format.md").read_text()
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = [example for example in EXAMPLES if example.startswith("{")]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its two lines of head."""
    section = PAGE.partition(f"## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]
    ]


def test_there_are_examples_of_files_old_and_new() -> None:
    assert [json.loads(file)["info"]["format_version"] for file in FILES] == ["1.6", "1.0", "1.5"]


@pytest.mark.parametrize("content", FILES)
def test_every_example_is_read_and_valid(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)

    results = open_results(path)

    assert len(list(results.images())) == len(json.loads(content)["images"])
    errors = [fault for fault in validate(path).faults if fault.severity is Severity.ERROR]
    assert errors == []


def test_the_first_example_is_written_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(FILES[0])
    results = open_results(path)

    with (tmp_path / "again.json").open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(results.info, results.detection_categories, results.extra)
        writer.write_lines([encode_image(image) for image in results.images()])
        writer.end()

    assert (tmp_path / "again.json").read_text() == FILES[0]


def test_the_list_of_failed_images_is_as_1_0_writes_it(tmp_path: Path) -> None:
    (example,) = (json.loads(example) for example in EXAMPLES if example.startswith("["))
    path = tmp_path / "results.json"
    failures = [{"file": "north/IMG_0003.JPG"}, {"file": "north/IMG_0009.JPG", "meta": "station 7"}]
    images = [{**failure, "failure": "x", "detections": None} for failure in failures]
    path.write_text(json.dumps({"info": {}, "detection_categories": {}, "images": images}))

    assert list(failed_images(open_results(path))) == example


def test_the_page_has_every_failure_code_and_its_kind() -> None:
    table = {code.strip("`"): kind for code, kind, *_ in rows("When an image fails")}

    assert table == {
        str(code): str(ImageFailure(code)).partition(" failure: ")[0] for code in FailureCode
    }


def test_the_page_has_every_version() -> None:
    assert [known_version(version) for version, *_ in rows("Versions")] == [
        (1, minor) for minor in range(7)
    ]
