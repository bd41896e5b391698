"""Our own storage: a local folder, Azure, S3 or GCS, reached through obstore by a few verbs.

What must stand once is written create-only: the first writer wins, and a later one is given what
the winner wrote. What is written is kept from then on, whatever happens to the machine. A missing
file is FileNotFoundError; any other trouble is JobFolderTrouble.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from core import durable_files
from core.config import Settings
from core.durable_files import UNFINISHED
from core.errors import ConfigError, JobFolderTrouble
from core.secrets import has_secret, redact

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

#: Bytes of a long file that are read at a time.
_PIECE = 4 * 1024 * 1024
#: How long a signed URL works: enough to begin a download, which may then last longer.
_SIGNED_FOR = timedelta(minutes=10)
#: What obstore reads of Azure that an operator sets.
_AZURE = ("AZURE_STORAGE_", "AZURE_CLIENT_ID")
#: Names of a long listing that are held at a time.
_PAGE = 1000


class Writer(Protocol):
    """A file that becomes visible, whole, when it is closed."""

    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Storage errors as ours. Credentials are cut out of their texts."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        first_line = redact(str(error)).partition("\n")[0]
        raise JobFolderTrouble(f"Our storage failed to {what}: {first_line}") from None


class Storage:
    """Files by their paths, with `/`, in one storage."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        #: Where the files are, if they are on this machine.
        self._root = store.prefix if isinstance(store, LocalStore) else None

    def create(self, path: str, data: bytes) -> bytes:
        """Write create-only; the bytes that stand there afterwards.

        They are `data` itself where this call wrote them, and equal to it at most where another
        wrote the same.
        """
        with _translated("write"):
            created = self._create(path, data)
        return data if created else self.read(path)

    def _create(self, path: str, data: bytes) -> bool:
        if self._root:
            return durable_files.create(self._root, path, data)
        try:
            obstore.put(self._store, path, data, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def replace(self, path: str, data: bytes) -> None:
        """Write over what stands there."""
        with _translated("write"):
            if self._root:
                durable_files.replace(self._root, path, data)
            else:
                obstore.put(self._store, path, data)

    def read(self, path: str) -> bytes:
        with _translated("read"):
            return bytes(obstore.get(self._store, path).bytes())

    def exists(self, path: str) -> bool:
        try:
            with _translated("look for a file"):
                obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def written_at(self, path: str) -> datetime:
        """When the file was written, by the storage's clock. Raises FileNotFoundError."""
        with _translated("look for a file"):
            moment: datetime = obstore.head(self._store, path)["last_modified"]
            return moment

    def delete(self, path: str) -> None:
        """Delete; what is not there is deleted already."""
        with suppress(FileNotFoundError), _translated("delete"):
            obstore.delete(self._store, path)
            if self._root:
                durable_files.keep(self._root, path)

    def names(self, folder: str) -> list[str]:
        """The paths of all files below a folder (`jobs/x/`), relative to it, in order."""
        return sorted(self.each_name(folder))

    def each_name(self, folder: str, after: str = "") -> Iterator[str]:
        """The same, in any order, and only those that sort after `after`. Memory holds a page."""
        offset = folder + after if after else None
        with _translated("list"):
            for page in obstore.list(self._store, folder, offset=offset, chunk_size=_PAGE):
                for meta in page:
                    if not UNFINISHED.search(meta["path"]):
                        yield meta["path"].removeprefix(folder)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly in a folder (`due/`), in order."""
        with _translated("list"):
            found = obstore.list_with_delimiter(self._store, folder)
            return sorted(path.rpartition("/")[2] for path in found["common_prefixes"])

    def delete_some(self, folder: str) -> int:
        """Delete files below a folder, a thousand at most; how many there were."""
        with _translated("delete"):
            page = next(iter(obstore.list(self._store, folder, chunk_size=_PAGE)), None)
            paths = [meta["path"] for meta in page or ()]
            # Somebody else deletes the same: what is left is found the next time.
            with suppress(FileNotFoundError):
                obstore.delete(self._store, paths)
            return len(paths)

    def delete_unfinished(self, folder: str) -> None:
        """Delete what writers that died have left below a folder, which no listing shows.

        Only a local folder has such. A writer that is still at it fails when it ends.
        """
        if self._root:
            with _translated("delete"):
                durable_files.delete_unfinished(self._root / folder)

    @contextmanager
    def writer(self, path: str, name: str = "") -> Iterator[Writer]:
        """A new file of any length; it appears when the block ends without an error.

        `name`: what a browser should call this JSON, where the storage itself can say so.
        """
        attributes = None
        if name and not isinstance(self._store, LocalStore):
            attributes = {
                "Content-Type": "application/json",
                "Content-Disposition": f'attachment; filename="{name}"',
            }
        with _translated("write a file"):
            writer = obstore.open_writer(self._store, path, attributes=attributes)
            yield writer
            writer.close()
            if self._root:
                durable_files.keep_whole(self._root, path)

    def signed_url(self, path: str) -> str | None:
        """A URL that reads this one file for some minutes; None for a local folder."""
        if not isinstance(self._store, AzureStore | GCSStore | S3Store):
            return None
        with _translated("sign a URL"):
            url: str = obstore.sign(self._store, "GET", path, _SIGNED_FOR)
            return url

    def size(self, path: str) -> int:
        """Bytes."""
        with _translated("read"):
            size: int = obstore.head(self._store, path)["size"]
            return size

    def pieces(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, piece by piece.

        Each piece is a request of its own: the storage's time limit then holds for a piece, and
        not for the whole file, which a slow reader may take an hour to download.
        """
        for first in range(start, end, _PIECE):
            with _translated("read"):
                last = min(first + _PIECE, end)
                yield bytes(obstore.get_range(self._store, path, start=first, end=last))


def _check_azure() -> None:
    # An empty key is taken for one, of which Azure says no more than that it is wrong.
    for name, value in os.environ.items():
        if name.startswith(_AZURE) and not value:
            raise ConfigError(f"{name} is empty. Fill it in, or take it out of the environment.")


def open_storage(settings: Settings, *, impatient: bool = False) -> Storage:
    """The storage that the settings name, with the credentials of its usual variables.

    `impatient` is for the API, which answers within three seconds whatever happens.
    """
    if settings.storage_url.startswith("az:"):
        _check_azure()
    # Plain http is spoken only where the operator's own endpoint setting asks for it (Azurite).
    client: ClientConfig = {"timeout": "60s", "connect_timeout": "5s", "allow_http": True}
    retry: RetryConfig = {"max_retries": 8}
    if impatient:
        client |= {"timeout": "2s", "connect_timeout": "1s"}
        retry = {"max_retries": 0}
    try:
        if folder := settings.storage_folder:
            durable_files.make_folder(folder)
            # A folder without files is none in the cloud either.
            return Storage(LocalStore(folder, automatic_cleanup=True))
        return Storage(from_url(settings.storage_url, client_options=client, retry_config=retry))
    except (BaseError, ValueError, OSError) as error:
        raise ConfigError(
            f"MEGABATCH_STORAGE_URL cannot be opened: {_why(error, settings)}"
        ) from None


def _why(error: Exception, settings: Settings) -> str:
    if has_secret(settings.storage_url):  # the text repeats it
        return (
            "it holds credentials. Give them by variables of their own, such as "
            "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN."
        )
    return redact(str(error)).partition("\n")[0]
