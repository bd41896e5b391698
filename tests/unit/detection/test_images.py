import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile, ImageOps

from core.failures import FailureCode, ImageFailure
from detection.images import DecodedImage, DecodeOptions, decode_image, open_image
from tests.odd.damaged import with_an_impossible_scan
from tests.pictures import encoded, exif_bytes, jpeg, scene

# Pillow warns of damage that it then reads past, and so must the tests.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

DEFAULT = DecodeOptions()
ACCEPT = DecodeOptions(truncated_images="accept")
REAL = sorted((Path(__file__).parents[4] / "shared/data/images").glob("*.jpg"))
FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP")


def decoded(data: bytes, options: DecodeOptions = DEFAULT) -> DecodedImage:
    image = decode_image(data, options)
    assert isinstance(image, DecodedImage), image
    return image


def code(data: bytes, options: DecodeOptions = DEFAULT) -> FailureCode:
    failure = decode_image(data, options)
    assert isinstance(failure, ImageFailure)
    return failure.code


def by_pillow(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_gives_the_pixels_that_pillow_gives(file_format: str) -> None:
    data = encoded(scene(), file_format)
    image = decoded(data)
    assert (image.width, image.height) == (64, 48)
    assert image.pixels.dtype == np.uint8
    assert not image.truncated
    np.testing.assert_array_equal(image.pixels, by_pillow(data))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_all_kinds_give_the_pixels_that_pillow_gives(
    mode: str, progressive: bool, subsampling: int
) -> None:
    picture = Image.fromarray(scene(width=131, height=77)).convert(mode)
    data = encoded(picture, "JPEG", progressive=progressive, subsampling=subsampling)
    np.testing.assert_array_equal(decoded(data).pixels, by_pillow(data))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "RGBX"])
def test_each_layout_becomes_rgb(mode: str) -> None:
    picture = Image.fromarray(scene()).convert(mode)
    data = encoded(picture, "PNG" if mode in {"1", "L", "LA", "P", "RGBA"} else "TIFF")
    image = decoded(data)
    assert image.pixels.shape == (48, 64, 3)
    np.testing.assert_array_equal(image.pixels, np.asarray(picture.convert("RGB")))


def test_a_palette_with_transparency_keeps_its_colours() -> None:
    picture = Image.fromarray(scene()).convert("P")
    expected = np.asarray(picture.convert("RGB"))
    for transparency in (3, bytes(range(256))):
        data = encoded(picture, "PNG", transparency=transparency)
        np.testing.assert_array_equal(decoded(data).pixels, expected)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bits_are_scaled_to_8(file_format: str) -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    image = decoded(encoded(values, file_format))
    assert image.pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (image.pixels == image.pixels[:, :, :1]).all()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_without_a_range_are_stretched(dtype: type) -> None:
    image = decoded(encoded(np.array([[-100, 0, 100]], dtype), "TIFF"))
    assert image.pixels[0, :, 0].tolist() == [0, 128, 255]


def test_a_flat_or_empty_range_is_black() -> None:
    flat = np.array([[7.0, 7.0, np.nan, np.inf]], np.float32)
    assert not decoded(encoded(flat, "TIFF")).pixels.any()


def test_numbers_that_are_not_finite_do_not_spoil_the_range() -> None:
    numbers = np.array([[0.0, np.nan, 10.0, np.inf, -np.inf]], np.float32)
    assert decoded(encoded(numbers, "TIFF")).pixels[0, :, 0].tolist() == [0, 0, 255, 255, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright(file_format: str, orientation: int) -> None:
    data = encoded(scene(), file_format, exif=exif_bytes(orientation=orientation))
    image = decoded(data)
    assert (image.width, image.height) == ((48, 64) if orientation > 4 else (64, 48))
    assert image.pixels.shape == (image.height, image.width, 3)
    np.testing.assert_array_equal(image.pixels, by_pillow(data))
    assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_nonsensical_orientation_counts_as_upright(orientation: int) -> None:
    data = jpeg(exif=exif_bytes(orientation=orientation))
    np.testing.assert_array_equal(decoded(data).pixels, decoded(jpeg()).pixels)


def test_the_time_is_the_camera_s() -> None:
    data = jpeg(exif=exif_bytes(taken_at="2019:05:04 03:02:01"))
    assert decoded(data).datetime == "2019-05-04 03:02:01"


def test_position_is_read_only_when_asked_for() -> None:
    gps: dict[int, Any] = {
        ExifTags.GPS.GPSLatitudeRef: "S",
        ExifTags.GPS.GPSLatitude: (2.0, 30.0, 36.0),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: (34.0, 30.0, 0.0),
    }
    data = jpeg(exif=exif_bytes(gps=gps))
    plain, asked = decoded(data), decoded(data, DecodeOptions(gps=True))
    assert (plain.latitude, plain.longitude) == (None, None)
    assert (asked.latitude, asked.longitude) == pytest.approx((-2.51, 34.5))


def test_broken_exif_data_does_not_spoil_a_picture() -> None:
    data = jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(20))
    np.testing.assert_array_equal(decoded(data).pixels, decoded(jpeg()).pixels)


def test_legacy_is_1024_by_600_and_not_turned() -> None:
    data = jpeg(width=200, height=100, exif=exif_bytes(orientation=6))
    image = decoded(data, DecodeOptions(preprocessing="legacy-2019"))
    assert image.pixels.shape == (600, 1024, 3)
    assert (image.width, image.height) == (200, 100)
    stored = decoded(jpeg(width=200, height=100)).pixels
    np.testing.assert_array_equal(image.pixels[0, 0], stored[0, 0])
    np.testing.assert_array_equal(image.pixels[-1, -1], stored[-1, -1])
    assert {tuple(pixel) for pixel in image.pixels.reshape(-1, 3)} <= {
        tuple(pixel) for pixel in stored.reshape(-1, 3)
    }


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.fromarray(scene(seed)) for seed in range(3)]
    for file_format in ("GIF", "TIFF", "PNG"):
        data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])
        np.testing.assert_array_equal(
            decoded(data).pixels, decoded(encoded(frames[0], file_format)).pixels
        )


def test_a_stereo_picture_counts_as_its_first() -> None:
    frames = [Image.fromarray(scene(seed)) for seed in range(2)]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decoded(data).pixels, decoded(jpeg()).pixels)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", FailureCode.EMPTY_FILE),
        (bytes(1000), FailureCode.NOT_AN_IMAGE),
        (b"<!DOCTYPE html><title>Sign in</title>", FailureCode.NOT_AN_IMAGE),
        (b"BM is how this text begins, and it goes on a while", FailureCode.NOT_AN_IMAGE),
        (b"RIFF\x24\0\0\0WAVEfmt ", FailureCode.NOT_AN_IMAGE),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", FailureCode.NOT_AN_IMAGE),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", FailureCode.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", FailureCode.UNSUPPORTED_FORMAT),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), FailureCode.UNSUPPORTED_FORMAT),
        (b"FUJIFILMCCD-RAW 0201" + bytes(100), FailureCode.UNSUPPORTED_FORMAT),
        (b"8BPS\0\x01" + bytes(100), FailureCode.UNSUPPORTED_FORMAT),
        (b"\xff\xd8\xff", FailureCode.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n", FailureCode.TRUNCATED),
        (b"\xff\xd8\xff\xfe" + b"\xfe" * 200, FailureCode.TRUNCATED),
    ],
)
def test_what_is_no_picture_has_its_own_code(data: bytes, expected: FailureCode) -> None:
    assert code(data) == expected


@pytest.mark.parametrize("file_format", ["EPS", "ICO", "PPM", "TGA", "PCX", "JPEG2000"])
def test_formats_that_are_not_on_the_list_are_refused(file_format: str) -> None:
    data = encoded(scene(), file_format)
    assert code(data) in {FailureCode.NOT_AN_IMAGE, FailureCode.UNSUPPORTED_FORMAT}


def test_the_preview_of_raw_data_is_not_taken_for_the_picture() -> None:
    for tag, value in ((254, 1), (50706, b"\1\4\0\0")):
        data = encoded(scene(), "TIFF", tiffinfo={tag: value})
        assert code(data) == FailureCode.UNSUPPORTED_FORMAT


def test_a_jpeg_of_12_bits_is_whole_and_not_read() -> None:
    data = bytearray(jpeg())
    data[data.index(b"\xff\xc0") + 4] = 12  # bits of a colour; source: JPEG (T.81), B.2.2
    assert code(bytes(data)) == FailureCode.UNSUPPORTED_FORMAT


def test_a_tiff_that_tells_no_size_was_not_cut_off() -> None:
    assert code(b"II*\0\x08\0\0\0\0\0" + bytes(600)) == FailureCode.CORRUPT


def test_large_files_are_not_opened() -> None:
    data = jpeg()
    assert code(data, DecodeOptions(max_file_bytes=len(data) - 1)) == FailureCode.FILE_TOO_LARGE
    decoded(data, DecodeOptions(max_file_bytes=len(data)))


def test_large_pictures_are_refused_by_their_header() -> None:
    data = jpeg(width=64, height=48)
    assert code(data, DecodeOptions(max_pixels=64 * 48 - 1)) == FailureCode.IMAGE_TOO_LARGE
    decoded(data, DecodeOptions(max_pixels=64 * 48))


def test_the_cap_is_ours_and_not_pillow_s(monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for a picture of more pixels than Pillow's own limits, without their memory.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 // 4)
    for file_format in ("JPEG", "PNG", "GIF", "BMP"):
        decoded(encoded(scene(), file_format))


def test_default_caps() -> None:
    assert (DEFAULT.max_file_bytes, DEFAULT.max_pixels) == (100_000_000, 200_000_000)


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.0, 0.98))
@example(share=0.02602)  # of the JPEG: between two segments before the picture
def test_a_file_that_was_cut_off_is_truncated(file_format: str, share: float) -> None:
    whole = encoded(scene(1, 200, 150), file_format)
    cut = whole[: max(26, int(len(whole) * share))]
    assert code(cut) == FailureCode.TRUNCATED


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "GIF"])
def test_a_file_that_was_cut_off_is_padded_on_request(file_format: str) -> None:
    whole = encoded(scene(1, 200, 150), file_format)
    image = decoded(whole[: int(len(whole) * 0.7)], ACCEPT)
    assert image.truncated
    assert (image.width, image.height) == (200, 150)
    complete = decoded(whole).pixels
    np.testing.assert_array_equal(image.pixels[:40], complete[:40])
    assert len(np.unique(image.pixels[-1].reshape(-1, 3), axis=0)) == 1
    assert not decoded(whole, ACCEPT).truncated


def test_a_bitmap_that_was_cut_off_lacks_its_top() -> None:
    whole = encoded(scene(1, 200, 150), "BMP")
    image = decoded(whole[: int(len(whole) * 0.7)], ACCEPT)
    assert image.truncated
    np.testing.assert_array_equal(image.pixels[-40:], decoded(whole).pixels[-40:])
    assert not image.pixels[0].any()


def test_a_webp_that_was_cut_off_cannot_be_padded() -> None:
    assert code(encoded(scene(), "WEBP")[:-10], ACCEPT) == FailureCode.TRUNCATED


def test_a_cmyk_jpeg_that_was_cut_off() -> None:
    whole = encoded(Image.fromarray(scene(1, 200, 150)).convert("CMYK"), "JPEG")
    cut = whole[: int(len(whole) * 0.7)]
    assert code(cut) == FailureCode.TRUNCATED
    assert decoded(cut, ACCEPT).truncated


def test_a_jpeg_that_was_closed_too_early_is_truncated() -> None:
    whole = jpeg(1, 200, 150)
    cut = whole[: int(len(whole) * 0.7)] + b"\xff\xd9"
    assert code(cut) == FailureCode.TRUNCATED
    assert decoded(cut, ACCEPT).truncated


def test_bytes_after_a_jpeg_do_not_matter() -> None:
    np.testing.assert_array_equal(decoded(jpeg() + b"maker's notes").pixels, decoded(jpeg()).pixels)


def test_a_jpeg_with_wrong_restart_markers_is_corrupt() -> None:
    whole = jpeg(1, 200, 150, restart_marker_rows=1)
    damaged = whole.replace(b"\xff\xd1", b"\xff\xd5", 1)
    assert damaged != whole
    assert code(damaged) == FailureCode.CORRUPT


@pytest.mark.parametrize("options", [DEFAULT, ACCEPT])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_where_a_decoder_gives_up_no_memory_is_shown(mode: str, options: DecodeOptions) -> None:
    picture = Image.fromarray(scene(1, 200, 150)).convert(mode)
    data = with_an_impossible_scan(encoded(picture, "JPEG", progressive=True))
    assert code(data, options) == FailureCode.CORRUPT


@pytest.mark.parametrize("progressive", [False, True])
def test_remarks_about_a_jpeg_that_is_whole_do_not_matter(progressive: bool) -> None:
    whole = jpeg(progressive=progressive)
    newer = bytearray(whole)
    newer[whole.index(b"JFIF") + 5] = 9
    for data in (whole.replace(b"\xff\xda", b"junk\xff\xda", 1), bytes(newer)):
        np.testing.assert_array_equal(decoded(data).pixels, decoded(whole).pixels)
        assert not decoded(data, ACCEPT).truncated


def test_a_png_whose_checksum_is_wrong_is_corrupt() -> None:
    whole = bytearray(encoded(scene(1, 200, 150), "PNG"))
    whole[len(whole) // 2] ^= 0xFF
    assert code(bytes(whole)) == FailureCode.CORRUPT
    assert code(bytes(whole), ACCEPT) == FailureCode.CORRUPT


@settings(max_examples=300, deadline=None)
@given(data=st.data(), file_format=st.sampled_from(FORMATS))
def test_damage_never_raises(data: st.DataObject, file_format: str) -> None:
    whole = bytearray(encoded(scene(2, 40, 30), file_format, exif=exif_bytes(orientation=6)))
    places = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=8)):
        whole[place] = value
    options = data.draw(st.sampled_from([DEFAULT, ACCEPT]))
    image = decode_image(bytes(whole), options)
    if isinstance(image, DecodedImage):
        assert image.pixels.shape == (image.height, image.width, 3)
        assert image.pixels.dtype == np.uint8


def test_threads_with_different_options_do_not_disturb_each_other() -> None:
    whole = encoded(scene(1, 200, 150), "PNG")
    cut = whole[: len(whole) // 2]

    def outcome(number: int) -> object:
        image = decode_image(cut, ACCEPT if number % 2 else DEFAULT)
        return image.code if isinstance(image, ImageFailure) else image.truncated

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(outcome, range(200)))
    assert outcomes == [FailureCode.TRUNCATED, True] * 100
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_decoding_warns_of_nothing() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for file_format in FORMATS:
            decoded(encoded(scene(), file_format))
    assert caught == []


def test_a_header_tells_the_size_before_anything_is_decoded() -> None:
    opened = open_image(jpeg(width=100, height=50), DEFAULT)
    assert not isinstance(opened, ImageFailure)
    assert opened.decoded_bytes == 100 * 50 * 3


@pytest.mark.skipif(not REAL, reason="the camera-trap pictures are not here")
def test_camera_trap_pictures() -> None:
    for path in REAL:
        data = path.read_bytes()
        if "truncated" in path.name:
            assert code(data) == FailureCode.TRUNCATED
            assert decoded(data, ACCEPT).truncated
        else:
            np.testing.assert_array_equal(decoded(data).pixels, by_pillow(data))
