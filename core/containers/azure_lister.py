"""Listing of an Azure container, one page a call, with Azure's own library."""

import time
from typing import cast
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.core.paging import PageIterator
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobProperties, ContainerClient

from core.containers.azure_errors import asked_wait, listing_error, may_pass
from core.containers.azure_session import pinned_session
from core.containers.connections import default_tls, hide_secrets_in_logs, pinned_pool
from core.containers.guard import Guard, locate
from core.containers.listing import PAGE_SIZE
from core.containers.patience import Patience
from core.containers.sas import parse_sas
from core.errors import ContainerError, StorageTrouble

_POINTER = "/container_url"

ListedPage = tuple[list[BlobProperties], str | None]


class AzureLister:
    """Lists one container. Each try looks the host up, checks its addresses and connects anew."""

    def __init__(
        self,
        url: str,
        guard: Guard,
        *,
        patience: Patience | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        """Raises UrlNotAllowed, or ContainerError when the URL does not name a container."""
        hide_secrets_in_logs()
        self._url = url
        self._origin = locate(url).origin
        self._guard = guard
        self._patience = patience or Patience()
        self._page_size = page_size
        self._sas = parse_sas(url)
        check_names_container(url)

    def list_page(self, prefix: str, marker: str | None) -> ListedPage:
        """The blobs of the page at `marker`, and the marker of the next page, or None.

        Raises UrlNotAllowed, ContainerError, AccessRevoked and StorageTrouble.
        """
        give_up = time.monotonic() + self._patience.total_seconds
        tries = 1
        while True:
            try:
                return self._try(prefix, marker)
            except (AzureError, OSError, StorageTrouble) as error:
                wait = self._patience.wait_after(tries, asked_wait(error))
                over = tries >= self._patience.tries or time.monotonic() + wait >= give_up
                if over or not may_pass(error):
                    raise listing_error(error, self._sas, marker) from error
            tries += 1
            time.sleep(wait)

    def _try(self, prefix: str, marker: str | None) -> ListedPage:
        address = self._guard.address_of(self._origin)
        pool = pinned_pool(self._origin, address, self._patience, default_tls())
        session = pinned_session(self._origin, pool)
        transport = RequestsTransport(
            session=session,
            use_env_settings=False,
            connection_timeout=self._patience.connect_seconds,
            read_timeout=self._patience.read_seconds,
        )
        client = ContainerClient.from_container_url(
            self._url, transport=transport, retry_total=0, permit_redirects=False
        )
        with session, client:
            return self._read(client, prefix, marker)

    def _read(self, client: ContainerClient, prefix: str, marker: str | None) -> ListedPage:
        blobs = client.list_blobs(
            name_starts_with=prefix or None,
            # Without metadata, directories of ADLS accounts look like empty files.
            include=["metadata"],
            results_per_page=self._page_size,
        )
        pages = cast("PageIterator[BlobProperties]", blobs.by_page(continuation_token=marker))
        try:
            return list(next(pages)), pages.continuation_token or None
        except (AzureError, OSError):
            raise
        except Exception as error:  # what the library makes of an answer that was cut off
            raise StorageTrouble(
                "The storage's listing cannot be read; try again later."
            ) from error


def check_names_container(url: str) -> None:
    """Raises ContainerError when the path of this URL is not that of a container.

    Azure's own hosts have the container alone in the path; others (emulators, private names) may
    have the account before it.
    """
    parts = urlsplit(url)
    names = [name for name in parts.path.split("/") if name]
    longest = 1 if ".blob." in (parts.hostname or "") else 2
    if not names:
        raise ContainerError(
            "The URL names a storage account without a container: add the container's name.",
            pointer=_POINTER,
        )
    if len(names) > longest:
        raise ContainerError(
            "The URL names something inside a container. Give the container's own URL, and the "
            "folder as `prefix`.",
            pointer=_POINTER,
        )
