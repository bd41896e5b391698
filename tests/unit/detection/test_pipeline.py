import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AccessRevoked, DetectorError
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.results.format import Detection, ImageResult, encode_image
from detection.answers import written_detections
from detection.detector import Detector, RgbImage
from detection.images import DecodedImage, DecodeOptions, decode_image
from detection.pipeline import PipelineOptions, Read, run_pipeline
from tests.hash_detector import HashDetector
from tests.pictures import exif_bytes, jpeg

OPTIONS = PipelineOptions(threshold=0.1)
SIZES = ((64, 48), (64, 48), (32, 24), (48, 64))
FILES: dict[str, bytes] = {
    f"{number:02}.jpg": jpeg(number, *SIZES[number * 7 % 4]) for number in range(24)
} | {"24.jpg": b"", "25.jpg": b"text", "26.jpg": jpeg()[:-200]}


def read_file(image: ListedImage) -> bytes | ImageFailure:
    return FILES.get(image.name) or (
        b"" if image.name in FILES else ImageFailure(FailureCode.NOT_FOUND)
    )


def listed(names: Sequence[str]) -> list[ListedImage]:
    return [ListedImage(name) for name in names]


def run(
    names: Sequence[str],
    options: PipelineOptions = OPTIONS,
    detector: Detector | None = None,
    read: Read = read_file,
) -> list[ImageResult]:
    return list(run_pipeline(listed(names), read, detector or HashDetector(), options))


def expected(name: str) -> list[Detection] | None:
    """What an image's detections must be, found without the pipeline."""
    image = decode_image(FILES.get(name, b""), DecodeOptions())
    if isinstance(image, ImageFailure):
        return None
    (answer,) = HashDetector().detect([image.pixels])
    written = written_detections(answer, OPTIONS.threshold, HashDetector().categories)
    assert isinstance(written, list)
    return written


class CountingDetector(HashDetector):
    """Notes the shapes of each batch."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, ...]]] = []

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        self.batches.append([pixels.shape for pixels in batch])
        return super().detect(batch)


some_options = st.builds(
    PipelineOptions,
    threshold=st.just(OPTIONS.threshold),
    readers=st.integers(1, 5),
    lanes=st.integers(1, 3),
    max_batch=st.integers(1, 6),
    max_bytes=st.sampled_from([1, 10_000, 40_000, 1 << 29]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*FILES, "none.jpg"]), max_size=40), some_options)
def test_one_result_an_image_in_list_order(names: list[str], options: PipelineOptions) -> None:
    results = run(names, options)
    assert [result.file for result in results] == names
    assert [result.detections for result in results] == [expected(name) for name in names]


def test_each_kind_of_failure_is_told() -> None:
    results = run(["24.jpg", "25.jpg", "26.jpg", "none.jpg"])
    assert [result.failure for result in results] == [
        "image access failure: empty_file",
        "image access failure: not_an_image",
        "image access failure: truncated",
        "image access failure: not_found",
    ]
    assert all(result.detections is None for result in results)


def test_a_result_says_what_the_file_told() -> None:
    data = jpeg(1, 64, 48, exif=exif_bytes(orientation=6, taken_at="2020:01:02 03:04:05"))
    image = ListedImage("a/b.jpg", meta="camera 7")
    (result,) = run_pipeline([image], lambda _: data, HashDetector(), OPTIONS)
    assert (result.file, result.width, result.height) == ("a/b.jpg", 48, 64)
    assert (result.datetime, result.meta) == ("2020-01-02 03:04:05", "camera 7")
    assert not result.truncated


def test_a_failure_keeps_the_submitter_s_text() -> None:
    (result,) = run_pipeline(
        [ListedImage("x", meta="mine")], lambda _: b"", HashDetector(), OPTIONS
    )
    assert result.meta == "mine"


def test_padded_images_are_flagged() -> None:
    options = PipelineOptions(threshold=0.1, decode=DecodeOptions(truncated_images="accept"))
    (result,) = run(["26.jpg"], options)
    assert result.truncated
    assert result.detections is not None


def test_batches_follow_from_the_list_alone() -> None:
    names = list(FILES)
    options = PipelineOptions(threshold=0.1, max_batch=3, lanes=1)
    seen = []
    for readers in (1, 2, 6):
        detector = CountingDetector()
        list(run_pipeline(listed(names), read_file, detector, replace(options, readers)))
        seen.append(detector.batches)
    assert seen[0] == seen[1] == seen[2]
    assert all(len(set(batch)) == 1 for batch in seen[0])
    assert max(map(len, seen[0])) > 1
    assert sum(map(len, seen[0])) == len(FILES) - 3


def replace(options: PipelineOptions, readers: int) -> PipelineOptions:
    return PipelineOptions(
        threshold=options.threshold,
        readers=readers,
        lanes=options.lanes,
        max_batch=options.max_batch,
    )


def test_images_of_one_size_fill_their_batches() -> None:
    detector = CountingDetector()
    files = [jpeg(number) for number in range(7)]
    numbers = iter(files)
    options = PipelineOptions(threshold=0.1, max_batch=3, readers=1, lanes=1)
    list(run_pipeline(listed("abcdefg"), lambda _: next(numbers), detector, options))
    assert [len(batch) for batch in detector.batches] == [3, 3, 1]


class ClosedDetector(HashDetector):
    """Answers only once it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        assert self.opened.wait(30)
        return super().detect(batch)


def test_reading_runs_ahead_of_the_detector_but_not_without_end() -> None:
    detector, asked, enough = ClosedDetector(), list[str](), threading.Event()

    def read(image: ListedImage) -> bytes:
        asked.append(image.name)
        if len(asked) == 5:
            enough.set()
        return FILES["00.jpg"]

    options = PipelineOptions(threshold=0.1, readers=2, lanes=1)
    results = run_pipeline(listed([str(n) for n in range(100)]), read, detector, options)
    with closing(results), ThreadPoolExecutor(1) as apart:
        first = apart.submit(next, results)
        assert enough.wait(30)
        detector.opened.set()
        assert first.result(30).file == "0"
    assert 5 <= len(asked) < 20


def test_a_batch_leaves_room_to_decode_the_next() -> None:
    detector = CountingDetector()
    options = PipelineOptions(threshold=0.1, max_batch=9, max_bytes=8 * 64 * 48 * 3, lanes=1)
    list(run_pipeline(listed("abcdef"), lambda _: FILES["00.jpg"], detector, options))
    assert [len(batch) for batch in detector.batches] == [2, 2, 2]


def test_images_that_cannot_be_decoded_take_no_room() -> None:
    detector, asked, enough = ClosedDetector(), list[str](), threading.Event()

    def read(image: ListedImage) -> bytes:
        asked.append(image.name)
        if len(asked) == 55:
            enough.set()
        return FILES["26.jpg" if len(asked) <= 50 else "00.jpg"]

    # Room for five images: were the bytes of the fifty bad ones still held, two would be read.
    options = PipelineOptions(threshold=0.1, readers=1, lanes=1, max_bytes=5 * 64 * 48 * 3)
    results = run_pipeline(listed([str(n) for n in range(60)]), read, detector, options)
    with closing(results), ThreadPoolExecutor(1) as apart:
        all_of_them = apart.submit(list, results)
        came = enough.wait(10)
        detector.opened.set()
        assert len(all_of_them.result(30)) == 60
    assert came


def test_an_image_larger_than_the_budget_is_still_detected() -> None:
    options = PipelineOptions(threshold=0.1, max_bytes=1, max_batch=4)
    assert [result.failure for result in run(list(FILES)[:24], options)] == [None] * 24


def test_images_are_taken_from_the_list_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[ListedImage]:
        nonlocal taken
        while True:
            taken += 1
            yield ListedImage("00.jpg")

    with closing(run_pipeline(endless(), read_file, HashDetector(), OPTIONS)) as results:
        assert [next(results).file for _ in range(30)] == ["00.jpg"] * 30
    assert taken < 100


def threads_of_pipelines() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(("reader", "lane"))]


def test_what_reading_raises_comes_out() -> None:
    def read(image: ListedImage) -> bytes:
        if image.name == "b":
            raise AccessRevoked
        return FILES["00.jpg"]

    with pytest.raises(AccessRevoked):
        run(["a", "b", "c"], read=read)
    assert threads_of_pipelines() == []


def test_a_detector_that_broke_ends_the_pipeline() -> None:
    class Broken(HashDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            return []

    with pytest.raises(DetectorError, match="0 lists for 1 images"):
        run(list(FILES), detector=Broken())
    assert threads_of_pipelines() == []


def test_threads_end_when_nobody_wants_more() -> None:
    results = run_pipeline(listed(list(FILES) * 4), read_file, HashDetector(), OPTIONS)
    next(results)
    assert threads_of_pipelines()
    results.close()
    assert threads_of_pipelines() == []


def test_threads_that_wait_for_room_end_too() -> None:
    options = PipelineOptions(threshold=0.1, readers=4, max_bytes=1)
    results = run_pipeline(listed(list(FILES)[:20]), read_file, HashDetector(), options)
    next(results)
    results.close()
    assert threads_of_pipelines() == []


def test_one_bad_image_does_not_fail_its_batch() -> None:
    victim = decode_image(FILES["04.jpg"], DecodeOptions())
    assert isinstance(victim, DecodedImage)
    poison = victim.pixels

    class Brittle(HashDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            if any((pixels == poison).all() for pixels in batch):
                raise ValueError("cannot take this")
            return super().detect(batch)

    names = ["00.jpg", "04.jpg", "08.jpg"]
    options = PipelineOptions(threshold=0.1, max_batch=3)
    results = run(names, options, Brittle())
    assert results[1].failure == "inference failure: detector_failed"
    assert [results[0].detections, results[2].detections] == [
        expected(names[0]),
        expected(names[2]),
    ]


def test_a_number_that_is_not_finite_never_reaches_the_file() -> None:
    class Dazed(HashDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            return [[Detection("1", float("nan"), (0, 0, 1, 1))] for _ in batch]

    (result,) = run(["00.jpg"], detector=Dazed())
    assert result.failure == "inference failure: detector_failed"
    assert b"nan" not in encode_image(result).lower()
    assert b"null" in encode_image(result)
