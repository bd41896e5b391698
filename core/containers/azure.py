"""Images in an Azure blob container."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit, urlunsplit

from azure.storage.blob import BlobProperties

from core.containers.answers import Answer
from core.containers.azure_errors import CONTAINER_GONE, NEEDS_FRESH_URL
from core.containers.azure_lister import AzureLister
from core.containers.guard import Guard, Location, locate
from core.containers.http_reader import HttpReader
from core.containers.listing import MAX_IMAGE_BYTES, PAGE_SIZE, Page
from core.containers.names import is_image_name, is_system_name, suffix_of
from core.containers.patience import QUICK, Patience
from core.containers.rounds import get_in_rounds
from core.containers.sas import parse_sas
from core.containers.streak import FailureStreak
from core.errors import AccessRevoked, InvalidRequest, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage

# Codes of a refusal that concerns the whole container. Source: Microsoft Learn, "Common REST API
# error codes".
_SAS_REFUSED = frozenset({"AuthenticationFailed", "AuthorizationPermissionMismatch"})
_REFUSED = frozenset({401, 403})
# Codes for whoever comes without a SAS to a container that is no longer public.
_NOT_PUBLIC = frozenset({"ResourceNotFound", "PublicAccessNotPermitted"})


class AzureContainer:
    """A container by its SAS URL, or a public one by its plain URL.

    Listed by Azure's own library, and read by plain GETs. The marker of a page is Azure's own.
    """

    def __init__(
        self,
        url: str,
        guard: Guard,
        *,
        patience: Patience | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        """Raises UrlNotAllowed, or ContainerError when the URL does not name a container."""
        self._lister = AzureLister(url, guard, patience=patience, page_size=page_size)
        self._probe = AzureLister(url, guard, patience=QUICK, page_size=1)
        self._base = locate(container_root(url))
        self._sas = parse_sas(url)
        self._patience = patience or Patience()
        self._reader = HttpReader(guard, patience=patience)
        self._streak = FailureStreak()

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        """See `Container.pages`."""
        while True:
            blobs, following = self._lister.list_page(prefix, marker)
            yield sort_page(blobs, marker, last=following is None)
            if following is None:
                return
            marker = following

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        """See `Container.read`."""
        if image.size is not None and image.size > MAX_IMAGE_BYTES:
            return ImageFailure(FailureCode.FILE_TOO_LARGE)
        try:
            location = self._location_of(image.name)
        except ValueError:
            return ImageFailure(FailureCode.NOT_FOUND)
        try:
            answer = self._get(location, image.etag)
        except InvalidRequest as error:  # its host is gone, or may no longer be reached
            raise StorageTrouble(error.message) from error
        if answer is None:
            self._streak.failed("The storage lists its images, but gives none of several.")
            return ImageFailure(FailureCode.UNREADABLE)
        self._streak.succeeded()
        self._check_access(answer)
        return answer.image()

    def _get(self, location: Location, etag: str | None) -> Answer | None:
        return get_in_rounds(
            self._reader, location, etag=etag, patience=self._patience, between=self._look
        )

    def _look(self) -> None:
        """Raises what keeps the whole container from being read."""
        self._probe.list_page("", None)

    def close(self) -> None:
        """See `Container.close`."""
        self._reader.close()

    def _location_of(self, name: str) -> Location:
        path, _, sas = self._base.target.partition("?")
        return Location(self._base.origin, f"{path}/{quoted_name(name)}" + (sas and f"?{sas}"))

    def _check_access(self, answer: Answer) -> None:
        """Raises AccessRevoked when this refusal concerns more than one image.

        Raises StorageTrouble when that cannot be told.
        """
        if answer.code in CONTAINER_GONE:
            raise AccessRevoked("The container is no longer there.")
        if answer.status not in _REFUSED and answer.code not in _NOT_PUBLIC:
            return
        if answer.code in _SAS_REFUSED or self._sas.expired(datetime.now(UTC)):
            raise AccessRevoked
        try:
            self._probe.list_page("", None)
        except InvalidRequest as error:
            refused = error.code in NEEDS_FRESH_URL
            raise (AccessRevoked if refused else StorageTrouble)(error.message) from error


def quoted_name(name: str) -> str:
    """A blob name as it stands in a URL's path: all but letters, digits, `_.-~` and `/` quoted.

    Raises ValueError for a name that is no text, and so no blob's.
    """
    return quote(name, safe="/")


def container_root(url: str) -> str:
    """The URL without the slashes at its path's end, to which `/` and a blob's name are added."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def sort_page(blobs: Iterable[BlobProperties], marker: str | None, *, last: bool) -> Page:
    """The page that these blobs make: images in their order, and the others counted by suffix."""
    images: list[ListedImage] = []
    skipped: Counter[str] = Counter()
    for blob in blobs:
        if is_system_name(blob.name) or _is_folder(blob):
            continue
        if is_image_name(blob.name):
            images.append(ListedImage(blob.name, size=blob.size, etag=blob.etag))
        else:
            skipped[suffix_of(blob.name)] += 1
    return Page(images=images, marker=marker, last=last, skipped=dict(skipped))


def _is_folder(blob: BlobProperties) -> bool:
    """Whether this is how an account with directories (ADLS Gen2) lists a directory.

    Source: Microsoft Learn, "Known issues with Azure Data Lake Storage", List Blobs.
    """
    metadata = blob.metadata or {}
    return any(key.lower() == "hdi_isfolder" and metadata[key] == "true" for key in metadata)
