"""Target: lists of images, as people hand them in and as we keep them for each shard."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.containers.image_list_source import (
    find_duplicates,
    parse_image_list,
    refuse_bare_names,
)
from core.containers.url_list import list_url
from core.errors import InvalidRequest
from core.image_list import (
    ListedImage,
    ListingPosition,
    decode_header,
    decode_image_list,
    encode_image_list,
)
from core.jobs import RequestedImage
from detection.local.lists import read_list

_POSITION = ListingPosition("marker", 3, {".txt": 2})
_KEPT = encode_image_list([ListedImage("a.jpg", 1, "e", "m"), ListedImage("b.jpg")], _POSITION)
_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-lists-"))
#: What a server answered is repeated to nobody, so what is said of it is short.
_LONGEST_WORDS = 600


class _Open:
    """Seals nothing: what would be hidden is looked at here."""

    def seal(self, text: str) -> str:
        return text

    def open(self, token: str) -> str:
        return token


def seeds() -> Iterator[bytes]:
    values: tuple[Any, ...] = (
        *([], ["a.jpg"], [["a.jpg", "north"], ["b.jpg", ""]], ["a.jpg", ["b.jpg", "x"]]),
        *({"images": ["a.jpg"]}, [{"file": "a.jpg"}], "a.jpg", None, 1, [""], [["", ""]]),
        *(["https://h/c/a.jpg?sv=1&sig=S", "https://h/c/b.jpg?name=x"], ["a.jpg"] * 3),
        *([[["a"]]], [1e308], ["\ud83e\udd8a.jpg", "\u202egpj.x"]),
    )
    for value in values:
        yield json.dumps(value).encode()
    yield from (
        b"",
        b"  ",
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        b"a.jpg,b.jpg\r\n",
        b"[" * 4000,
    )
    yield from (b'["\\ud800"]', b'["caf\xe9"]', b"[NaN]", b'["a.jpg"', b"a.jpg\n\nb c.jpg\r\n\x85")
    yield from (_KEPT, _KEPT[:-9], _KEPT.partition(b"\n")[0], _with_digest(b'{"name":"a"}\n'))


def _with_digest(lines: bytes) -> bytes:
    """A list whose lines are whatever they are, and whose digest is right."""
    head = {"count": 1, "digest": hashlib.sha256(lines).hexdigest()}
    return json.dumps({**head, "position": {"page": None, "images": 1}}).encode() + b"\n" + lines


def check(data: bytes) -> None:
    _check_list(data)
    _check_file(data)
    for kept in (data, _with_digest(data)):
        _check_kept(kept)


def _check_list(data: bytes) -> None:
    try:
        images = parse_image_list(data)
    except InvalidRequest as error:
        assert len(error.message) < _LONGEST_WORDS
        assert error.pointer.startswith("/images")
        return
    assert len(list(images)) == len(images) == len(images[:])
    assert all(image.name for image in images)
    assert len(find_duplicates(images)) == len(images) - _singles(images)
    _check_urls(images)


def _singles(images: Sequence[RequestedImage]) -> int:
    """How many images there are without one of each name that stands twice."""
    names = [image.name for image in images]
    return len(names) - sum(1 for name in set(names) if names.count(name) > 1)


def _check_urls(images: Sequence[RequestedImage]) -> None:
    try:
        refuse_bare_names(images)
    except InvalidRequest:
        assert any("://" not in image.name for image in images)
        return
    listed = [list_url(image, _Open()) for image in images]
    assert decode_image_list(encode_image_list(listed, _POSITION)) == listed


def _check_file(data: bytes) -> None:
    for name in ("list.txt", "list.json"):
        path = _FOLDER / name
        path.write_bytes(data)
        try:
            entries = list(read_list(path))
        except InvalidRequest as error:
            assert len(error.message) < _LONGEST_WORDS
            continue
        assert not any("\0" in entry.name for entry in entries if name == "list.txt")


def _check_kept(data: bytes) -> None:
    try:
        decode_header(data)
        images = decode_image_list(data)
    except ValueError:
        return
    position = ListingPosition(None, len(images))
    assert decode_image_list(encode_image_list(images, position)) == images
