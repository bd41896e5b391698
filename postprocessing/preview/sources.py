"""Where the pictures of a preview come from: a folder, or a container read by its SAS URL."""

import ipaddress
import threading
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from core.config import Settings
from core.containers.file_names import file_name_of
from core.containers.guard import Guard, Location, Origin, Reach, locate
from core.containers.http_reader import HttpReader
from core.containers.listing import MAX_IMAGE_BYTES
from core.containers.patience import Patience
from core.containers.sas import check_read_sas
from core.containers.streak import FailureStreak
from core.errors import AccessRevoked, StorageTrouble, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from postprocessing.disk import Names, files_below

# Whoever runs this names the host, and no name in the results leads to another one.
_ANYWHERE = Reach(("*",), (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))
_PATIENCE = Patience(tries=4, total_seconds=60.0)
_REFUSED = frozenset({401, 403})
#: Why a picture is not there, in words; the code itself for what is not here.
_WORDS = {
    FailureCode.NOT_FOUND: "There is no image of this name.",
    FailureCode.FORBIDDEN: "The storage refuses this image.",
    FailureCode.FILE_TOO_LARGE: "The file is too large.",
    FailureCode.ARCHIVED: "The image lies in the archive tier.",
}


class NotThere(Exception):
    """There is no picture; the message says why, for the page."""

    def __init__(self, failure: FailureCode) -> None:
        super().__init__(_WORDS.get(failure, f"The image cannot be had: {failure}."))


class Images(Protocol):
    """Where pictures come from. Safe to use from several threads at once."""

    def open(self, name: str) -> Path | BytesIO:
        """The image of this name in the results. Raises NotThere; OSError where it is not read."""

    def close(self) -> None:
        """Give connections back."""


class FolderImages:
    """Images below a folder, in any spelling of their names; no name leads out of it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: Names | None = None
        self._lock = threading.Lock()

    def open(self, name: str) -> Path:
        """See `Images.open`."""
        path = self._exact(name) or self._respelled(name)
        if path is None:
            raise NotThere(FailureCode.NOT_FOUND)
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise NotThere(FailureCode.FILE_TOO_LARGE)
        return path

    def close(self) -> None:
        """See `Images.close`."""

    def _exact(self, name: str) -> Path | None:
        try:
            path = Path(file_name_of(name))
            if path.anchor or ".." in path.parts:
                return None
            return found if (found := self._root / path).is_file() else None
        except (ValueError, OSError):  # no file can have this name
            return None

    def _respelled(self, name: str) -> Path | None:
        """Walks the folder the first time: many never need that."""
        with self._lock:
            if self._names is None:
                self._names = Names(files_below(self._root))
        found = self._names.find(name)
        return None if found is None else self._root / file_name_of(found)


class ContainerImages:
    """Images of a container, each by a GET of its blob's URL."""

    def __init__(self, url: str, patience: Patience = _PATIENCE) -> None:
        """Raises UrlNotAllowed, and ContainerError for a SAS that cannot read."""
        check_read_sas(url, datetime.now(UTC))
        base = locate(url)
        _refuse_plain_http(base.origin)
        self._origin = base.origin
        path, _, self._sas = base.target.partition("?")
        self._path = path.rstrip("/")
        self._reader = HttpReader(Guard(Settings(), reach=_ANYWHERE), patience=patience)
        self._streak = FailureStreak()

    def open(self, name: str) -> BytesIO:
        """See `Images.open`. Raises AccessRevoked and StorageTrouble where no image can be read."""
        answer = self._reader.get(self._location(name))
        if answer.status in _REFUSED:
            self._refused()
        else:
            self._streak.succeeded()
        image = answer.image()
        if isinstance(image, ImageFailure):
            raise NotThere(image.code)
        return BytesIO(image)

    def close(self) -> None:
        """See `Images.close`."""
        self._reader.close()

    def _location(self, name: str) -> Location:
        if {".", ".."} & set(name.split("/")):  # would lead out of the container
            raise NotThere(FailureCode.NOT_FOUND)
        sas = f"?{self._sas}" if self._sas else ""
        return Location(self._origin, f"{self._path}/{quote(name, safe='/')}{sas}")

    def _refused(self) -> None:
        try:
            self._streak.failed("")
        except StorageTrouble as error:
            raise AccessRevoked(
                "The storage refuses one image after the other: the SAS may be for another "
                "container, or may not read. Make one with Read for this container."
            ) from error


def open_images(where: str) -> Images:
    """The images at a folder, or at a container's URL."""
    return ContainerImages(where) if "://" in where else FolderImages(Path(where))


def _refuse_plain_http(origin: Origin) -> None:
    if origin.scheme == "https" or origin.host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UrlNotAllowed("The URL must start with https://, for anything but this machine.")
