import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.catalog import DEMO
from core.errors import DetectorError
from core.failures import FailureCode, ImageFailure
from core.jobs import utc_now
from core.results.format import Detection, ImageResult, encode_image
from core.results.rewriting import save_results
from core.results.validator import validate
from core.results.writer import build_info
from detection.answers import written_detections
from detection.detector import RgbImage
from detection.video import VideoOptions, detect_video, failed_video, frame_results
from detection.video_reader import VideoReading
from detection.video_sampling import Sampling
from tests.hash_detector import HashDetector
from tests.videos import cut_off, joined, scenes, shade, shades, written

OPTIONS = VideoOptions(threshold=0.1)


class BatchDetector(HashDetector):
    """Takes several frames at once, and keeps how many there were in each call."""

    batch_size = 4  # type: ignore[assignment]

    def __init__(self) -> None:
        self.calls: list[int] = []

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        self.calls.append(len(batch))
        assert len({pixels.shape for pixels in batch}) == 1
        return super().detect(batch)


class DarkDetector(HashDetector):
    """Finds an animal in each frame; cannot bear frames of one brightness."""

    def __init__(self, fails_at: int | None = None) -> None:
        self._fails_at = fails_at

    def warm_up(self) -> None: ...

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        means = [float(pixels.mean()) for pixels in batch]
        if self._fails_at is not None and any(abs(m - shade(self._fails_at)) < 2 for m in means):
            raise RuntimeError("out of luck")
        return [[Detection("1", round(0.2 + mean / 400, 2), (0, 0, 1, 1))] for mean in means]


def expected(path: Path, sampling: Sampling) -> list[tuple[int, Detection]]:
    """Each sampled frame put through the detector alone."""
    detector = HashDetector()
    found = []
    for frame in VideoReading(path, sampling).frames():
        (answer,) = detector.detect([frame.pixels])
        kept = written_detections(answer, 0.1, detector.categories)
        assert not isinstance(kept, ImageFailure)
        found += [(frame.number, one) for one in kept]
    return found


@pytest.mark.parametrize("detector", [HashDetector(), BatchDetector()], ids=["one", "batch"])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(every=3), Sampling(every_seconds=0.3)])
def test_a_video_is_what_its_frames_are(
    tmp_path: Path, detector: HashDetector, sampling: Sampling
) -> None:
    # So many that some have detections, whatever the decoder of this CPU makes of their pixels.
    path = written(tmp_path / "a.mp4", scenes(60))
    options = VideoOptions(threshold=0.1, sampling=sampling)
    result = detect_video("north/a.mp4", path, detector, options)
    assert result.file == "north/a.mp4"
    assert (result.width, result.height, result.frame_rate) == (64, 48, 25.0)
    frames = [frame.number for frame in VideoReading(path, sampling).frames()]
    assert result.frames_processed == frames
    found = [
        (one.frame_number, one.category, one.conf, one.bbox) for one in result.detections or ()
    ]
    alone = [(number, one.category, one.conf, one.bbox) for number, one in expected(path, sampling)]
    assert found == sorted(alone, key=lambda one: (-one[2], one[0]))
    assert found


def test_frames_share_calls_of_the_detector(tmp_path: Path) -> None:
    detector = BatchDetector()
    detect_video("a.mp4", written(tmp_path / "a.mp4", scenes(10)), detector, OPTIONS)
    assert sorted(detector.calls) == [2, 4, 4]


def test_a_video_may_change_its_size(tmp_path: Path) -> None:
    parts = [
        written(tmp_path / f"{width}.mts", scenes(7, (width, 48)), rate=10) for width in (64, 96)
    ]
    detector = BatchDetector()
    path = joined(tmp_path / "a.mts", *parts)
    result = detect_video("a.mts", path, detector, OPTIONS)
    assert result.frames_processed == list(range(14))
    assert (result.width, result.height) == (64, 48)
    assert sorted(detector.calls) == [3, 3, 4, 4]


def test_it_is_told_that_it_goes_on(tmp_path: Path) -> None:
    moved: list[None] = []
    path = written(tmp_path / "a.mp4", scenes(10))
    detect_video("a.mp4", path, HashDetector(), OPTIONS, lambda: moved.append(None))
    assert len(moved) >= 10


def test_of_equally_sure_ones_the_earliest_stands_first(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", [*shades(3), *shades(3)])
    result = detect_video("a.mp4", path, DarkDetector(), OPTIONS)
    assert [one.frame_number for one in result.detections or ()] == [2, 5, 1, 4, 0, 3]


def test_a_frame_on_which_the_detector_fails_is_no_empty_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", shades(6))
    result = detect_video("a.mp4", path, DarkDetector(fails_at=4), OPTIONS)
    assert result.failure == str(ImageFailure(FailureCode.DETECTOR_FAILED))


def test_a_detector_that_breaks_its_contract_ends_it(tmp_path: Path) -> None:
    class Short(HashDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            return []

    path = written(tmp_path / "a.mp4", scenes(6))
    with pytest.raises(DetectorError, match="contract"):
        detect_video("a.mp4", path, Short(), OPTIONS)


def test_a_video_that_was_cut_off(tmp_path: Path) -> None:
    path = cut_off(written(tmp_path / "a.avi", scenes(30)))
    result = detect_video("a.avi", path, HashDetector(), OPTIONS)
    assert result.failure == "image access failure: truncated"
    accepting = VideoOptions(threshold=0.1, truncated="accept")
    result = detect_video("a.avi", path, HashDetector(), accepting)
    assert result.failure is None
    assert result.truncated
    assert result.frames_processed == list(range(len(result.frames_processed or ())))


def results_of(tmp_path: Path) -> list[ImageResult]:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    good = written(tmp_path / "good.mp4", scenes(8))
    cut = cut_off(written(tmp_path / "cut.avi", scenes(30)))
    paths = (bad, good, cut)
    return [detect_video(path.name, path, HashDetector(), OPTIONS) for path in paths]


def saved(path: Path, images: Any) -> Path:
    info = build_info(DEMO, completed_at=utc_now(), detection_threshold=0.1)
    save_results(path, images, info=info, categories=DEMO.categories)
    return path


def test_videos_and_failed_ones_are_as_the_format_says(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    assert [result.failure is None for result in results] == [False, True, False]
    assert validate(saved(tmp_path / "results.json", results)).faults == []


def test_frames_as_images_of_their_own(tmp_path: Path) -> None:
    results = results_of(tmp_path)
    frames = [frame for result in results for frame in frame_results(result)]
    assert [frame.file for frame in frames] == [
        "bad.mp4",
        *(f"good.mp4/frame{number:06d}.jpg" for number in range(8)),
        "cut.avi",
    ]
    assert validate(saved(tmp_path / "frames.json", frames)).faults == []
    for frame in frames[1:-1]:
        assert (frame.width, frame.height, frame.frame_rate) == (64, 48, None)
    found = [one for frame in frames[1:-1] for one in frame.detections or ()]
    assert len(found) == len(results[1].detections or ()) > 0
    assert all(one.frame_number is None for one in found)
    assert b"frame_number" not in encode_image(frames[1])


def test_text_about_a_video_is_kept_with_its_frames() -> None:
    video = ImageResult(file="a.mp4", detections=[], frames_processed=[0, 30], meta="station 7")
    assert [frame.meta for frame in frame_results(video)] == ["station 7"] * 2


def test_a_failed_video_has_what_readers_ask_for() -> None:
    failed = failed_video("a.mp4", ImageFailure(FailureCode.CORRUPT))
    assert (failed.detections, failed.frame_rate, failed.frames_processed) == (None, -1.0, [])


def test_memory_holds_some_frames_alone(tmp_path: Path) -> None:
    """In a process of its own: 400 frames of 1.5 MB are read, and less than 60 of them are held."""
    path = written(tmp_path / "a.mp4", [np.zeros((600, 840, 3), np.uint8)] * 400)
    code = f"""
from pathlib import Path
import resource
from detection.video import VideoOptions, detect_video
from tests.hash_detector import HashDetector
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
import detection.video_reader
before = most()
result = detect_video("a", Path({str(path)!r}), HashDetector(), VideoOptions(threshold=0.1))
print(len(result.frames_processed), most() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frames, megabytes = map(int, done.stdout.split())
    assert frames == 400
    assert megabytes < 90
