"""Target: cursors of lists of jobs. Only what was given out here is taken."""

import base64
from collections.abc import Iterator

from api.cursor import decode_cursor, encode_cursor
from api.problems import InvalidCursor
from core.job_lists import Place
from core.salt import Salt
from core.sealing import Sealer, new_secret_key


class _Storage:
    """Holds what the salt writes."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        if path not in self._data:
            raise FileNotFoundError(path)
        return self._data[path]

    def create(self, path: str, data: bytes) -> bytes:
        return self._data.setdefault(path, data)


_SALT = Salt(_Storage(), Sealer([new_secret_key()]))  # type: ignore[arg-type]
_PLACES = [Place(1_777_636_800_123 + n, f"{n:032x}") for n in range(4)]
_GIVEN = {encode_cursor(place, "list", _SALT): place for place in _PLACES}


def seeds() -> Iterator[bytes]:
    for cursor in _GIVEN:
        yield from (cursor.encode(), cursor.encode() + b"=", cursor[:-1].encode())
    yield from (b"", b"====", b"A" * 54, "\u00e9".encode(), b"a b", base64.b64encode(bytes(40)))


def check(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    try:
        place = decode_cursor(text, "list", _SALT)
    except InvalidCursor:
        assert text not in _GIVEN
        return
    assert place in _PLACES
    _check_other_list(text)


def _check_other_list(text: str) -> None:
    try:
        decode_cursor(text, "another list", _SALT)
    except InvalidCursor:
        return
    raise AssertionError("a cursor of one list was taken for another")
