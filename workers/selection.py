"""Which images a job is about, page by page: list, then prefix, then `first_n`, then `sample_n`."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from core.containers.image_list_source import refuse_bare_names
from core.containers.listing import Page
from core.containers.names import add_skipped, is_image_name, suffix_of
from core.containers.url_list import list_url
from core.errors import InvalidRequest, StorageTrouble
from core.image_list import ListedImage
from core.jobs import JobRequest, RequestedImage
from core.sealing import Sealer

_PAGE = 5000


def beyond(pages: Iterator[Page], standing: Collection[str]) -> Iterator[Page]:
    """The pages without the images that stand in image lists already.

    By name and not by place, for the container may have changed since they were listed: images
    that are new may have pushed others on to a later page. The first page is the one on which the
    last of them were listed. Raises StorageTrouble when it has none of them: a folder whose disk is
    gone must not end the list.
    """
    for number, page in enumerate(pages):
        if number == 0:
            check_still_there(page.images, standing)
        yield msgspec.structs.replace(page, images=without(page.images, standing))


class ExplicitList:
    """A submitted list of names or URLs, each taken once."""

    def __init__(self, images: Sequence[RequestedImage], request: JobRequest) -> None:
        """Raises InvalidRequest where an entry cannot be meant as it stands."""
        self._images = images
        self._urls = request.container_url is None
        self._prefix = request.prefix
        self.duplicates = 0
        if self._urls:
            refuse_bare_names(images)

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


def images_alone(pages: Iterator[Page]) -> Iterator[Page]:
    """The pages of a list without what a listing passes over, which is counted by its suffix.

    So the API of 2019 took lists; ours takes whatever somebody names.
    """
    for page in pages:
        names = {image: _path_of(image.name) for image in page.images}
        skipped = Counter(suffix_of(name) for name in names.values() if not is_image_name(name))
        images = [image for image in page.images if is_image_name(names[image])]
        yield msgspec.structs.replace(page, images=images, skipped=dict(skipped))


def _path_of(name: str) -> str:
    return urlsplit(name).path if "://" in name else name


def refuse_small(images: int, wanted: int) -> None:
    """The rule of 2019: a sample larger than what there is fails. Raises InvalidRequest."""
    if images < wanted:
        raise InvalidRequest(
            f"sample_n is {wanted}, but there are only {images} images.", code="sample_too_large"
        )


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
        add_skipped(skipped, page.skipped)
        on_page()
    return [image for _, image in sorted(kept, key=lambda item: item[0])], skipped


def check_still_there(images: Iterable[ListedImage], standing: Collection[str]) -> None:
    """Raises StorageTrouble when nothing of what was listed before is among these images."""
    if standing and not any(image.name in standing for image in images):
        raise StorageTrouble(
            "Nothing of what was listed before is there any more. Is this still the same "
            "container, and the disk of a folder mounted?"
        )


def without(images: Iterable[ListedImage], names: Collection[str]) -> list[ListedImage]:
    return [image for image in images if image.name not in names]
