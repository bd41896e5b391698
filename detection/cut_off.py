"""Whether a picture that cannot be read is one that was cut off, as its structure tells.

Decoders tell of data that ends within the picture. Of a file that ends between two parts, or before
the picture, they say what they say of damaged ones.
"""

import re
import struct
from collections.abc import Callable, Mapping


def was_cut_off(data: bytes) -> bool:
    """Whether this JPEG, PNG or TIFF lacks its end, or what its parts refer to; else False."""
    ends_early = next((check for start, check in _CHECKS.items() if data.startswith(start)), None)
    return ends_early is not None and ends_early(data)


# JPEG (T.81), B.1.1: a segment is a marker of two bytes, its length and what it holds; a scan goes
# on after its segment up to the next marker that is neither a restart nor a stuffed byte.
_SIGN, _SCAN, _END = 0xFF, 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes) -> bool:
    at: int | None = 2
    while at is not None and at + 1 < len(data):
        if data[at] != _SIGN or data[at + 1] == _END:
            return False
        at = _next_marker(data, at)
    return True


def _next_marker(data: bytes, at: int) -> int | None:
    """Where the marker after this one is; None where the file is over."""
    marker = data[at + 1]
    if marker == _SIGN:  # a byte that fills
        return at + 1
    if marker in _ALONE:
        return at + 2
    after = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if marker != _SCAN:
        return after
    found = _AFTER_SCAN.search(data, after)
    return found.start() if found else None


def _png(data: bytes) -> bool:
    """Whether it ends before its last chunk does. Source: PNG (third edition), 5.3."""
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">L4s", data, at)
        at += 12 + size
        if kind == b"IEND":
            return bool(at > len(data))
    return True


# Bytes of a value of each type. Source: TIFF 6.0, section 2; BigTIFF.
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def _tiff(data: bytes) -> bool:
    """Whether its first directory, or what that refers to, lies behind the end."""
    order, big = "<" if data[:1] == b"I" else ">", data[2:4] in (b"+\0", b"\0+")
    start, count, entry = (8, "Q", "HHQQ") if big else (4, "H", "HHLL")
    room = 8 if big else 4
    try:
        (at,) = struct.unpack_from(order + entry[-1], data, start)
        (entries,) = struct.unpack_from(order + count, data, at)
        at += struct.calcsize(order + count)
        for _ in range(entries):
            _, kind, values, where = struct.unpack_from(order + entry, data, at)
            size = values * _SIZES.get(kind, 1)
            if size > room and where + size > len(data):
                return True
            at += struct.calcsize(order + entry)
    except (struct.error, OverflowError):
        return True
    return False


_CHECKS: Mapping[bytes, Callable[[bytes], bool]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG": _png,
    b"II": _tiff,
    b"MM": _tiff,
}
