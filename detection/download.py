"""Taking a file from one URL, on from where an earlier try broke off if it is the same version."""

import http
import ipaddress
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

import msgspec
import urllib3
from rich.filesize import decimal

from core.errors import ModelUnavailable
from detection.partial import Origin, Partial, source_of

#: Told of bytes that are here, and of all bytes where the server says how many.
FetchProgress = Callable[[int, int | None], None]

#: Seconds before each further try of one mirror. They begin anew whenever something has come.
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)

# Of a block that breaks off nothing is kept.
_BLOCK = 1 << 16
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_RETRIES = urllib3.Retry(connect=1, read=1, redirect=5, raise_on_status=False)
# What is not told in parts, or not as it is, cannot be continued or compared.
_PLAIN = {"Accept-Encoding": "identity"}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Refused(Exception):
    """A server answered, but not with the file."""


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """How servers are asked, and who is told how far it is."""

    progress: FetchProgress = lambda done, total: None
    #: Replaced for a proxy or a certificate authority of one's own.
    pool: urllib3.PoolManager = msgspec.field(default_factory=urllib3.PoolManager)
    waits: tuple[float, ...] = WAITS


def download(url: str, partial: Partial, connections: Connections) -> None:
    """Take what `partial` lacks of the file at `url`, over as many connections as it needs.

    Waits out broken connections where there is something to continue. Raises Refused for any
    other answer, urllib3's HTTPError when nothing more comes, and ModelUnavailable when the disk
    has no room. What came stays.
    """
    check_url(url)
    waits, most = iter(connections.waits), _have(url, partial)
    while (error := _go_on(url, partial, connections)) is not None:
        have = _have(url, partial)
        if have > most:
            waits, most = iter(connections.waits), have
        wait = next(waits, None) if have else None
        if wait is None:
            raise error
        time.sleep(wait)


def _have(url: str, partial: Partial) -> int:
    """Bytes that came from this URL and can be continued."""
    known = partial.origin
    return partial.size if known and known.source == source_of(url) else 0


def check_url(url: str) -> None:
    """Refuse a URL where anybody on the way could change the file."""
    parts = urlsplit(url)
    # After a redirect within a host urllib3 may tell the path alone.
    if parts.scheme in {"", "https"} or (parts.scheme == "http" and _is_this_machine(parts)):
        return
    raise Refused("not over https")


def _is_this_machine(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _go_on(url: str, partial: Partial, connections: Connections) -> Exception | None:
    """Take what still comes; why it broke off, or None after the file's last byte."""
    try:
        _take_rest(url, partial, connections)
    except urllib3.exceptions.HTTPError as error:
        return error
    return None


def _take_rest(url: str, partial: Partial, connections: Connections) -> None:
    known = partial.origin
    if known is None or not _have(url, partial):
        _take_whole(url, partial, connections)
    elif partial.size < known.size:
        _take_part(url, known, partial, connections)


def _take_part(url: str, known: Origin, partial: Partial, connections: Connections) -> None:
    """Take the rest of the same version, or the whole file where the server has another by now."""
    part = {"Range": f"bytes={partial.size}-", "If-Range": known.etag}
    with _asked(connections.pool, url, part) as response:
        if _continues(response, known, partial.size):
            return _write(response, partial, known.size, connections.progress)
        if response.status == http.HTTPStatus.OK:
            return _begin(url, response, partial, connections)
    _take_whole(url, partial, connections)


def _take_whole(url: str, partial: Partial, connections: Connections) -> None:
    with _asked(connections.pool, url, {}) as response:
        if response.status != http.HTTPStatus.OK:
            raise Refused(f"answered {response.status}")
        _begin(url, response, partial, connections)


def _continues(response: urllib3.BaseHTTPResponse, known: Origin, have: int) -> bool:
    """Whether the answer is the rest of this very version. Not every server heeds If-Range."""
    told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return (
        response.status == http.HTTPStatus.PARTIAL_CONTENT
        and told is not None
        and (int(told[1]), int(told[2])) == (have, known.size)
        and response.headers.get("ETag") == known.etag
    )


def _begin(
    url: str, response: urllib3.BaseHTTPResponse, partial: Partial, connections: Connections
) -> None:
    """Take the whole file from an answer that has it."""
    headers = response.headers
    if headers.get("Content-Type", "").startswith("text/html"):
        raise Refused("gave a web page instead of the file")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("gave the file in a packed form that nobody asked for")
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    etag = headers.get("ETag", "")
    # A weak ETag does not promise the same bytes.
    same = size and etag and not etag.startswith("W/")
    partial.begin(Origin(source_of(url), etag, size) if size and same else None)
    _write(response, partial, size, connections.progress)


def _write(
    response: urllib3.BaseHTTPResponse, partial: Partial, size: int | None, progress: FetchProgress
) -> None:
    """Add what comes to the partial file. `size`: bytes of the whole file."""
    check_room(partial, (size or 0) - partial.size)
    with partial.path.open("ab") as file:
        progress(file.tell(), size)
        for block in response.stream(_BLOCK):
            file.write(block)
            file.flush()  # so that its size says what is there, also after a broken connection
            progress(file.tell(), size)


def check_room(partial: Partial, more: int) -> None:
    """Raise ModelUnavailable when so many more bytes do not fit."""
    folder = partial.path.parent
    free = shutil.disk_usage(folder).free
    if more > free:
        raise ModelUnavailable(
            f"There is no room in {folder}: {decimal(more)} are needed, and {decimal(free)} are "
            "free. Make room, then run the same command again."
        )


@contextmanager
def _asked(
    pool: urllib3.PoolManager, url: str, more: dict[str, str]
) -> Iterator[urllib3.BaseHTTPResponse]:
    response = pool.request(
        "GET",
        url,
        headers={**_PLAIN, **more},
        preload_content=False,
        timeout=_TIMEOUT,
        retries=_RETRIES,
    )
    try:
        for step in response.retries.history if response.retries else ():
            check_url(step.redirect_location or "")
        yield response
    finally:
        response.close()
