"""Handing out a stored file: whole, in part, packed, or not at all where the client has it."""

import zlib
from collections.abc import Callable, Iterator

import msgspec
from flask import Response, request
from werkzeug.http import is_resource_modified

from core.errors import MegaBatchError

_GZIP = 16 + zlib.MAX_WBITS
# Measured on made-up results of 200,000 images, three quarters empty: level 1 packs them to 1/8.6,
# level 6 to 1/9.9 in 2.5 times the processor time, level 9 to 1/10.3 in 5 times.
_LEVEL = 1


class RangeNotSatisfiable(MegaBatchError):
    """The Range lies beyond the end of the file; ask for its size with HEAD."""

    status = 416
    code = "range_not_satisfiable"


class Download(msgspec.Struct, frozen=True):
    """A file that stands, and never changes."""

    #: What the client's disk should call it.
    name: str
    mimetype: str
    #: Bytes.
    size: int
    #: Tells this content from any other; SHA-256, hex.
    digest: str
    #: The bytes from one position up to another.
    pieces: Callable[[int, int], Iterator[bytes]]


def send(download: Download) -> Response:
    """The answer to a GET or HEAD of this file. Raises RangeNotSatisfiable.

    A single Range is honoured (RFC 9110, 14.2), so that a broken download can go on; several at
    once are answered with the whole, as the RFC allows.
    """
    packed = "Range" not in request.headers and request.accept_encodings["gzip"] > 0
    etag = f"{download.digest}-gzip" if packed else download.digest
    if not is_resource_modified(request.environ, etag):
        response = Response(status=304)
    elif packed:
        response = Response(_packed(download.pieces(0, download.size)))
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = _plain(download)
    response.mimetype = download.mimetype
    response.set_etag(etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
    return response


def _plain(download: Download) -> Response:
    span = _asked_span(download)
    start, end = span or (0, download.size)
    response = Response(download.pieces(start, end), status=206 if span else 200)
    response.content_length = end - start
    if span:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{download.size}"
    return response


def _asked_span(download: Download) -> tuple[int, int] | None:
    """First byte and the one after the last; None where the whole file is meant."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    known = request.if_range
    if (known.etag or known.date) and known.etag != download.digest:
        return None
    span = asked.range_for_length(download.size)
    if span is None:
        raise RangeNotSatisfiable
    return span


def _packed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
