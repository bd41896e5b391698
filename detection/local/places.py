"""Reads images from where they lie: files of this machine, and URLs."""

import errno
from collections.abc import Sequence

import urllib3

from core.containers.answers import OK, PASSING, TOO_LARGE, Answer
from core.containers.folder import read_file
from core.containers.folder_walk import holds_anything
from core.containers.listing import MAX_IMAGE_BYTES
from core.containers.local_paths import real_path
from core.containers.streak import FailureStreak
from core.errors import StorageTrouble
from core.failures import FailureCode, ImageFailure

# What opening says of a name that is no file's; on Windows also of one that no file can have.
_NO_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EISDIR}
)
# All tries of an image take less than `STALL_AFTER` of detection/local/crew.py.
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_RETRIES = urllib3.Retry(
    total=4,
    redirect=5,
    backoff_factor=1,
    status_forcelist=PASSING,
    raise_on_status=False,
    respect_retry_after_header=False,  # it may name hours
)
_PIECE = 1 << 20


def is_url(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


class PlaceReader:
    """Reads files and URLs, named by whole paths and whole URLs. Threads share it."""

    def __init__(self, roots: Sequence[str]) -> None:
        """`roots`: folders that must be there, or nothing can be read at all."""
        self._roots = tuple(roots)
        self._pool = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT, retries=_RETRIES)
        self._streak = FailureStreak()

    def read(self, place: str) -> bytes | ImageFailure:
        """The bytes at this place, or why they cannot be had.

        Raises StorageTrouble when nothing can be read any more: a disk that was unplugged, a
        network that is away.
        """
        return self._fetch(place) if is_url(place) else self._open(place)

    def _open(self, path: str) -> bytes | ImageFailure:
        try:
            answer = read_file(real_path(path))
        except PermissionError:
            return ImageFailure(FailureCode.FORBIDDEN)
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            if isinstance(error, ValueError) or error.errno in _NO_FILE:
                self.check_roots()
                return ImageFailure(FailureCode.NOT_FOUND)
            self._streak.failed(f"Files cannot be read: {error.strerror} (last {path}).")
            return ImageFailure(FailureCode.UNREADABLE)
        self._streak.succeeded()
        return answer

    def check_roots(self) -> None:
        """Raises StorageTrouble where one is not there."""
        for root in self._roots:
            if not holds_anything(root):
                raise StorageTrouble(
                    f"The folder {root} is gone or empty; is its disk still connected?"
                )

    def _fetch(self, url: str) -> bytes | ImageFailure:
        try:
            answer = self._answer(url)
        except ValueError:  # not a URL
            return ImageFailure(FailureCode.NOT_FOUND)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # Its text may repeat the URL, and with it a secret.
            return self._unreadable(url, type(error).__name__)
        if answer.status in PASSING:
            return self._unreadable(url, str(answer.status))
        self._streak.succeeded()
        return answer.image()

    def _unreadable(self, url: str, why: str) -> ImageFailure:
        self._streak.failed(
            f"Image after image cannot be read ({why}, last from "
            f"{urllib3.util.parse_url(url).host}). Are you online? URLs of a server that is gone "
            "must be taken out of the list."
        )
        return ImageFailure(FailureCode.UNREADABLE)

    def _answer(self, url: str) -> Answer:
        response = self._pool.request("GET", url, preload_content=False)
        try:
            if response.status != OK:
                return Answer(response.status, code=response.headers.get("x-ms-error-code", ""))
            body = bytearray()
            for piece in response.stream(_PIECE, decode_content=True):
                body += piece
                if len(body) > MAX_IMAGE_BYTES:
                    return Answer(TOO_LARGE)
            return Answer(OK, bytes(body))
        finally:
            response.release_conn()
            response.close()
