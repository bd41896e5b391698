import errno
import os
from pathlib import Path

import pytest

from detection.local.durable import Appender, cut_to, write_whole


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"one")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(("size", "left"), [(0, b""), (2, b"on"), (3, b"one"), (9, b"one")])
def test_a_file_is_cut_and_never_grows(tmp_path: Path, size: int, left: bytes) -> None:
    (tmp_path / "a").write_bytes(b"one")
    cut_to(tmp_path / "a", size)
    cut_to(tmp_path / "none", size)
    assert (tmp_path / "a").read_bytes() == left
    assert os.listdir(tmp_path) == ["a"]


def test_what_is_added_is_there_for_others_at_once(tmp_path: Path) -> None:
    appender = Appender()
    for data in (b"one\n", b"", b"two\n"):
        appender.add(tmp_path / "a", data)
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"
    appender.end(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"
