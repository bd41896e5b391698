"""Opaque cursors: where the next page of a list starts. Only those given out here are taken."""

import base64
import binascii
import hmac
import struct

from api.problems import InvalidCursor
from core.job_lists import Place
from core.salt import Salt

# Milliseconds since 1970, and the 16 bytes of a job's id; then a seal over them and the list.
_PLACE = struct.Struct(">q16s")
_SEAL_BYTES = 16


def encode_cursor(place: Place, of: str, salt: Salt) -> str:
    """The cursor of what follows this place in the list that `of` describes."""
    data = _PLACE.pack(place.created, bytes.fromhex(place.job_id))
    return base64.urlsafe_b64encode(data + _seal(data, of, salt)).decode().rstrip("=")


def decode_cursor(cursor: str, of: str, salt: Salt) -> Place:
    """Raises InvalidCursor for one that was not given out here, or was for another list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        sealed = base64.b64decode(padded, b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor() from error
    data, seal = sealed[: _PLACE.size], sealed[_PLACE.size :]
    if len(data) < _PLACE.size or not hmac.compare_digest(seal, _seal(data, of, salt)):
        raise InvalidCursor()
    created, job_id = _PLACE.unpack(data)
    return Place(created, job_id.hex())


def _seal(data: bytes, of: str, salt: Salt) -> bytes:
    return salt.derive("cursor", of, data.hex())[:_SEAL_BYTES]
