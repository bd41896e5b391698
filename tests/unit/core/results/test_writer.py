import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from core.catalog import DEMO, MODELS, model_of_file
from core.results import writer as writer_module
from core.results.writer import ResultsWriter, Written, build_info

Feed = Callable[[ResultsWriter], None]

ENDED = datetime(2026, 5, 4, 13, 7, 59, tzinfo=UTC)
LINES = [b'{"file":"%d.jpg","detections":[]}' % number for number in range(7)]


def written_by(feed: Feed) -> tuple[io.BytesIO, Written]:
    sink = io.BytesIO()
    writer = ResultsWriter(sink)
    writer.begin({"format_version": "1.6"}, {"1": "animal"})
    feed(writer)
    return sink, writer.end()


def one_by_one(writer: ResultsWriter) -> None:
    for line in LINES:
        writer.write_line(line)


def all_at_once(writer: ResultsWriter) -> None:
    writer.write_lines(LINES)


def mixed(writer: ResultsWriter) -> None:
    writer.write_lines([])
    writer.write_lines(LINES[:2])
    writer.write_line(LINES[2])
    writer.write_lines([])
    writer.write_lines(LINES[3:])


@pytest.mark.parametrize("feed", [one_by_one, all_at_once, mixed])
def test_the_layout_has_one_image_a_line(feed: Feed) -> None:
    sink, _ = written_by(feed)

    assert sink.getvalue() == (
        b'{\n"info": {"format_version":"1.6"},\n"detection_categories": {"1":"animal"},\n'
        b'"images": [\n' + b",\n".join(LINES) + b"\n]\n}\n"
    )


def test_a_file_without_images_is_whole() -> None:
    sink, written = written_by(lambda writer: None)

    assert sink.getvalue().endswith(b'"images": [\n]\n}\n')
    assert json.loads(sink.getvalue())["images"] == []
    assert written.images == 0


def test_the_end_tells_images_bytes_and_digest() -> None:
    sink, written = written_by(mixed)

    data = sink.getvalue()
    assert written == Written(
        images=len(LINES), size=len(data), digest=hashlib.sha256(data).hexdigest()
    )


def test_further_fields_stand_before_the_images() -> None:
    sink = io.BytesIO()
    writer = ResultsWriter(sink)
    writer.begin({}, {}, {"classification_categories": {"7": "boar"}, "grüße": 1})
    writer.end()

    assert json.loads(sink.getvalue()) == {
        "info": {},
        "detection_categories": {},
        "classification_categories": {"7": "boar"},
        "grüße": 1,
        "images": [],
    }


class CountingSink:
    """Keeps the sizes of what it is given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def write(self, data: bytes) -> None:
        self.sizes.append(len(data))


def test_bytes_are_handed_on_in_large_pieces_as_they_come() -> None:
    sink = CountingSink()
    writer = ResultsWriter(sink)
    writer.begin({}, {})
    line = b"x" * 1000

    for _ in range(10_000):
        writer.write_line(line)
    before_the_end = list(sink.sizes)
    written = writer.end()

    assert len(before_the_end) == 4
    assert max(before_the_end) < writer_module._CHUNK + 2000
    assert min(before_the_end) >= writer_module._CHUNK
    assert sum(sink.sizes) == written.size


def test_info_names_the_model_and_what_decided_the_numbers() -> None:
    info = build_info(
        MODELS["megadetector-v4.1"],
        completed_at=ENDED,
        detection_threshold=0.2,
        preprocessing="legacy-2019",
        truncated_images="accept",
        custom={"engine": "tensorflow 2.21.0"},
    )

    assert info == {
        "format_version": "1.6",
        "detector": "megadetector_v4.1",
        "detection_completion_time": "2026-05-04 13:07:59",
        "detector_metadata": {
            "megadetector_version": "v4.1",
            "typical_detection_threshold": 0.8,
            "conservative_detection_threshold": 0.3,
        },
        "custom_metadata": {
            "megabatch": {
                "detection_threshold": 0.2,
                "preprocessing": "legacy-2019",
                "truncated_images": "accept",
                "engine": "tensorflow 2.21.0",
            }
        },
    }


def test_the_demo_model_does_not_pass_for_a_megadetector() -> None:
    info = build_info(DEMO, completed_at=ENDED, detection_threshold=0.1)

    assert info["detector"] == "demo (COCO SSDLite, not MegaDetector)"
    assert info["detector_metadata"]["megadetector_version"] == "unknown"


def test_a_file_of_ones_own_is_named_by_its_checksum(tmp_path: Path) -> None:
    model = model_of_file(tmp_path / "megadetector-north.pb", "0" * 64)
    info = build_info(model, completed_at=ENDED, detection_threshold=0.1)

    assert info["detector"] == "megadetector-north.pb"
    assert info["custom_metadata"]["megabatch"]["model_sha256"] == "0" * 64
    assert info["detector_metadata"]["megadetector_version"] == "unknown"
    told = build_info(DEMO, completed_at=ENDED, detection_threshold=0.1)
    assert "model_sha256" not in told["custom_metadata"]["megabatch"]


def test_times_are_written_in_utc() -> None:
    there = ENDED.astimezone(timezone(timedelta(hours=-7)))

    info = build_info(DEMO, completed_at=there, detection_threshold=0.1)

    assert info["detection_completion_time"] == "2026-05-04 13:07:59"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_info(DEMO, completed_at=ENDED.replace(tzinfo=None), detection_threshold=0.1)
