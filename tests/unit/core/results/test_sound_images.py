import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given

from core.results.format import Detection, ImageResult, encode_image
from core.results.image_lines import DECODE_ERRORS
from core.results.image_rules import check_image
from core.results.rules import Context
from core.results.sound_images import sound_names
from core.results.versions import NEWEST, Version
from tests.unit.core.results.strategies import images

FOUND: dict[str, Any] = {"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.5, 0.5]}
IMAGE: dict[str, Any] = {"file": "a.jpg", "detections": [FOUND]}

#: Values of every kind, and those beside the borders of the rules.
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        "",
        "1",
        "2",
        "/a.jpg",
        "C:\\a.jpg",
        "v.MP4",
        [],
        {},
        [["7", 0.5]],
        [["8", 0.5]],
    ),
    *(-180.5, -90.5, -2048, -1.5, -1, -1.0, -0.001, 0, 0.0, 0.5, 0.95, 1, 1.0, 1.002, 1.5, 2.0),
    *(90.5, 180.5, 2048, 2048.5, 10**30),
]
OF_IMAGES = (
    *("file", "detections", "failure", "width", "height", "datetime", "meta", "truncated"),
    *("latitude", "longitude", "max_detection_conf", "x-other"),
)
OF_DETECTIONS = ("category", "conf", "bbox", "classifications", "frame_number", "x-other")


def changed() -> Iterator[Any]:
    """The image with one thing in it changed."""
    yield from ODD
    for odd, field in itertools.product(ODD, OF_IMAGES):
        yield {**IMAGE, field: odd}
    for odd, field in itertools.product(ODD, OF_DETECTIONS):
        yield {**IMAGE, "detections": [FOUND, {**FOUND, field: odd}]}
    for odd, side in itertools.product(ODD, range(5)):
        box = [*FOUND["bbox"][:side], odd, *FOUND["bbox"][side + 1 :]]
        yield {**IMAGE, "detections": [{**FOUND, "bbox": box}]}
    for field in ("file", "detections"):
        yield {name: value for name, value in IMAGE.items() if name != field}
    for field in ("category", "conf", "bbox"):
        yield {**IMAGE, "detections": [{n: v for n, v in FOUND.items() if n != field}]}


def sound_name(text: bytes, context: Context) -> str | None:
    """The name of an image by itself, if it is sound."""
    try:
        [name] = sound_names(b"[" + text + b"]", context)
    except DECODE_ERRORS:
        return None
    return name


def context(version: Version = NEWEST) -> Context:
    return Context(version, frozenset({"1"}), frozenset({"7"}))


@pytest.mark.parametrize("version", [(1, 0), (1, 2), (1, 3), NEWEST])
def test_what_counts_as_sound_breaks_no_rule(version: Version) -> None:
    names = {}
    for image in changed():
        name = sound_name(msgspec.json.encode(image), context(version))
        if name is not None:
            assert list(check_image(image, context(version))) == []
            names[name] = image["file"]
    assert all(name == file for name, file in names.items())


@given(image=images)
def test_whatever_images_there_are(image: ImageResult) -> None:
    text = encode_image(image)
    if sound_name(text, context()) is not None:
        assert list(check_image(msgspec.json.decode(text), context())) == []


@pytest.mark.parametrize("detections", [[], [Detection("1", 0.934, (0.1, 0.2, 0.9, 0.8))]])
def test_what_we_write_is_told_at_once(detections: list[Detection]) -> None:
    image = ImageResult(
        file="north/a.jpg",
        detections=detections,
        width=2048,
        height=1536,
        datetime="2026-04-30 05:12:44",
        latitude=-1.5,
        longitude=36.8,
        truncated=True,
    )
    assert sound_name(encode_image(image), context()) == "north/a.jpg"


@pytest.mark.parametrize(
    "text", [b"{", b'{"file": "a.jpg"}', b'{"file": "\xff", "detections": []}', b"[" * 10_000]
)
def test_what_cannot_be_decoded_is_left_to_the_rules(text: bytes) -> None:
    assert sound_name(text, context()) is None
