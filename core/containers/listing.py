"""What a container is to the rest of the code: pages of images to list, bytes to read."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage

#: Suffixes that a listing takes, in any case.
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".bmp", ".webp"})

#: Videos, which a listing passes over like other files; people are told of them.
VIDEO_SUFFIXES = frozenset(
    [
        *(".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".wmv"),
    ]
)

#: Images a page: what Azure gives in one answer at most.
PAGE_SIZE = 5000

#: The largest file that is read, bytes. A camera trap's picture has two to ten million.
MAX_IMAGE_BYTES = 100_000_000


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing, in the container's own fixed order."""

    images: list[ListedImage]
    #: The marker that lists this page again; None for the first.
    marker: str | None
    #: Whether this is the last page.
    last: bool
    #: Files of this page that were passed over, by lower-case suffix ("" where there is none).
    skipped: dict[str, int] = {}


class Container(Protocol):
    """Where images are. Safe to use from several threads at once."""

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        """The images whose names start with `prefix`, page by page, from the page of `marker` on.

        Raises ContainerError (cannot be listed as given: says what to do), UrlNotAllowed (its host
        may not be reached), AccessRevoked (the SAS stopped being accepted) or StorageTrouble (no
        answer after several tries).
        """

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        """The image's bytes, or why they cannot be had.

        Raises AccessRevoked or StorageTrouble when no image of the container can be read.
        """

    def close(self) -> None:
        """Give connections back."""
