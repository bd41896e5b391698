"""What is written is looked at with another reader than the one that wrote it: OpenCV's."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from core.catalog import DEMO
from core.results.format import Detection, ImageResult
from detection.render import colour_of
from detection.video_reader import VideoReading
from detection.video_sampling import Sampling
from detection.video_writer import VideoDrawing
from tests.videos import Pixels, joined, shade, shades, written

BOX = (0.25, 0.25, 0.5, 0.5)


class Played:
    """All frames of a video, as OpenCV plays them."""

    def __init__(self, path: Path) -> None:
        capture = cv2.VideoCapture(str(path))
        self.rate = capture.get(cv2.CAP_PROP_FPS)
        self.frames: list[Any] = []
        self.times: list[float] = []
        while True:
            there, pixels = capture.read()
            if not there:
                break
            self.frames.append(pixels[:, :, ::-1])
            self.times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        capture.release()

    @property
    def sizes(self) -> set[tuple[int, ...]]:
        return {frame.shape[:2] for frame in self.frames}


def result(frames: list[int], found: list[Detection], rate: float | None = 25.0) -> ImageResult:
    return ImageResult(
        file="a.mp4", detections=found, frame_rate=rate, frames_processed=frames, width=1, height=1
    )


def animal(number: int, conf: float = 0.9, category: str = "1") -> Detection:
    return Detection(category, conf, BOX, frame_number=number)


def drawn(
    source: Path, of: ImageResult, hidden: frozenset[str] = frozenset(), **more: Any
) -> Played:
    target = source.with_name("drawn.part")
    VideoDrawing(DEMO.categories, 0.4, hidden).write(of, source, target, **more)
    return Played(target)


def has_box(pixels: Pixels) -> bool:
    """Whether the left side of `BOX` is drawn, in the colour of animals."""
    height, width = pixels.shape[:2]
    line = pixels[height * 2 // 3, width // 4 : width // 4 + 2].astype(int)
    red, green, blue = bytes.fromhex(colour_of("1")[1:])
    return bool(np.abs(line - (red, green, blue)).mean() < 60)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mpg", "a.mts"])
def test_all_frames_are_there_at_their_times_and_size(tmp_path: Path, name: str) -> None:
    source = written(tmp_path / name, shades(31, (160, 120)))
    played = drawn(source, result([0], []))
    assert len(played.frames) == 31
    assert played.sizes == {(120, 160)}
    times = [frame.seconds for frame in VideoReading(source, Sampling()).frames()]
    assert played.times == pytest.approx(times, abs=0.001)
    for number, pixels in enumerate(played.frames):
        assert abs(pixels.mean() - shade(number)) < 5


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(15), Fraction(60)])
def test_rates_of_cameras_are_kept(tmp_path: Path, rate: Fraction) -> None:
    source = written(tmp_path / "a.mp4", shades(20), rate=rate)
    played = drawn(source, result([0], [], round(float(rate), 3)))
    assert played.rate == pytest.approx(float(rate), abs=0.001)


def test_a_changing_rate_stays_so(tmp_path: Path) -> None:
    times = [number / 20 for number in range(20)] + [1 + number / 4 for number in range(8)]
    source = written(tmp_path / "a.mkv", shades(28), rate=20, times=times)
    played = drawn(source, result([0], [], 10.0))
    assert len(played.frames) == 28
    assert played.times == pytest.approx(times, abs=0.002)


def test_boxes_stay_until_the_next_frame_that_was_looked_at(tmp_path: Path) -> None:
    source = written(tmp_path / "a.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 40)
    of = result([0, 10, 20, 30], [animal(10), animal(20), animal(30, conf=0.4)])
    played = drawn(source, of)
    assert [has_box(pixels) for pixels in played.frames] == [10 <= n < 30 for n in range(40)]


def test_a_category_can_be_blurred(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (240, 320, 3), np.uint8)
    source = written(tmp_path / "a.mp4", [noise] * 3, options={"crf": "10"})
    person = result([0], [animal(0, category="2")])
    inside = (slice(100, 140), slice(130, 190))
    clear = drawn(source, person).frames[2][inside].std()
    assert drawn(source, person, frozenset({"2"})).frames[2][inside].std() < clear / 3


def test_videos_that_were_turned_are_upright(tmp_path: Path) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32] = 255
    source = written(tmp_path / "a.mov", [pixels] * 4, turned=(90,))
    played = drawn(source, result([0], []))
    assert played.sizes == {(64, 48)}
    assert played.frames[0][40:, :16].mean() > 200
    assert played.frames[0][:16].mean() < 60


@pytest.mark.parametrize(("size", "even"), [((63, 47), (48, 64)), ((65, 48), (48, 66))])
def test_odd_sizes_grow_by_a_line(
    tmp_path: Path, size: tuple[int, int], even: tuple[int, int]
) -> None:
    source = written(tmp_path / "a.avi", shades(3, size))
    assert drawn(source, result([0], [])).sizes == {even}


def test_frames_of_another_size_are_fitted(tmp_path: Path) -> None:
    parts = [written(tmp_path / f"{width}.mts", shades(7, (width, 48))) for width in (64, 96)]
    played = drawn(joined(tmp_path / "a.mts", *parts), result([0], []))
    assert len(played.frames) == 14
    assert played.sizes == {(48, 64)}


def test_it_plays_everywhere_and_tells_nothing(tmp_path: Path) -> None:
    secret = {"creation_time": "2026-05-02T06:11:54Z", "location": "+46.5-006.6/", "title": "nest"}
    source = written(tmp_path / "a.mp4", shades(3), metadata=secret)
    drawn(source, result([0], []))
    target = tmp_path / "drawn.part"
    with av.open(target) as container:
        (stream,) = container.streams
        assert isinstance(stream, av.VideoStream)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert container.metadata.keys() <= {
            "major_brand", "minor_version", "compatible_brands", "encoder"
        }  # fmt: skip
        assert "creation_time" not in stream.metadata
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser begins before all of it has come
    assert b"nest" not in data and b"+46.5" not in data


def test_sound_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(source, "w") as container:
        video = container.add_stream("libx264", 25)
        audio = container.add_stream("aac", 44100)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for pixels in shades(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        for stream, last in ((audio, frame), (audio, None), (video, None)):
            container.mux(stream.encode(last))  # type: ignore[arg-type]
    played = drawn(source, result([0], []))
    assert len(played.frames) == 5
    with av.open(tmp_path / "drawn.part") as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_it_is_told_that_it_goes_on(tmp_path: Path) -> None:
    moved: list[None] = []
    source = written(tmp_path / "a.mp4", shades(12))
    drawn(source, result([0], []), moved=lambda: moved.append(None))
    assert len(moved) >= 11


def test_without_a_rate_it_still_plays(tmp_path: Path) -> None:
    source = written(tmp_path / "a.mp4", shades(12))
    assert len(drawn(source, result([0], [], 0.0)).frames) == 12
