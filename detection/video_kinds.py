"""What a video file is by its first bytes, and whether it lacks its end, as its structure tells.

Demuxers take a file as far as it goes, and many do not tell that there should have been more.
"""

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

#: Whether a file, opened and of so many bytes, was cut off.
_Check = Callable[[BinaryIO, int], bool]

_HEAD_BYTES = 400
# Far more parts than any recorder writes; garbage may look like millions of them.
_MOST_PARTS = 100_000


def looks_like_video(file: BinaryIO) -> bool:
    """Whether the first bytes are those of a container that is read here."""
    head = _head(file)
    return _check_of(head) is not None or head.startswith(_ENDLESS)


def was_cut_off(file: BinaryIO) -> bool:
    """Whether this file lacks its end; False where its kind does not tell."""
    check = _check_of(_head(file))
    return check is not None and check(file, file.seek(0, os.SEEK_END))


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_HEAD_BYTES)


def _check_of(head: bytes) -> _Check | None:
    if head[4:8] in _BOXES:
        return _movie
    if head[:4] == b"RIFF" and head[8:11] == b"AVI":
        return _avi
    if head[:4] == _EBML:
        return _matroska
    if head[:16] == _ASF:
        return _asf
    if head[:3] == b"FLV":
        return _flash
    return _transport if _packet_size(head) else None


# MPEG program streams and MPEG video alone. They may end anywhere.
_ENDLESS = (b"\0\0\1\xba", b"\0\0\1\xb3")

# Transport streams. Source: ITU-T H.222.0, 2.4.3: packets of 188 bytes; cameras put a time code of
# 4 before each.
_SYNC = 0x47
_PACKET, _TIME_CODE = 188, 4


def _packet_size(head: bytes) -> int | None:
    """Bytes of a packet of this transport stream, with its time code; None where it is none."""
    for before in (0, _TIME_CODE):
        size = before + _PACKET
        if head[before : before + 1] + head[before + size :][:1] == bytes([_SYNC, _SYNC]):
            return size
    return None


def _transport(file: BinaryIO, size: int) -> bool:
    """Whether it ends within a packet."""
    packet = _packet_size(_head(file))
    return packet is not None and size % packet != 0


# Flash video. Source: Adobe FLV specification 10.1, annex E: a tag is a header of 11 bytes with the
# size of its data, the data, and the size of header and data once more.
_TAG_HEADER, _TAG_SIZE = 11, 4


def _flash(file: BinaryIO, size: int) -> bool:
    """Whether it does not end with a whole tag."""
    file.seek(max(0, size - _TAG_SIZE))
    last = int.from_bytes(file.read(_TAG_SIZE), "big")
    file.seek(max(0, size - _TAG_SIZE - last + 1))
    return int.from_bytes(file.read(3), "big") != last - _TAG_HEADER


# MP4 and QuickTime. Source: ISO/IEC 14496-12, 4.2: a box is its size, its type and what it holds.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BOX, _LARGE_BOX = struct.Struct(">L4s"), struct.Struct(">L4sQ")
_TO_THE_END, _LARGE = 0, 1


def _movie(file: BinaryIO, size: int) -> bool:
    """Whether a box reaches beyond the file, or the one that describes the frames is not there."""
    kinds = set()
    for kind, end in _boxes(file, size):
        if end > size:
            return True
        kinds.add(kind)
    return b"moov" not in kinds


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Type and end of each box at the top."""
    at = 0
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(_LARGE_BOX.size)
        if len(head) < _BOX.size:
            return
        length, kind = _BOX.unpack_from(head)
        if length == _LARGE and len(head) == _LARGE_BOX.size:
            length = _LARGE_BOX.unpack(head)[2]
        if length == _TO_THE_END:
            length = size - at
        if length < _BOX.size or not kind.strip(b"\0"):
            return  # what some recorders leave behind the last box
        at += length
        yield kind, at


_CHUNK = struct.Struct("<4sL")


def _avi(file: BinaryIO, size: int) -> bool:
    """Whether a RIFF chunk reaches beyond the file. Large files have several: OpenDML 1.02."""
    at = 0
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(_CHUNK.size)
        if len(head) < _CHUNK.size:
            return False
        kind, length = _CHUNK.unpack(head)
        if kind != b"RIFF":
            return False
        at += _CHUNK.size + length
        if at > size:
            return True
    return False


# Matroska. Source: RFC 8794, 4: an element is its id, its size in one to eight bytes, and its data.
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def _matroska(file: BinaryIO, size: int) -> bool:
    """Whether the segment after the header reaches beyond the file; a live one has no size."""
    file.seek(4)
    length = _ebml_size(file)
    if length is None or length > size:
        return False
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return file.tell() >= size
    segment = _ebml_size(file)
    return segment is not None and file.tell() + segment > size


def _ebml_size(file: BinaryIO) -> int | None:
    """The size that stands here; None where it is unknown, or no size."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    bits = 7 * (more + 1)
    number = int.from_bytes(first + file.read(more), "big") & ((1 << bits) - 1)
    return None if number == (1 << bits) - 1 else number


# Windows Media. Source: the ASF specification, 3.1 and 3.2: objects with a GUID and a size.
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_FILE_OBJECT, _LEAST_OBJECT = struct.Struct("<16sQ16xQ"), 24
_FIRST_OBJECT_AT = 30


def _asf(file: BinaryIO, size: int) -> bool:
    """Whether the file is smaller than its header says."""
    at = _FIRST_OBJECT_AT
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(_FILE_OBJECT.size)
        if len(head) < _FILE_OBJECT.size:
            return True
        kind, length, promised = _FILE_OBJECT.unpack(head)
        if kind == _ASF_FILE:
            return bool(promised > size)
        if length < _LEAST_OBJECT or length > size:
            return False
        at += length
    return False
