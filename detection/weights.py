"""Where the files of models lie, how they get there, and that they are what they were.

Nobody publishes checksums of MegaDetector's files. So the SHA-256 of a file is written down next to
it when it is fetched (or first used), in the format of `sha256sum`, and verified ever after.
"""

import hashlib
import http
import logging
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from core.catalog import DEMO, Model
from core.errors import ModelUnavailable
from core.replacing import replace
from detection.demo_model import DEMO_SHA256, build_demo_model

#: Told of bytes fetched so far, and of all bytes where the server says how many.
FetchProgress = Callable[[int, int | None], None]

_BLOCK = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_RETRIES = urllib3.Retry(connect=1, read=1, redirect=5, raise_on_status=False)

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

_log = logging.getLogger(__name__)


def verified_weights(model: Model, model_folder: Path) -> Path:
    """The file of `model`, after its SHA-256 was compared with the one written down.

    Raises ModelUnavailable when the file is not there or has changed.
    """
    path = model_folder / model.file
    if not path.is_file():
        raise ModelUnavailable(
            f"The weights of {model.name} are not at {path}. "
            f"Fetch them with `megabatch models fetch {model.name}`."
        )
    digest = _sha256(path)
    known = _known_digest(model, path)
    if known is None:
        _write_down(path, digest)
    elif digest != known:
        raise ModelUnavailable(
            f"{path} has changed: its SHA-256 is {digest}, and was {known}. "
            f"Delete it and run `megabatch models fetch {model.name}`; if you replaced the file on "
            f"purpose, delete {_digest_file(path)} instead."
        )
    return path


def fetch_weights(
    model: Model,
    model_folder: Path,
    progress: FetchProgress,
    *,
    pool: urllib3.PoolManager | None = None,
) -> Path:
    """The file of `model`, fetched over https from the first mirror that gives it; or left alone
    where it already stands as it should.

    The demo model is built instead. `pool` replaces the usual connections, for an own proxy or
    certificate authority. Raises ModelUnavailable saying what each mirror answered.
    """
    path = model_folder / model.file
    if model.name == DEMO.name:
        return build_demo_model(model_folder)
    if path.is_file():
        return verified_weights(model, model_folder)
    if not model.mirrors:
        raise ModelUnavailable(f"{model.name} has no place to fetch it from; copy it to {path}.")
    model_folder.mkdir(parents=True, exist_ok=True)
    _fetch_from_any(pool or urllib3.PoolManager(), model, path, progress)
    return verified_weights(model, model_folder)


class _Refused(Exception):
    """A mirror answered, but not with the file."""


def _fetch_from_any(
    pool: urllib3.PoolManager, model: Model, path: Path, progress: FetchProgress
) -> None:
    answers = []
    for mirror in model.mirrors:
        try:
            _fetch(pool, mirror, path, progress)
        except (urllib3.exceptions.HTTPError, _Refused) as error:
            answers.append(f"  {urlsplit(mirror).hostname}: {_in_short(error)}")
            _log.info("could not fetch %s from %s: %s", model.name, mirror, error)
        else:
            return
    raise ModelUnavailable(
        "\n".join(
            [
                f"No mirror gave the weights of {model.name}:",
                *answers,
                f"Try again later, or fetch the file by hand and put it at {path}, from",
                *(f"  {mirror}" for mirror in model.mirrors),
            ]
        )
    )


def _in_short(error: Exception) -> str:
    """Why a mirror did not give the file, in a few words."""
    if isinstance(error, _Refused):
        return str(error)
    reason = getattr(error, "reason", None) or error
    for kind, words in _REASONS:
        if isinstance(reason, kind):
            return words
    return "cannot be reached"


def _fetch(pool: urllib3.PoolManager, mirror: str, path: Path, progress: FetchProgress) -> None:
    """Write the mirror's file to `path`: whole, or not at all."""
    _check_url(mirror)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    response = pool.request(
        "GET", mirror, preload_content=False, timeout=_TIMEOUT, retries=_RETRIES
    )
    try:
        _check(response)
        total = response.headers.get("Content-Length")
        with partial.open("wb") as file:
            for block in response.stream(_BLOCK):
                file.write(block)
                progress(file.tell(), int(total) if total else None)
        replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        response.close()


def _check(response: urllib3.BaseHTTPResponse) -> None:
    if response.status != http.HTTPStatus.OK:
        raise _Refused(f"answered {response.status}")
    _check_url(response.geturl() or "")


def _check_url(url: str) -> None:
    """Refuse a mirror, or where it led to, where anybody on the way could change the file."""
    # After a redirect within a host urllib3 tells the path alone.
    if urlsplit(url).scheme not in {"", "https"}:
        raise _Refused("not over https")


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _known_digest(model: Model, path: Path) -> str | None:
    if model.name == DEMO.name:
        return DEMO_SHA256
    try:
        words = _digest_file(path).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return None
    return words[0] if words else None


def _write_down(path: Path, digest: str) -> None:
    """Keep the digest for the next time. A folder that cannot be written is used as it is."""
    target = _digest_file(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_text(f"{digest}  {path.name}\n", encoding="ascii")
        replace(partial, target)
    except OSError as error:
        _log.warning("cannot write %s, so %s is not verified: %s", target, path, error.strerror)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
