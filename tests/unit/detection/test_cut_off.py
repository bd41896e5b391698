"""A picture that was cut off is told from a damaged one, wherever it was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.failures import FailureCode, ImageFailure
from detection.cut_off import was_cut_off
from detection.images import DecodedImage, DecodeOptions, decode_image
from tests.pictures import encoded, exif_bytes, scene

# Pillow warns of damage that it then reads past, and so must the tests.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

#: How a file begins that can be told for a picture at all.
BEGINS = 26

KINDS: dict[str, bytes] = {
    "baseline": encoded(scene(1, 16, 12), "JPEG"),
    "progressive": encoded(scene(1, 16, 12), "JPEG", progressive=True),
    "restarts": encoded(scene(1, 16, 12), "JPEG", restart_marker_rows=1),
    "described": encoded(
        scene(1, 16, 12), "JPEG", exif=exif_bytes(orientation=6), comment=b"north"
    ),
    "png": encoded(scene(1, 16, 12), "PNG"),
    "tiff": encoded(scene(1, 16, 12), "TIFF"),
}


def code(data: bytes) -> FailureCode | None:
    image = decode_image(data, DecodeOptions())
    return image.code if isinstance(image, ImageFailure) else None


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_truncated_wherever_it_was_cut(kind: str) -> None:
    whole = KINDS[kind]
    # A PNG that lacks no more than its last chunk has the whole picture.
    end = len(whole) - (24 if kind == "png" else 2)
    codes = {cut: code(whole[:cut]) for cut in range(BEGINS, end)}
    assert {cut: it for cut, it in codes.items() if it != FailureCode.TRUNCATED} == {}
    assert code(whole) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_was_not_cut_off(kind: str) -> None:
    assert not was_cut_off(KINDS[kind])
    assert not was_cut_off(KINDS[kind] + b"maker's notes")
    assert was_cut_off(KINDS[kind][:60])


def test_a_progressive_picture_that_lacks_scans_is_padded_on_request() -> None:
    whole = KINDS["progressive"]
    second = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    options = DecodeOptions(truncated_images="accept")
    for cut in (second - 2, second):
        image = decode_image(whole[:cut], options)
        assert isinstance(image, DecodedImage) and image.truncated
    # Within the head of a scan its decoder gives up, and what it leaves may be anything.
    assert decode_image(whole[: second + 9], options) == ImageFailure(FailureCode.TRUNCATED)


def test_damage_in_a_whole_file_is_no_cut() -> None:
    damaged = bytearray(KINDS["baseline"])
    table = damaged.index(b"\xff\xc4") + 4  # source: JPEG (T.81), B.2.4.2
    damaged[table : table + 17] = b"\xee" * 17
    assert code(bytes(damaged)) == FailureCode.CORRUPT


def test_the_other_byte_order_and_big_tiff_are_read() -> None:
    # Header, a directory of one entry whose two shorts lie behind it, and no next directory.
    entry = b"\x01\x02" + b"\x00\x03" + b"\x00\x00\x00\x03" + b"\x00\x00\x00\x1a"
    classic = b"MM\x00*" + b"\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00" * 4 + b"\x00" * 6
    assert [was_cut_off(classic), was_cut_off(classic[:-1])] == [False, True]
    long_entry = entry[:4] + b"\x00" * 7 + b"\x05" + b"\x00" * 7 + b"\x2c"
    start = b"MM\x00+" + b"\x00\x08\x00\x00" + b"\x00" * 7 + b"\x10"
    big = start + b"\x00" * 7 + b"\x01" + long_entry + b"\x00" * 10
    assert [was_cut_off(big), was_cut_off(big[:-1])] == [False, True]


@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0+"]),
)
def test_whatever_the_bytes_there_is_an_answer(data: bytes, start: bytes) -> None:
    assert was_cut_off(start + data) in (True, False)
