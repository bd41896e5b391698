import pytest

from cli import local_words
from core.catalog import DEMO
from core.results.format import Detection, ImageResult
from detection.local.estimate import Estimate
from detection.local.journal import Plan
from detection.local.merging import Merged

CATEGORIES = {"1": "animal", "2": "person"}


def detection(category: str, conf: float, frame: int | None = None) -> Detection:
    return Detection(category, conf, (0, 0, 1, 1), frame_number=frame)


@pytest.mark.parametrize(
    ("each_second", "text"), [(12.345, "12.3 images/s"), (0.0123, "0.012 images/s")]
)
def test_rates(each_second: float, text: str) -> None:
    assert local_words.rate(each_second, "image") == text


def test_what_was_listed_is_told_where_there_is_something_to_tell() -> None:
    assert local_words.listed(Plan(images=1, shards=1, size=10), 0, "image") == [
        "1 image, 10 bytes to be read"
    ]
    plan = Plan(
        images=1200, shards=2, size=10, kept=3, skipped={".mp4": 2, ".txt": 1}, duplicates=4
    )
    assert local_words.listed(plan, 10, "image") == [
        "1,200 images, 10 bytes to be read",
        "taken over from earlier results: 3",
        "finished before, by this same command: 7",
        "listed more than once, and processed once: 4",
        "passed over, as no images: 2 .mp4, 1 .txt",
        "For videos there is `megabatch video`.",
    ]


def test_what_a_run_will_take() -> None:
    told = Estimate(
        images_per_second=2.0,
        seconds=7200,
        results_bytes=1000,
        needed_bytes=2000,
        free_bytes=3_000_000,
    )
    assert local_words.expected(told, 14_400, "image") == (
        "About 2 h 0 min on this machine for 14,400 images (2.0 images/s); results of about "
        "1.0 kB, room needed 2.0 kB, free 3.0 MB"
    )


def test_what_was_found_in_an_image() -> None:
    image = ImageResult(
        file="a.jpg", detections=[detection("1", 0.93), detection("2", 0.5), detection("2", 0.51)]
    )
    assert local_words.found(image, 0.5, CATEGORIES) == "animal 0.93, person 0.51"
    assert local_words.found(image, 0.95, CATEGORIES) == "nothing"
    failed = ImageResult(file="a.jpg", detections=None, failure="image access failure: truncated")
    assert local_words.found(failed, 0.5, CATEGORIES) == "image access failure: truncated"


def test_what_was_found_in_a_video() -> None:
    found = [detection("1", 0.6, 3), detection("1", 0.9, 3), detection("1", 0.7, 5)]
    video = ImageResult(file="a.mp4", detections=found, frames_processed=[0, 3, 5])
    assert local_words.found(video, 0.5, CATEGORIES) == "animal 0.90 (2 frames)"
    assert local_words.found(video, 0.95, CATEGORIES) == "nothing"


def test_what_was_found_in_all() -> None:
    merged = Merged(images=1000, failures={"truncated": 2}, found={"1": 7}, empty=991)
    assert local_words.summary(merged, DEMO, "image") == [
        f"1,000 images by {DEMO.detector}, above its typical threshold 0.4:",
        "          7  with animal",
        "          0  with person",
        "          0  with vehicle",
        "        991  with nothing",
        "          2  failed: 2 truncated",
    ]
