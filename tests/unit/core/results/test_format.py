import json
import math

import msgspec
import pytest
from hypothesis import given, settings

from core.failures import FailureCode, ImageFailure
from core.results.format import (
    Detection,
    ImageResult,
    decode_image,
    encode_image,
    failed,
    rounded,
)
from tests.unit.core.results import strategies

WHOLE = (0.0, 0.0, 1.0, 1.0)


@settings(deadline=None)
@given(strategies.images)
def test_a_line_reads_back_as_the_image_that_was_written(image: ImageResult) -> None:
    line = encode_image(image)

    assert b"\n" not in line
    assert decode_image(line) == image


def test_a_plain_image_is_written_with_these_bytes() -> None:
    image = ImageResult(
        file="é.jpg", detections=[Detection("1", 0.5, (0.1, 0.2, 0.3, 0.4))], width=20, height=10
    )

    assert encode_image(image).decode() == (
        '{"file":"é.jpg","detections":[{"category":"1","conf":0.5,"bbox":[0.1,0.2,0.3,0.4]}],'
        '"width":20,"height":10}'
    )


def test_a_picture_is_whole_unless_its_line_says_otherwise() -> None:
    assert not decode_image(b'{"file":"a.jpg","detections":[]}').truncated
    assert decode_image(b'{"file":"a.jpg","detections":[],"truncated":true}').truncated


def test_a_failure_is_written_with_null_detections() -> None:
    image = failed("a.jpg", ImageFailure(FailureCode.TRUNCATED), meta="cam 7")

    assert json.loads(encode_image(image)) == {
        "file": "a.jpg",
        "detections": None,
        "failure": "image access failure: truncated",
        "meta": "cam 7",
    }


def test_unknown_fields_come_back_where_they_stood() -> None:
    fields = {
        "file": "a.jpg",
        "detections": [
            {"category": "1", "conf": 0.5, "bbox": [0.0, 0.0, 1.0, 1.0], "seen_by": "Ada"},
            {"category": "1", "conf": 0.4, "bbox": [0.0, 0.0, 1.0, 1.0]},
        ],
        "exif_metadata": {"Make": "Reconyx", "ISO": [1, None]},
    }

    image = decode_image(json.dumps(fields).encode())

    assert image.extra == {"exif_metadata": fields["exif_metadata"]}
    assert image.detections is not None
    assert [found.extra for found in image.detections] == [{"seen_by": "Ada"}, None]
    assert json.loads(encode_image(image)) == fields


def test_a_field_that_is_called_as_our_own_holder_is_kept_too() -> None:
    line = b'{"file":"a.jpg","detections":[],"megabatch:extra":7}'

    assert json.loads(encode_image(decode_image(line))) == json.loads(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"file":"a","failure":"Failure image access"}',
        b'{"file":"a","failure":"Failure image access","detections":null}',
    ],
)
def test_a_failure_may_leave_detections_out(line: bytes) -> None:
    assert decode_image(line) == ImageResult(
        file="a", detections=None, failure="Failure image access"
    )


@pytest.mark.parametrize("value", ["0.9", '""', "null"])
def test_the_highest_confidence_is_not_kept_beside_the_detections(value: str) -> None:
    line = b'{"file":"a","max_detection_conf":%s,"detections":[]}' % value.encode()

    assert decode_image(line) == ImageResult(file="a", detections=[])


@pytest.mark.parametrize("conf", ["-0.9", "1", "0"])
def test_negative_and_whole_confidences_are_read(conf: str) -> None:
    line = b'{"file":"a","detections":[{"category":"4","conf":%s,"bbox":[0,0,1,1]}]}'

    assert decode_image(line % conf.encode()).detections == [Detection("4", float(conf), WHOLE)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"file":"a"}', "neither"),
        (b'{"file":"a","detections":null}', "neither"),
        (b'{"detections":[]}', "`file`"),
        (b'{"file":1,"detections":[]}', r"\$\.file"),
        (b'{"file":"a","detections":[3]}', r"\$\.detections\[0\]"),
        (b'{"file":"a","detections":{}}', r"\$\.detections"),
        (
            b'{"file":"a","detections":[{"category":"1","conf":1,"bbox":[0,0,1]}]}',
            r"\$\.detections\[0\]\.bbox",
        ),
        (
            b'{"file":"a","detections":[{"category":"1","conf":"x","bbox":[0,0,1,1]}]}',
            r"\$\.detections\[0\]\.conf",
        ),
        (b"[]", "Expected `object`"),
        (b"{", "truncated"),
    ],
)
def test_a_line_that_is_no_image_is_refused_with_its_place(line: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=message):
        decode_image(line)


def test_written_numbers_have_three_and_four_decimals() -> None:
    found = Detection("1", 0.93449, (0.12344, 0.12346, 1 / 3, 0.5), frame_number=3)

    assert rounded(found) == Detection("1", 0.934, (0.1234, 0.1235, 0.3333, 0.5), frame_number=3)


@pytest.mark.parametrize("conf", [math.nan, math.inf])
def test_a_confidence_that_is_no_number_is_never_written(conf: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        rounded(Detection("1", conf, WHOLE))


def test_a_coordinate_that_is_no_number_is_never_written() -> None:
    with pytest.raises(ValueError, match="not finite"):
        rounded(Detection("1", 0.5, (0.0, math.nan, 1.0, 1.0)))
