"""Cutting a listing into shards: how large they are, and where each one ends. Pure."""

import math
from collections.abc import Callable, Iterable, Iterator

import msgspec

from core.containers.listing import Page
from core.containers.names import add_skipped
from core.image_list import ListedImage, ListingPosition

#: A shard is to take so long on one worker, s: what a crash costs, and what a small job waits.
_SHARD_SECONDS = 60
_LARGEST, _SMALLEST, _FIRST = 1000, 16, 64
#: The cap while the model's rate was not measured yet.
_UNMEASURED = 128
#: A listing that goes on cuts so many shards of one size, then doubles it.
_DOUBLE_AFTER = 8

#: The size, in images, of the shard with that index.
SizeOf = Callable[[int], int]


class CutShard(msgspec.Struct, frozen=True):
    """The images of one shard, and how far listing was at its end."""

    images: list[ListedImage]
    position: ListingPosition


def largest_shard(seconds_an_image: float | None) -> int:
    """The cap on a shard's images, from the model's measured time an image."""
    if seconds_an_image is None:
        return _UNMEASURED
    return max(_SMALLEST, min(_LARGEST, round(_SHARD_SECONDS / max(seconds_an_image, 1e-6))))


def even_size(images: int, workers: int, cap: int) -> SizeOf:
    """For a listing known to its end: every worker gets several shards."""
    size = math.ceil(images / (4 * max(1, workers)))
    size = max(_SMALLEST, min(cap, size))
    return lambda index: size


def growing_size(cap: int) -> SizeOf:
    """For a listing that goes on: small first, so that work starts at once."""
    return lambda index: min(cap, _FIRST * 2 ** min(index // _DOUBLE_AFTER, 10))


def cut(
    pages: Iterable[Page], size_of: SizeOf, index: int = 0, after: ListingPosition | None = None
) -> Iterator[CutShard]:
    """The shards of a listing from shard `index` on, which follows the position `after`."""
    pending: list[ListedImage] = []
    listed = after.images if after else 0
    skipped = dict(after.skipped) if after else {}
    position = after
    for page in pages:
        before = dict(skipped)
        for image in page.images:
            pending.append(image)
            listed += 1
            position = ListingPosition(page.marker, listed, before)
            if len(pending) >= size_of(index):
                yield CutShard(pending, position)
                pending, index = [], index + 1
        add_skipped(skipped, page.skipped)
    if pending and position:
        yield CutShard(pending, position)
