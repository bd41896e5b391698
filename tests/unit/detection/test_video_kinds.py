import struct
from io import BytesIO
from pathlib import Path

import pytest

from core.containers.listing import VIDEO_SUFFIXES
from detection.video_kinds import looks_like_video, was_cut_off
from tests.pictures import jpeg
from tests.videos import scenes, written


def box(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">L4s", 8 + len(data), kind) + data


def large_box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L4sQ", 1, kind, 16 + len(data)) + data


MOVIE = box(b"ftyp", b"isom") + box(b"moov", bytes(20))


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (MOVIE + box(b"mdat", bytes(30)), False),
        ((MOVIE + box(b"mdat", bytes(30)))[:-1], True),
        (MOVIE + large_box(b"mdat", bytes(30)), False),
        ((MOVIE + large_box(b"mdat", bytes(30)))[:-1], True),
        (MOVIE + struct.pack(">L4s", 0, b"mdat") + bytes(9), False),  # up to the end
        (MOVIE + bytes(5000), False),  # what a recorder left of its file
        (MOVIE + b"abc", False),
        (box(b"ftyp") + box(b"mdat", bytes(30)), True),  # the recorder never came to its index
    ],
)
def test_boxes_of_a_movie(data: bytes, cut: bool) -> None:
    assert was_cut_off(BytesIO(data)) is cut


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES))
def test_whole_videos_are_known_and_whole(tmp_path: Path, suffix: str) -> None:
    data = written(tmp_path / f"a{suffix}", scenes(12)).read_bytes()
    assert looks_like_video(BytesIO(data))
    assert not was_cut_off(BytesIO(data))


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES - {".mpg", ".mpeg"}))
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_videos_without_their_end_are_known(tmp_path: Path, suffix: str, share: float) -> None:
    data = written(tmp_path / f"a{suffix}", scenes(12)).read_bytes()
    assert was_cut_off(BytesIO(data[: int(len(data) * share)]))


def test_large_files_of_avi_have_several_parts() -> None:
    parts = b"".join(struct.pack("<4sL4s", b"RIFF", 14, b"AVI ") + bytes(10) for _ in range(3))
    assert not was_cut_off(BytesIO(parts))
    assert was_cut_off(BytesIO(parts[:-1]))


def test_a_live_matroska_has_no_size() -> None:
    header = b"\x1a\x45\xdf\xa3\x84" + bytes(4)
    live = header + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + bytes(50)
    assert not was_cut_off(BytesIO(live))
    assert was_cut_off(BytesIO(header + b"\x18\x53\x80\x67\xb3" + bytes(50)))
    assert not was_cut_off(BytesIO(header + b"\x18\x53\x80\x67\xb2" + bytes(50)))


def test_packets_of_cameras_have_a_time_code() -> None:
    packet = bytes(4) + b"G" + bytes(187)
    assert looks_like_video(BytesIO(packet * 3))
    assert not was_cut_off(BytesIO(packet * 3))
    assert was_cut_off(BytesIO(packet * 3 + packet[:50]))


@pytest.mark.parametrize("data", [b"", b"G", b"hello " * 100, jpeg(), bytes(1000)])
def test_other_files_are_no_videos(data: bytes) -> None:
    assert not looks_like_video(BytesIO(data))
    assert not was_cut_off(BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x1a\x45\xdf\xa3\x01" + b"\xfe" * 7 + bytes(50),
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(30) + b"\xff" * 100,
    ],
)
def test_sizes_that_no_file_can_have_tell_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as file:
        assert not was_cut_off(file)


def test_garbage_that_looks_like_boxes_is_left_early() -> None:
    many = BytesIO(MOVIE + box(b"free") * 200_000)
    assert not was_cut_off(many)
    assert many.tell() <= 100_000 * 8 + 200
