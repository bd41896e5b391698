"""Decoding in another process: the same pictures, and one that kills it costs no other."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DetectorError
from core.failures import FailureCode, ImageFailure
from detection.apart import DecoderApart
from detection.decoding_process import MOST_MEMORY
from detection.images import DecodedImage, DecodeOptions, decode_image
from tests.pictures import jpeg
from tests.poison_decoding import DECODING, poison

CRASHED = ImageFailure(FailureCode.WORKER_CRASHED)
PLAIN = DecodeOptions()


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecoderApart]:
    with closing(DecoderApart(60)) as decoder:
        yield decoder


def facts(image: DecodedImage | ImageFailure) -> dict[str, Any]:
    assert isinstance(image, DecodedImage)
    return {field.name: getattr(image, field.name) for field in fields(image)}


@pytest.mark.parametrize("options", [PLAIN, DecodeOptions(preprocessing="legacy-2019")])
def test_pictures_are_the_same(decoder: DecoderApart, options: DecodeOptions) -> None:
    here, apart = facts(decode_image(jpeg(1), options)), facts(decoder.decode(jpeg(1), options))
    assert np.array_equal(here.pop("pixels"), apart.pop("pixels"))
    assert here == apart


def test_options_and_what_is_found_go_along(decoder: DecoderApart) -> None:
    cut = jpeg(1)[:-400]
    assert decoder.decode(cut, PLAIN) == decode_image(cut, PLAIN)
    accepting = DecodeOptions(truncated_images="accept")
    assert facts(decoder.decode(cut, accepting))["truncated"] is True


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff"])
def test_bad_pictures_are_the_same_failures(decoder: DecoderApart, data: bytes) -> None:
    assert decoder.decode(data, PLAIN) == decode_image(data, PLAIN)


@pytest.mark.parametrize("width", DECODING)
def test_picture_that_kills_is_a_failure_and_the_next_is_decoded(width: int) -> None:
    with closing(DecoderApart(3, "tests.poison_decoding")) as decoder:
        assert decoder.decode(poison(width), PLAIN) == CRASHED
        assert isinstance(decoder.decode(jpeg(1), PLAIN), DecodedImage)


def test_process_ends_with_its_starter(decoder: DecoderApart) -> None:
    with closing(DecoderApart(60)) as other:
        other.decode(jpeg(1), PLAIN)
        process = other._process
        assert process and process.poll() is None
        assert process.stdin
        process.stdin.close()  # as the kernel does when its starter dies
        assert process.wait(30) == 0


def test_process_that_cannot_be_started_is_no_fault_of_the_picture() -> None:
    decoder = DecoderApart(60, "tests.no_such_module")
    with pytest.raises(DetectorError, match="cannot be started"):
        decoder.decode(jpeg(1), PLAIN)
    assert decoder._process is None


def test_nothing_is_started_before_it_is_needed() -> None:
    decoder = DecoderApart(60, "tests.no_such_module")
    decoder.close()
    assert decoder._process is None


def test_memory_of_the_process_is_bounded_and_it_is_the_first_to_go(decoder: DecoderApart) -> None:
    decoder.decode(jpeg(1), PLAIN)
    assert decoder._process
    process = Path(f"/proc/{decoder._process.pid}")
    [limit] = [
        line for line in (process / "limits").read_text().splitlines() if "address space" in line
    ]
    assert str(MOST_MEMORY) in limit
    assert (process / "oom_score_adj").read_text().strip() == "1000"
