"""Reading a JSON body that anyone may have written.

flask-openapi3 would take duplicate keys and answer 500 to deep nesting and to lone surrogates
(4.3.2), so every body comes through here before a schema sees it.
"""

import json
from contextlib import suppress
from typing import Any

import msgspec
from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from api.problems import BodyTooLarge, BodyTooSlow, NotJson, UnreadableBody

#: Ten thousand names of 800 letters, and some room.
MAX_BODY_BYTES = 8 * 1024 * 1024

# Ten thousand pairs of a name and a text hold 40,000 signs of JSON; names may hold some, too. What
# is above takes seconds to read.
_MOST_VALUES = 200_000
# Of a body that is refused for its size, bytes.
_MOST_READ_AWAY = 256 * 1024 * 1024
_PIECE = 256 * 1024

#: Endpoints whose body need not be there.
_MAY_BE_LEFT_OUT = frozenset({"retries.retry_failed"})

_BAD_PIECES = "The body's pieces (chunks) are malformed."
_UTF8_MARK = b"\xef\xbb\xbf"


class JsonRequest(Request):
    """A request whose `get_json` is strict, whoever calls it and however."""

    # One more than is taken (below, too): of a body that does not tell its length, werkzeug (3.1)
    # reads so much and quietly leaves the rest.
    max_content_length = MAX_BODY_BYTES + 1

    def get_json(self, *_: Any, **__: Any) -> Any:
        """The body's JSON object. Raises NotJson, BodyTooLarge, BodyTooSlow or UnreadableBody."""
        is_json = self.mimetype == "application/json"
        may_be_left_out = self.endpoint in _MAY_BE_LEFT_OUT
        if not is_json and not may_be_left_out:
            raise NotJson()
        try:
            data = self._read_body()
        except ParseException as error:
            raise UnreadableBody(_BAD_PIECES) from error
        if may_be_left_out and not data:
            return {}
        if not is_json:
            raise NotJson()
        return read_object(data)

    def bound_body(self, most: int) -> None:
        """To be called before `form`. Raises BodyTooLarge, BodyTooSlow or UnreadableBody."""
        try:
            self._read_body(most, keep=True)
        except BodyTooLarge:
            raise BodyTooLarge(f"The body is larger than {most} bytes.") from None
        except ParseException as error:
            raise UnreadableBody(_BAD_PIECES) from error

    def _read_body(self, most: int = MAX_BODY_BYTES, *, keep: bool = False) -> bytes:
        self.max_content_length = most + 1
        try:
            data = self.get_data(cache=keep)
        except RequestEntityTooLarge:
            data = None
        except ClientDisconnected as error:
            if isinstance(error.__context__, TimeoutError):
                raise BodyTooSlow() from None
            raise
        if data is None or len(data) > most:
            self._read_away()
            raise BodyTooLarge()
        return data

    def _read_away(self) -> None:
        """Take what is still being sent: who is cut off while sending never sees the answer."""
        stream = self.environ["wsgi.input"]
        with suppress(OSError):  # too slow, or gone
            for _ in range(_MOST_READ_AWAY // _PIECE):
                if not stream.read(_PIECE):
                    return


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises UnreadableBody for what two readers could read apart, BodyTooLarge for what would take
    long to read.
    """
    if sum(data.count(sign) for sign in (b",", b"[", b"{")) > _MOST_VALUES:
        raise BodyTooLarge(
            "The body holds too many values. Put a long list of images in a file and give "
            "`images_url`."
        )
    if data.startswith(_UTF8_MARK):
        raise UnreadableBody("The body starts with a byte order mark; send plain UTF-8 without it.")
    value = _decode(data)
    if not isinstance(value, dict):
        raise UnreadableBody('The body must be a JSON object, such as {"container_url": "..."}.')
    return value


def _decode(data: bytes) -> Any:
    try:
        # msgspec refuses what the standard library lets pass: NaN, lone surrogates, numbers
        # beyond range. The standard library can refuse duplicate keys, and msgspec cannot.
        text = data.decode()  # first: msgspec counts from where the text of one value begins
        msgspec.json.decode(data)
        return json.loads(text, object_pairs_hook=_object_of)
    except RecursionError:
        raise UnreadableBody("The body is nested too deeply.") from None
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not UTF-8 (at offset {error.start}).") from None
    except msgspec.DecodeError as error:
        raise UnreadableBody(f"The body is not valid JSON: {error}.") from None


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableBody("The body names a key twice in one object; name each key once.")
    return found
