import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.containers.listing import VIDEO_SUFFIXES
from core.failures import FailureCode
from core.jobs import TruncatedImages
from detection.video_frames import Frame, VideoEnd
from detection.video_reader import VideoReading
from detection.video_sampling import Sampling
from tests.pictures import jpeg, scene
from tests.videos import CODECS, cut_off, scenes, shade, shades, sound, written

ALL = Sampling()


def read(
    path: Path, sampling: Sampling = ALL, truncated: TruncatedImages = "fail", **more: Any
) -> tuple[list[Frame], VideoEnd]:
    reading = VideoReading(path, sampling, truncated, **more)
    return list(reading.frames()), reading.end


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.number for frame in frames]


def failure(path: Path, truncated: TruncatedImages = "fail") -> FailureCode | None:
    frames, end = read(path, truncated=truncated)
    assert not frames or end.failure is None
    return end.failure and end.failure.code


def test_there_is_a_codec_for_each_suffix() -> None:
    assert CODECS.keys() == VIDEO_SUFFIXES


@pytest.mark.parametrize("suffix", [*sorted(VIDEO_SUFFIXES), ".MP4"])
def test_frames_come_in_order_with_their_numbers(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"clip{suffix}", shades(30))
    frames, end = read(path)
    assert numbers(frames) == list(range(30))
    for frame in frames:
        assert frame.pixels.shape == (48, 64, 3)
        assert frame.pixels.dtype == np.uint8
        assert abs(frame.pixels.mean() - shade(frame.number)) < 4
        assert frame.seconds == pytest.approx(frame.number / 25, abs=0.002)
    assert end == VideoEnd(frame_rate=25.0)


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES))
def test_frames_that_are_passed_over_keep_their_numbers(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"clip{suffix}", shades(30))
    frames, end = read(path, Sampling(every=7))
    assert numbers(frames) == [0, 7, 14, 21, 28]
    assert all(abs(frame.pixels.mean() - shade(frame.number)) < 4 for frame in frames)
    assert end.failure is None
    # The stamps of MPEG and of cameras' streams do not begin at 0.
    assert numbers(read(path, Sampling(every_seconds=0.4))[0]) == [0, 10, 20]


def test_colours_are_those_of_the_picture(tmp_path: Path) -> None:
    pixels = scene(3, 128, 96)
    (frame,), _ = read(written(tmp_path / "a.mp4", [pixels], options={"crf": "1"}))
    difference = np.abs(frame.pixels.astype(int) - pixels)
    assert difference.mean() < 6


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_seconds_are_those_of_the_frames(tmp_path: Path, name: str) -> None:
    """A camera that slows down in the dark: 20 frames in the first second, then 4 a second."""
    times = [number / 20 for number in range(20)] + [1 + number / 4 for number in range(16)]
    path = written(tmp_path / name, shades(36), rate=20, times=times)
    frames, end = read(path, Sampling(every_seconds=1))
    assert numbers(frames) == [0, 20, 24, 28, 32]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 1, 2, 3, 4], abs=0.002)
    assert end.frame_rate is not None


def test_frame_rates_are_short(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", shades(3), rate=Fraction(30000, 1001))
    assert read(path)[1].frame_rate == 29.97


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    frames, end = read(written(tmp_path / "a.mp4", shades(1)), Sampling(every_seconds=1))
    assert numbers(frames) == [0]
    assert end.failure is None


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    frames, _ = read(written(tmp_path / "a.avi", shades(2, (63, 47))))
    assert frames[0].pixels.shape == (47, 63, 3)


def corner(pixels: Any) -> tuple[bool, bool]:
    """Whether the bright corner is below, and whether it is on the right."""
    height, width = pixels.shape[:2]
    below, right = np.unravel_index(
        np.argmax(
            [
                pixels[y : y + height // 2, x : x + width // 2].mean()
                for y in (0, height // 2)
                for x in (0, width // 2)
            ]
        ),
        (2, 2),
    )
    return bool(below), bool(right)


@pytest.mark.parametrize(
    ("turned", "shape", "where"),
    [
        ((0,), (48, 64), (False, False)),
        ((90,), (64, 48), (True, False)),
        ((180,), (48, 64), (True, True)),
        ((-90,), (64, 48), (False, True)),
        ((0, True, False), (48, 64), (False, True)),
        ((0, False, True), (48, 64), (True, False)),
    ],
)
@pytest.mark.parametrize("sampling", [ALL, Sampling(every=2)])
def test_turned_and_mirrored_frames_are_upright(
    tmp_path: Path, turned: tuple[Any, ...], shape: Any, where: Any, sampling: Sampling
) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32] = 255
    frames, _ = read(written(tmp_path / "a.mov", [pixels] * 3, turned=turned), sampling)
    assert {frame.pixels.shape[:2] for frame in frames} == {shape}
    assert {corner(frame.pixels) for frame in frames} == {where}


def not_there(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def picture(path: Path) -> None:
    path.write_bytes(jpeg())


def sound_alone(path: Path) -> None:
    sound(path)


def playlist(path: Path) -> None:
    written(path.with_name("other.mp4"), shades(2))
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


def streamed_playlist(path: Path) -> None:
    written(path.with_name("other.mp4"), shades(2))
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.mp4\n#EXT-X-ENDLIST\n")


def random_bytes(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(100_000))


def no_index(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (not_there, FailureCode.NOT_FOUND),
        (folder, FailureCode.NOT_FOUND),
        (pipe, FailureCode.NOT_FOUND),
        (lambda path: path.write_bytes(b""), FailureCode.EMPTY_FILE),
        (lambda path: path.write_text("hello " * 100), FailureCode.NOT_AN_IMAGE),
        (picture, FailureCode.NOT_AN_IMAGE),
        (random_bytes, FailureCode.NOT_AN_IMAGE),
        (playlist, FailureCode.NOT_AN_IMAGE),
        (streamed_playlist, FailureCode.NOT_AN_IMAGE),
        (sound_alone, FailureCode.NOT_AN_IMAGE),
        (no_index, FailureCode.TRUNCATED),
    ],
)
@pytest.mark.parametrize("truncated", ["fail", "accept"])
def test_what_is_no_video_says_why(
    tmp_path: Path, spoil: Callable[[Path], object], code: FailureCode, truncated: TruncatedImages
) -> None:
    path = written(tmp_path / "a.mp4", scenes(5))
    spoil(path)
    assert failure(path, truncated) == code


def test_frames_larger_than_the_cap_are_not_decoded(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", shades(2))
    frames, end = read(path, max_pixels=64 * 48 - 1)
    assert frames == []
    assert end.failure and end.failure.code == FailureCode.IMAGE_TOO_LARGE
    assert len(read(path, max_pixels=64 * 48)[0]) == 2


_TELLING = sorted(VIDEO_SUFFIXES - {".mpg", ".mpeg"})


@pytest.mark.parametrize("suffix", _TELLING)
def test_a_video_that_was_cut_off_is_a_failure(tmp_path: Path, suffix: str) -> None:
    path = cut_off(written(tmp_path / f"clip{suffix}", scenes(40)))
    assert failure(path) == FailureCode.TRUNCATED


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES - {".mp4", ".mov", ".m4v"}))
def test_what_there_is_of_it_is_taken_where_that_is_accepted(tmp_path: Path, suffix: str) -> None:
    path = cut_off(written(tmp_path / f"clip{suffix}", shades(40)))
    frames, end = read(path, truncated="accept")
    assert 3 < len(frames) <= 40
    assert numbers(frames) == list(range(len(frames)))
    assert all(abs(frame.pixels.mean() - shade(frame.number)) < 12 for frame in frames[:-1])
    assert end.failure is None
    assert end.truncated is (suffix in _TELLING)


def test_an_mp4_with_its_index_first_gives_its_beginning(tmp_path: Path) -> None:
    source = written(tmp_path / "a.mp4", scenes(40))
    path = cut_off(moved_index(source, tmp_path / "b.mp4"))
    assert failure(path) == FailureCode.TRUNCATED
    frames, end = read(path, truncated="accept")
    assert 10 < len(frames) < 40
    assert end.truncated


def moved_index(source: Path, target: Path) -> Path:
    with (
        av.open(source) as old,
        av.open(target, "w", options={"movflags": "faststart"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return target


def damaged(path: Path) -> Path:
    """A motion JPEG of which one frame in the middle is no JPEG any more."""
    data = path.read_bytes()
    starts = [at for at in range(len(data) - 3) if data[at : at + 3] == b"\xff\xd8\xff"]
    at, after = starts[len(starts) // 2 :][:2]
    path.write_bytes(data[:at] + bytes(after - at - 8) + data[after - 8 :])
    return path


def test_a_damaged_part_is_no_empty_one(tmp_path: Path) -> None:
    path = damaged(written(tmp_path / "a.avi", scenes(20)))
    reading = VideoReading(path, ALL)
    assert len(list(reading.frames())) == 19
    assert reading.end.failure and reading.end.failure.code == FailureCode.CORRUPT
    frames, end = read(path, truncated="accept")
    assert numbers(frames) == [number for number in range(20) if number != 10]
    assert end == VideoEnd(frame_rate=25.0, truncated=True)


def test_nothing_that_bytes_hold_is_raised(tmp_path: Path) -> None:
    """Files of each kind with bytes changed at random, and with garbage behind their heads."""
    rng = np.random.default_rng(7)
    for suffix in sorted(VIDEO_SUFFIXES):
        whole = np.frombuffer(written(tmp_path / f"a{suffix}", scenes(8)).read_bytes(), np.uint8)
        for _ in range(12):
            data = whole.copy()
            places = rng.integers(0, len(data), len(data) // 100 + 1)
            data[places] = rng.integers(0, 256, len(places))
            path = tmp_path / f"b{suffix}"
            path.write_bytes(data.tobytes())
            read(path, truncated="accept")
        path.write_bytes(whole[:200].tobytes() + rng.bytes(20_000))
        read(path, truncated="accept")


#: The parameters of the pictures as x265 writes them, which with another last byte have FFmpeg's
#: threads wait for each other for ever, where each decodes a frame of its own.
PARAMETERS, DAMAGED = bytes.fromhex("4401c172b42240"), bytes.fromhex("4401c172b422ff")


def test_no_damage_makes_it_wait_for_ever(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mkv", scenes(10, (96, 80)), codec="libx265")
    data = path.read_bytes()
    assert PARAMETERS in data
    path.write_bytes(data.replace(PARAMETERS, DAMAGED, 1))
    code = f"""
from pathlib import Path
from detection.video_reader import VideoReading
from detection.video_sampling import Sampling
print(len(list(VideoReading(Path({str(path)!r}), Sampling(), "accept").frames())))
"""
    # Apart, for nothing interrupts what waits in FFmpeg.
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) <= 10


def test_readings_can_be_left(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp4", shades(20))
    frames = VideoReading(path, ALL).frames()
    next(frames)
    frames.close()
    path.rename(tmp_path / "b.mp4")


def test_it_is_told_that_it_goes_on_between_frames(tmp_path: Path) -> None:
    told: list[None] = []
    path = written(tmp_path / "a.mp4", shades(350))
    frames, _ = read(path, Sampling(every=1000), moved=lambda: told.append(None))
    assert len(frames) == 1
    assert len(told) >= 3
