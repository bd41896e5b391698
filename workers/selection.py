"""Which images a job is about, page by page: list, then prefix, then `first_n`, then `sample_n`."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from core.containers.listing import Page
from core.containers.url_list import list_url
from core.errors import InvalidRequest
from core.image_list import ListedImage
from core.jobs import JobRequest, RequestedImage
from core.secrets import Sealer

_PAGE = 5000


def beyond(pages: Iterator[Page], standing: Collection[str]) -> Iterator[Page]:
    """The pages without the images that stand in image lists already.

    By name and not by place, for the container may have changed since they were listed: images
    that are new may have pushed others on to a later page.
    """
    for page in pages:
        yield msgspec.structs.replace(page, images=without(page.images, standing))


class ExplicitList:
    """A submitted list of names or URLs, each taken once."""

    def __init__(self, images: Sequence[RequestedImage], request: JobRequest) -> None:
        """Raises InvalidRequest where an entry cannot be meant as it stands."""
        self._images = images
        self._urls = request.container_url is None
        self._prefix = request.prefix
        self.duplicates = 0
        if self._urls and any("://" not in image.name for image in images):
            raise InvalidRequest(
                "The list holds names, but no container is given: set container_url, or list "
                "full URLs.",
                pointer="/images_url",
            )

    def pages(self, sealer: Sealer, marker: str | None) -> Iterator[Page]:
        """Pages of 5000, in the list's own order. A page's marker is its place in the list."""
        seen: set[str] = set()
        for offset in range(0, max(1, len(self._images)), _PAGE):
            # What stands before the marker is looked at too: it may be named again after it.
            kept = list(self._taken(self._images[offset : offset + _PAGE], seen, sealer))
            if offset >= int(marker or 0):
                last = offset + _PAGE >= len(self._images)
                yield Page(images=kept, marker=str(offset), last=last)

    def _taken(
        self, images: Iterable[RequestedImage], seen: set[str], sealer: Sealer
    ) -> Iterator[ListedImage]:
        for image in images:
            listed = self._listed(image, sealer)
            if not listed.name.startswith(self._prefix):
                continue
            if listed.name in seen:
                self.duplicates += 1
                continue
            seen.add(listed.name)
            yield listed

    def _listed(self, image: RequestedImage, sealer: Sealer) -> ListedImage:
        if self._urls:
            return list_url(image, sealer)
        return ListedImage(image.name, meta=image.meta)


def first(pages: Iterable[Page], count: int) -> Iterator[Page]:
    """The first `count` images, and no page more than they take."""
    for page in pages:
        images = page.images[:count]
        count -= len(images)
        yield Page(
            images=images, marker=page.marker, last=page.last or count == 0, skipped=page.skipped
        )
        if count == 0:
            return


def sample(
    pages: Iterable[Page], count: int, seed: int, on_page: Callable[[], None]
) -> tuple[list[ListedImage], dict[str, int]]:
    """`count` images at random, in list order, and what was skipped. Keeps no more than `count`."""
    chance = random.Random(seed)
    kept: list[tuple[int, ListedImage]] = []
    skipped: dict[str, int] = {}
    seen = 0
    for page in pages:
        for image in page.images:
            place = seen if seen < count else chance.randrange(seen + 1)
            if seen < count:
                kept.append((seen, image))
            elif place < count:
                kept[place] = (seen, image)
            seen += 1
        for suffix, number in page.skipped.items():
            skipped[suffix] = skipped.get(suffix, 0) + number
        on_page()
    return [image for _, image in sorted(kept, key=lambda item: item[0])], skipped


def without(images: Iterable[ListedImage], names: Collection[str]) -> list[ListedImage]:
    return [image for image in images if image.name not in names]
