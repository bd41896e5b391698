import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.failures import FailureCode, ImageFailure
from core.results.format import Detection, ImageResult, failed
from core.results.reader import Results, open_results
from core.results.rewriting import failed_images, save_results, write_version
from core.results.validator import validate
from tests.unit.core.results import strategies

INFO = {"format_version": "1.6", "detector": "megadetector_v3", "x-info": [1]}
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
IMAGES = [
    ImageResult(file="a.jpg", detections=[Detection("1", 0.75, (0.0, 0.0, 0.5, 0.5))]),
    failed("b.jpg", ImageFailure(FailureCode.TRUNCATED), meta="cam 7"),
    failed("c.jpg", ImageFailure(FailureCode.OUT_OF_ATTEMPTS)),
    ImageResult(file="d.jpg", detections=[]),
]


def saved(
    path: Path, images: Iterable[ImageResult] = IMAGES, extra: dict[str, Any] | None = None
) -> Results:
    save_results(path, images, info=INFO, categories=CATEGORIES, extra=extra)
    return open_results(path)


@settings(deadline=None, max_examples=40)
@given(st.lists(strategies.images, max_size=3), st.integers(1, 6))
def test_every_version_reads_back_as_the_same_images(
    tmp_path_factory: pytest.TempPathFactory, images: Iterable[ImageResult], minor: int
) -> None:
    folder = tmp_path_factory.mktemp("versions")
    results = saved(folder / "results.json", images, {"x-top": None})
    with (folder / "older.json").open("wb") as sink:
        write_version(results, sink, (1, minor))

    older = open_results(folder / "older.json")

    assert older.version == (1, minor)
    assert older.info == {**INFO, "format_version": f"1.{minor}"}
    assert older.extra == {"x-top": None}
    read = [
        msgspec.structs.replace(image, failure=None if image.failure is None else "any")
        for image in older.images()
    ]
    assert read == [
        msgspec.structs.replace(image, failure=None if image.failure is None else "any")
        for image in images
    ]


@pytest.mark.parametrize("minor", range(7))
def test_every_version_that_is_written_is_valid(tmp_path: Path, minor: int) -> None:
    results = saved(tmp_path / "results.json")
    with (tmp_path / "older.json").open("wb") as sink:
        written = write_version(results, sink, (1, minor))

    report = validate(tmp_path / "older.json")

    assert report.errors == 0
    assert {str(fault) for fault in report.faults} - {
        "error: /x-info: the format does not know this field"
    } == (
        {"warning: /info/format_version: is older than 1.3, which many programs no longer read"}
        if minor < 3
        else set()
    )
    assert written.images == (2 if minor == 0 else 4)


def test_1_0_has_its_failures_apart(tmp_path: Path) -> None:
    results = saved(tmp_path / "results.json")
    sink = io.BytesIO()

    write_version(results, sink, (1, 0))

    assert [image["file"] for image in json.loads(sink.getvalue())["images"]] == ["a.jpg", "d.jpg"]
    assert list(failed_images(results)) == [["b.jpg", "cam 7"], "c.jpg"]


def test_a_file_can_be_made_from_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = saved(path)
    negated = (
        msgspec.structs.replace(
            image,
            detections=image.detections
            and [msgspec.structs.replace(found, conf=-found.conf) for found in image.detections],
        )
        for image in results.images()
    )

    save_results(path, negated, info=results.info, categories=results.detection_categories)

    first, *rest = open_results(path).images()
    assert first.detections == [Detection("1", -0.75, (0.0, 0.0, 0.5, 0.5))]
    assert rest == IMAGES[1:]
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_a_failing_tool_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    saved(path)
    before = path.read_bytes()

    def failing() -> Iterator[ImageResult]:
        yield IMAGES[0]
        raise RuntimeError("the tool broke")

    with pytest.raises(RuntimeError, match="the tool broke"):
        saved(path, failing())

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]
