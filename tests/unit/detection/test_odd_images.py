"""Every odd file of the corpus becomes what it must, and none disturbs another."""

import tracemalloc

import numpy as np
import pytest

from core.failures import OF_THE_FILE, FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import Preprocessing
from core.results.format import encode_image
from detection.answers import written_detections
from detection.detector import RgbImage
from detection.exif_tags import TAGS
from detection.images import DecodedImage, DecodeOptions, decode_image, open_image
from detection.pipeline import PipelineOptions, run_pipeline
from tests.hash_detector import HashDetector
from tests.odd.base import OddImage
from tests.odd.bombs import UNPACKED, headers, of_120_megapixels, stuffed
from tests.odd.corpus import odd_images
from tests.pictures import jpeg

# Pillow warns of damage that it then reads past, and so must the tests.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

DEFAULT = DecodeOptions()
OPTIONS = PipelineOptions(threshold=0.1, max_batch=4)


@pytest.fixture(scope="module")
def corpus() -> tuple[OddImage, ...]:
    """All of them. Were the bombs not refused, decoding them would take the machine's memory."""
    for bomb in headers():
        refused = ImageFailure(FailureCode.IMAGE_TOO_LARGE)
        assert open_image(bomb.data, DEFAULT) == refused, bomb.name
    return odd_images()


def what_is_wrong(odd: OddImage, options: DecodeOptions = DEFAULT) -> str | None:
    """None where reading the file gives what it must."""
    image = decode_image(odd.data, options)
    if isinstance(image, ImageFailure) or isinstance(odd.expected, FailureCode):
        found = image.code if isinstance(image, ImageFailure) else f"a picture {image.pixels.shape}"
        wanted = odd.expected if isinstance(odd.expected, FailureCode) else "a picture"
        return None if found == wanted else f"{found}, not {wanted}"
    return wrong_pixels(image, odd.expected, odd.off_by)


def wrong_pixels(image: DecodedImage, expected: RgbImage, off_by: float) -> str | None:
    pixels = image.pixels
    if pixels.shape != expected.shape or pixels.dtype != np.uint8:
        return f"{pixels.dtype} of {pixels.shape}, not {expected.shape}"
    if (image.height, image.width, 3) != pixels.shape or image.truncated:
        return "told to be another picture"
    off = float(np.abs(pixels.astype(np.int16) - expected).mean())
    return None if off <= off_by else f"off by {off:.1f}"


def test_each_odd_file_becomes_what_it_must(corpus: tuple[OddImage, ...]) -> None:
    wrong = {odd.name: what_is_wrong(odd) for odd in corpus}
    assert {name: what for name, what in wrong.items() if what} == {}


def test_the_corpus_has_every_answer_and_no_name_twice(corpus: tuple[OddImage, ...]) -> None:
    names = [odd.name for odd in corpus]
    assert len(set(names)) == len(names) > 250
    codes = {odd.expected for odd in corpus if isinstance(odd.expected, FailureCode)}
    # How many bytes are too many, the options say; `test_images.py` has it.
    assert codes == OF_THE_FILE - {FailureCode.FILE_TOO_LARGE}


@pytest.mark.parametrize("preprocessing", ["native", "legacy-2019"])
def test_what_else_is_asked_for_makes_none_of_them_fail(
    corpus: tuple[OddImage, ...], preprocessing: Preprocessing
) -> None:
    options = DecodeOptions(preprocessing=preprocessing, gps=True, exif_tags=tuple(TAGS))
    for odd in corpus:
        image = decode_image(odd.data, options)
        code = image.code if isinstance(image, ImageFailure) else None
        assert code == (odd.expected if isinstance(odd.expected, FailureCode) else None), odd.name


def test_padding_what_was_cut_off_changes_nothing_else(corpus: tuple[OddImage, ...]) -> None:
    options = DecodeOptions(truncated_images="accept")
    padded = 0
    for odd in corpus:
        if odd.expected is not FailureCode.TRUNCATED:
            assert what_is_wrong(odd, options) is None, odd.name
            continue
        image = decode_image(odd.data, options)
        if isinstance(image, DecodedImage):
            assert image.truncated, odd.name
            padded += 1
    assert padded > 50


def test_a_promise_of_too_many_pixels_is_refused_by_the_header_alone(
    corpus: tuple[OddImage, ...],
) -> None:
    bombs = [odd for odd in corpus if odd.expected is FailureCode.IMAGE_TOO_LARGE]
    assert [bomb.name for bomb in bombs] == [bomb.name for bomb in headers()]


def test_what_would_unpack_to_far_more_is_not_unpacked() -> None:
    for bomb in stuffed():
        tracemalloc.start()
        decode_image(bomb.data, DEFAULT)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < UNPACKED // 4, bomb.name


def test_many_pixels_in_few_bytes_are_read() -> None:
    image = decode_image(of_120_megapixels(), DEFAULT)
    assert isinstance(image, DecodedImage)
    assert (image.width, image.height) == (12_000, 10_000)
    assert not image.pixels.any()


def found_in(data: bytes) -> object:
    """What the detector finds in a good picture, without the pipeline."""
    image = decode_image(data, DEFAULT)
    assert isinstance(image, DecodedImage)
    (answer,) = HashDetector().detect([image.pixels])
    return written_detections(answer, OPTIONS.threshold, HashDetector().categories)


def test_odd_files_harm_no_good_picture_beside_them(corpus: tuple[OddImage, ...]) -> None:
    odd = {one.name: one for one in corpus}
    good = {f"good/{n}.jpg": jpeg(n, 64 + n % 3, 48) for n in range(len(odd))}
    names = [name for pair in zip(good, odd, strict=True) for name in pair]
    files = good | {name: one.data for name, one in odd.items()}
    images = [ListedImage(name) for name in names]
    results = list(run_pipeline(images, lambda image: files[image.name], HashDetector(), OPTIONS))
    assert [result.file for result in results] == names
    for result in results:
        if result.file in good:
            assert result.detections == found_in(good[result.file]), result.file
            continue
        expected = odd[result.file].expected
        if isinstance(expected, FailureCode):
            assert (result.failure, result.detections) == (str(ImageFailure(expected)), None)
        else:
            assert (result.failure, result.truncated) == (None, False), result.file
            assert (result.height, result.width) == expected.shape[:2]
    assert all(b"NaN" not in encode_image(result) for result in results)
