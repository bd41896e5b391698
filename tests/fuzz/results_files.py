"""Target: results files of any program. What is called valid can be read, and written again."""

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import InvalidResults
from core.results.format import ImageResult
from core.results.reader import Results, open_results
from core.results.rewriting import failed_images, save_results, write_version
from core.results.validator import validate
from core.results.versions import NEWEST, OLDEST, WITH_FAILURES, WITHOUT_MAX_CONF
from tests.results_files import detection, failure, image, write_results

_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-results-"))
_FILE, _AGAIN, _THIRD = (_FOLDER / name for name in ("results.json", "again.json", "third.json"))
_VERSIONS = (OLDEST, WITH_FAILURES, WITHOUT_MAX_CONF, NEWEST)
_CATEGORIES = {"1": "animal", "2": "person"}


def seeds() -> Iterator[bytes]:
    images = (
        image("a/1.jpg", detection(), detection("2", -0.5), width=64, height=48, datetime="x"),
        image("a/2.jpg", detection(classifications=[["0", 0.9]])),
        failure("a/3.jpg"),
        image("v.mp4", detection(frame_number=3), frame_rate=29.97, frames_processed=[0, 3]),
    )
    classes = {"0": "deer"}
    write_results(_FILE, *images, classification_categories=classes)
    own = _FILE.read_bytes()
    yield from (own, own[:-3], own.replace(b"\n", b"\r\n"), own.replace(b"0.9", b"NaN"))
    for version in (None, "1.0", "1.3", "1.6", "2.0", 1.2, "x"):
        whole = {"info": {"format_version": version}, "detection_categories": _CATEGORIES}
        yield json.dumps({**whole, "images": list(images)}, indent=1).encode()
    yield from _other_files()


def _other_files() -> Iterator[bytes]:
    values: tuple[Any, ...] = (
        *([], [{"file": "a"}], ["a.jpg"], {}, {"images": []}, {"predictions": []}, {"shapes": []}),
        *({"images": [], "annotations": [], "categories": []}, {"error": "x"}, {"annotations": []}),
        {"info": [], "detection_categories": {"1": 2}, "images": {}},
        {"info": {}, "detection_categories": {"": " "}, "images": [None, 1, "x", {"file": None}]},
    )
    for value in values:
        yield json.dumps(value).encode()
    yield from (
        b"",
        b"<html>",
        b"image_path,max_confidence\n",
        b"\xff\xfe[",
        b"\x1f\x8b",
        b"PK\3\4",
    )
    yield from (
        b"[" * 4000,
        b'{"info":' * 400,
        b'{"info": {}, "images": [\n{"file": "\\ud800"}\n]}',
    )


def check(data: bytes) -> None:
    _FILE.write_bytes(data)
    report = validate(_FILE)
    assert report.errors + report.warnings >= len(report.faults)
    assert all(str(fault) for fault in report.faults)
    try:
        results = open_results(_FILE)
        images = list(results.images())
    except InvalidResults as error:
        assert not report.valid
        assert str(_FILE) in error.message
        return
    assert len(images) == report.images
    _check_written(results, images)


def _check_written(results: Results, images: list[ImageResult]) -> None:
    """Written once it may look other; written twice it is the same."""
    for path, source in ((_AGAIN, results), (_THIRD, None)):
        held = source or open_results(_AGAIN)
        save_results(
            path,
            held.images(),
            info=held.info,
            categories=held.detection_categories,
            extra=held.extra,
        )
    assert _AGAIN.read_bytes() == _THIRD.read_bytes()
    assert [one.file for one in open_results(_AGAIN).images()] == [one.file for one in images]
    failed = len(list(failed_images(results)))
    for version in _VERSIONS:
        written = write_version(results, io.BytesIO(), version)
        assert written.images == len(images) - (failed if version == OLDEST else 0)
