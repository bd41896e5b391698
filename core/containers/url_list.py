"""Images given as URLs of their own, with no container."""

from collections.abc import Iterator
from typing import Protocol

from core.containers.guard import Guard, locate
from core.containers.http_reader import HttpReader
from core.containers.listing import Page
from core.containers.patience import Patience
from core.containers.rounds import get_in_rounds
from core.containers.streak import FailureStreak
from core.errors import ContainerError, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import RequestedImage
from core.secrets import has_secret, without_secrets


class Seals(Protocol):
    """What hides URLs in image lists: a service's `Sealer`, or what keeps them in memory alone."""

    def seal(self, text: str) -> str: ...

    def open(self, token: str) -> str: ...


def list_url(requested: RequestedImage, sealer: Seals) -> ListedImage:
    """The entry of an image list for one URL: its secrets are sealed, and left out of its name."""
    url = requested.name
    return ListedImage(
        without_secrets(url),
        meta=requested.meta,
        sealed_url=sealer.seal(url) if has_secret(url) else None,
    )


class UrlList:
    """Reads images by their URLs; there is nothing to list."""

    def __init__(self, guard: Guard, sealer: Seals, *, patience: Patience | None = None) -> None:
        self._sealer = sealer
        self._patience = patience or Patience()
        self._reader = HttpReader(guard, patience=patience)
        self._streak = FailureStreak()

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        """Raises ContainerError: the submitter's list is all there is."""
        raise ContainerError(
            "Single URLs cannot be listed: give `images`, `images_url` or `container_url`.",
            pointer="/container_url",
        )

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        """See `Container.read`. A refusal concerns one URL, for each has a SAS of its own."""
        url = self._sealer.open(image.sealed_url) if image.sealed_url else image.name
        try:
            answer = get_in_rounds(
                self._reader, locate(url), etag=image.etag, patience=self._patience
            )
        except UrlNotAllowed:
            return ImageFailure(FailureCode.URL_NOT_ALLOWED)
        except ContainerError:  # no such host; a resolver in trouble says something else
            return ImageFailure(FailureCode.NOT_FOUND)
        if answer is None:
            self._streak.failed("Several URLs, one after the other, cannot be read.")
            return ImageFailure(FailureCode.UNREADABLE)
        self._streak.succeeded()
        return answer.image()

    def close(self) -> None:
        """See `Container.close`."""
        self._reader.close()
