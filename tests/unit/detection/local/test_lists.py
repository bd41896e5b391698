from pathlib import Path

import pytest

from core.errors import InvalidRequest
from detection.local.lists import ListEntry, read_list


@pytest.mark.parametrize(
    "data",
    [
        b"a.jpg\nb \xc3\xa9.jpg\n",
        b"\xef\xbb\xbfa.jpg\r\nb \xc3\xa9.jpg",
        "a.jpg\r\nb é.jpg\r\n".encode("utf-16"),
        b"\n\na.jpg\n  \nb \xc3\xa9.jpg",
    ],
)
def test_a_text_holds_a_name_a_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    entries = read_list(tmp_path / "list.txt")
    for _ in range(2):  # they can be looked at again
        assert list(entries) == [ListEntry("a.jpg"), ListEntry("b é.jpg")]


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("l.txt", "a.jpg\n".encode("utf-16-le"), "not text in UTF-8"),
        ("l.txt", b"\xff\xffgr\xf6\xdfe.jpg", "not text in UTF-8"),
        ("l.json", b'{"images": []}', "give what stands under"),
        ("l.json", b'[{"image_file": "a.jpg"}]', r"entry 0: .*under 'image_file'"),
        ("l.json", b"a.jpg\nb.jpg", "plain text"),
        ("l.json", b'["a.jpg", ""]', "entry 1: .*empty name"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(
    tmp_path: Path, file: str, data: bytes, words: str
) -> None:
    (tmp_path / file).write_bytes(data)
    with pytest.raises(InvalidRequest, match=words):
        read_list(tmp_path / file)
