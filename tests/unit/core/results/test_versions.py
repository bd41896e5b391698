import json
from typing import Any

import pytest

from core.failures import FailureCode, ImageFailure
from core.results.format import Detection, ImageResult, failed
from core.results.versions import (
    Version,
    encode_in_version,
    failed_entry,
    info_in_version,
    known_version,
    max_conf,
    read_version,
)

SEEN = ImageResult(
    file="a.jpg",
    detections=[Detection("1", 0.5, (0.0, 0.0, 1.0, 1.0)), Detection("1", 0.75, (0.0, 0.0, 1, 1))],
    meta="cam 7",
    extra={"mine": 1},
)
UNREADABLE = failed("b.jpg", ImageFailure(FailureCode.TRUNCATED))
CRASHED = failed("c.jpg", ImageFailure(FailureCode.WORKER_CRASHED))


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({}, (1, 0)),
        ({"format_version": "1.0"}, (1, 0)),
        ({"format_version": "1.6"}, (1, 6)),
        ({"format_version": 1.3}, (1, 3)),
        ({"format_version": "1.12"}, (1, 12)),
        ({"format_version": "2.0"}, (2, 0)),
    ],
)
def test_a_version_is_read_from_info(info: dict[str, Any], version: tuple[int, int]) -> None:
    assert read_version(info) == version


@pytest.mark.parametrize("named", ["", "1", "v1.6", "1.6.1", None, True, "1.6\n", "nan"])
def test_what_is_no_version_is_refused(named: object) -> None:
    with pytest.raises(ValueError, match="not a version"):
        read_version({"format_version": named})


@pytest.mark.parametrize("minor", range(7))
def test_every_version_can_be_asked_for(minor: int) -> None:
    assert known_version(f"1.{minor}") == (1, minor)


@pytest.mark.parametrize("text", ["1.7", "2.0", "", "1.00"])
def test_an_unknown_version_names_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"Ask for one of 1\.0, .*1\.6\."):
        known_version(text)


def test_info_changes_in_its_version_only() -> None:
    info = {"format_version": "1.6", "detector": "x", "mine": 1}

    assert info_in_version(info, (1, 2)) == {"format_version": "1.2", "detector": "x", "mine": 1}
    assert info["format_version"] == "1.6"


def fields_in_version(image: ImageResult, version: Version) -> Any:
    line = encode_in_version(image, version)
    return None if line is None else json.loads(line)


@pytest.mark.parametrize("minor", range(7))
def test_the_highest_confidence_stands_in_versions_before_1_3(minor: int) -> None:
    fields = fields_in_version(SEEN, (1, minor))

    assert fields is not None
    assert fields.get("max_detection_conf") == (0.75 if minor < 3 else None)
    assert fields["meta"] == "cam 7"
    assert fields["mine"] == 1
    assert [found["conf"] for found in fields["detections"]] == [0.5, 0.75]


ACCESS_1_6, CRASH_1_6 = "image access failure: truncated", "inference failure: worker_crashed"


@pytest.mark.parametrize(
    ("minor", "access", "inference"),
    [
        (1, "Failure image access", "Failure TF inference"),
        (2, "Failure image access", "Failure inference"),
        (3, "Failure image access", "Failure inference"),
        (4, "Failure image access", "Failure inference"),
        (5, "image access failure", "inference failure"),
        (6, ACCESS_1_6, CRASH_1_6),
    ],
)
def test_a_failure_speaks_the_words_of_its_time(minor: int, access: str, inference: str) -> None:
    absent = {} if minor < 3 else {"detections": None}

    assert fields_in_version(UNREADABLE, (1, minor)) == {
        "file": "b.jpg",
        "failure": access,
        **absent,
    }
    assert fields_in_version(CRASHED, (1, minor)) == {
        "file": "c.jpg",
        "failure": inference,
        **absent,
    }


def test_1_0_has_no_failures_among_its_images() -> None:
    assert fields_in_version(UNREADABLE, (1, 0)) is None


def test_another_programs_failure_keeps_its_words() -> None:
    image = ImageResult(file="v.mp4", detections=None, failure="Failure processing video: codec")

    fields = fields_in_version(image, (1, 1))

    assert fields == {"file": "v.mp4", "failure": "Failure processing video: codec"}


def test_a_failed_image_is_listed_by_name_or_by_name_and_meta() -> None:
    assert failed_entry(UNREADABLE) == "b.jpg"
    with_meta = failed("b.jpg", ImageFailure(FailureCode.CORRUPT), meta="cam 7")
    assert failed_entry(with_meta) == ["b.jpg", "cam 7"]


@pytest.mark.parametrize(
    ("confs", "highest"), [([], 0.0), ([0.2, 0.9, 0.3], 0.9), ([0.12345], 0.123), ([-0.5], -0.5)]
)
def test_the_highest_confidence(confs: list[float], highest: float) -> None:
    found = [Detection("1", conf, (0.0, 0.0, 1.0, 1.0)) for conf in confs]

    assert max_conf(ImageResult(file="a", detections=found)) == highest
