"""Which images a job is about, page by page: list, then prefix, then `first_n`, then `sample_n`."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from core.containers.listing import Container, Page
from core.containers.url_list import list_url
from core.errors import InvalidRequest
from core.image_list import ListedImage, ListingPosition
from core.jobs import JobRequest, RequestedImage
from core.secrets import Sealer

_PAGE = 5000


def container_pages(
    container: Container, prefix: str, after: ListingPosition | None
) -> Iterator[Page]:
    """The container's pages, from the image on that follows `after`."""
    if after is None:
        return container.pages(prefix)
    return _beyond(container.pages(prefix, after.page), after.last)


def _beyond(pages: Iterator[Page], last: str) -> Iterator[Page]:
    """The pages without the images up to `last`, which stands on the first of them."""
    first = next(pages, None)
    if first is None:
        return
    names = [image.name for image in first.images]
    # Should that very image have been deleted since, those that sort after it are still to do.
    start = names.index(last) + 1 if last in names else sum(name <= last for name in names)
    yield Page(
        images=first.images[start:], marker=first.marker, last=first.last, skipped=first.skipped
    )
    yield from pages


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

    def pages(self, sealer: Sealer, after: ListingPosition | None) -> Iterator[Page]:
        """Pages of 5000, in the list's own order. A page's marker is its place in the list."""
        seen: set[str] = set()
        start = int(after.page or 0) if after else 0
        skip = after is not None
        for offset in range(0, max(1, len(self._images)), _PAGE):
            kept = list(self._taken(self._images[offset : offset + _PAGE], seen, sealer))
            if offset < start:
                continue
            if skip and after:
                names = [image.name for image in kept]
                kept, skip = kept[names.index(after.last) + 1 :], False
            yield Page(images=kept, marker=str(offset), last=offset + _PAGE >= len(self._images))

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
