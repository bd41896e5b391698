"""Bringing the files of models to this machine: from their mirrors, a URL, or a file by hand.

A file gets its name when it is whole and is what it should be; until then it is a `Partial`.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from core.catalog import Part
from core.errors import InvalidRequest, ModelUnavailable
from detection.checksums import note_of, sha256_of
from detection.download import Connections, Refused, check_room, download
from detection.graph_file import fault_of
from detection.model_files import ModelFile
from detection.partial import Partial, source_of
from detection.weights import known_sha256, verified

# A scheme has two letters at least here: with one it is the drive of a path on Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

# What to say of an error of a connection; the first that fits.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (
        urllib3.exceptions.NameResolutionError,
        "the name cannot be looked up; is this machine online?",
    ),
    (urllib3.exceptions.NewConnectionError, "cannot be reached"),
    (urllib3.exceptions.TimeoutError, "took too long to answer"),
    (urllib3.exceptions.SSLError, "its certificate is not one to trust"),
    (urllib3.exceptions.ProtocolError, "broke off"),
)

_BLOCK = 1 << 20

_log = logging.getLogger(__name__)


def is_url(source: str) -> bool:
    return _URL.match(source) is not None


def fetch_file(file: ModelFile, connections: Connections) -> Path:
    """The path of the file, fetched from the first mirror that gives it; left alone where it
    already stands as it should.

    What came before a connection or a process ended is continued. Raises ModelUnavailable saying
    what each mirror answered.
    """
    if file.path.is_file():
        return verified(file)
    if not file.mirrors:
        raise ModelUnavailable(
            f"There is no place to fetch {file.title} from; copy the file to {file.path}."
        )
    return _bring(file, lambda partial: _fetch_from_any(file, partial, connections))


def bring_file(file: ModelFile, source: str, connections: Connections) -> Path:
    """The path of the file, brought from a file or a URL; left alone where it already stands.

    The checksum that is known must be the one of what comes. Raises ModelUnavailable, and
    InvalidRequest for a URL that is none.
    """
    if file.path.is_file():
        return verified(file)
    if is_url(source):
        _check_readable(source)
        return _bring(file, lambda partial: _fetch_from_url(file, source, partial, connections))
    return _bring(file, lambda partial: _copy(file, Path(source), partial, connections))


def _check_readable(url: str) -> None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidRequest(
            "The URL to fetch from names no host. Give one of https, or the path of a file."
        )


def _bring(file: ModelFile, fill: Callable[[Partial], None]) -> Path:
    """The path of the file, once `fill` has brought it; one process at a time does."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(file.path)
    try:
        with partial.held():
            if not file.path.is_file():
                fill(partial)
    except BlockingIOError as error:
        raise ModelUnavailable(
            f"{file.path} is being fetched already; wait until that is done."
        ) from error
    except OSError as error:
        raise ModelUnavailable(
            f"{error.filename or partial.path}: {error.strerror}. What was fetched is kept: put "
            "that right, then run the same command again."
        ) from error
    return verified(file)


def _fetch_from_any(file: ModelFile, partial: Partial, connections: Connections) -> None:
    answers = []
    for mirror in _own_first(file.mirrors, partial):
        try:
            download(mirror, partial, connections)
            _finish(file, partial)
        except (urllib3.exceptions.HTTPError, Refused) as error:
            answers.append(f"  {urlsplit(mirror).hostname}: {_in_short(error)}")
            _log.info("could not fetch %s from %s: %s", file.title, mirror, error)
        else:
            return
    raise ModelUnavailable("\n".join([f"No mirror gave {file.title}:", *answers, *_by_hand(file)]))


def _own_first(mirrors: tuple[str, ...], partial: Partial) -> list[str]:
    """The mirrors, best first, but before them the one whose file was begun."""
    begun = partial.origin
    return sorted(mirrors, key=lambda url: begun is None or begun.source != source_of(url))


def _by_hand(file: ModelFile) -> list[str]:
    part = "" if file.part is Part.FROZEN else f" --part {file.part}"
    return [
        "Try again later, or get the file by hand, from",
        *(f"  {mirror}" for mirror in file.mirrors),
        "or from somebody who has it, and bring it in with "
        f"`megabatch models fetch {file.model.name}{part} --from FILE_OR_URL`.",
    ]


def _in_short(error: Exception) -> str:
    """Why a server did not give the file, in a few words."""
    if isinstance(error, Refused):
        return str(error)
    reason = getattr(error, "reason", None) or error
    for kind, words in _REASONS:
        if isinstance(reason, kind):
            return words
    return "cannot be reached"


def _fetch_from_url(file: ModelFile, url: str, partial: Partial, connections: Connections) -> None:
    try:
        download(url, partial, connections)
        _finish(file, partial)
    except (urllib3.exceptions.HTTPError, Refused) as error:
        # Nothing of the URL but its host: it may carry a secret.
        host = urlsplit(url).hostname
        raise ModelUnavailable(f"{host} did not give {file.title}: {_in_short(error)}.") from error


def _copy(file: ModelFile, source: Path, partial: Partial, connections: Connections) -> None:
    if not source.is_file():
        raise ModelUnavailable(f"There is no file {source}.")
    fault = fault_of(source, file.part)
    if fault:
        raise ModelUnavailable(f"{source} is not {file.title}, but {fault}.")
    partial.begin(None)
    try:
        _copy_bytes(source, partial, connections)
        _finish(file, partial)
    except Refused as error:
        raise ModelUnavailable(f"{source} is not {file.title}: it {error}.") from error
    finally:
        partial.discard()


def _copy_bytes(source: Path, partial: Partial, connections: Connections) -> None:
    size = source.stat().st_size
    check_room(partial, size)
    with source.open("rb") as old, partial.path.open("wb") as new:
        while block := old.read(_BLOCK):
            new.write(block)
            connections.progress(new.tell(), size)


def _finish(file: ModelFile, partial: Partial) -> None:
    """Give what came the name of the file. Raises Refused, and keeps nothing, when it is not it."""
    try:
        _check(file, partial)
    except Refused:
        partial.discard()
        raise
    partial.finish()


def _check(file: ModelFile, partial: Partial) -> None:
    fault = fault_of(partial.path, file.part)
    if fault:
        raise Refused(f"gave {fault}")
    known = known_sha256(file)
    digest = sha256_of(partial.path)
    if known and digest != known:
        raise Refused(
            f"has another SHA-256 ({digest}) than the one that is known ({known}, see "
            f"{note_of(file.path)})"
        )
