"""How a listing is cut into shards."""

import pytest

from core.containers.listing import Page
from core.image_list import ListedImage
from workers.shard_cutting import cut, even_size, growing_size, largest_shard


def pages(*sizes: int) -> list[Page]:
    """Pages of so many images, named by their place in the whole listing, each skipping one."""
    made: list[Page] = []
    number = 0
    for page, size in enumerate(sizes):
        images = [ListedImage(f"{number + i:05d}.jpg") for i in range(size)]
        number += size
        made.append(
            Page(
                images=images,
                marker=f"page {page}",
                last=page == len(sizes) - 1,
                skipped={".txt": 1},
            )
        )
    return made


@pytest.mark.parametrize(
    ("images", "workers", "size"),
    [(0, 1, 16), (20, 1, 16), (200, 1, 50), (2000, 2, 250), (100_000, 2, 300), (200, 0, 50)],
)
def test_listing_of_one_page_gives_each_worker_several_shards(
    images: int, workers: int, size: int
) -> None:
    assert even_size(images, workers, cap=300)(0) == size


def test_longer_listing_starts_small_and_doubles() -> None:
    size = growing_size(cap=500)
    assert [size(index) for index in (0, 7, 8, 16, 24, 32, 10_000)] == [
        64, 64, 128, 256, 500, 500, 500,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "images"), [(None, 128), (0.04, 1000), (0.1, 600), (5, 16), (0, 1000)]
)
def test_cap_is_a_minute_of_work(seconds: float | None, images: int) -> None:
    assert largest_shard(seconds) == images


def test_every_image_stands_in_one_shard_in_order() -> None:
    listing = pages(7, 0, 5, 3)
    shards = list(cut(listing, lambda index: 4))
    assert [len(shard.images) for shard in shards] == [4, 4, 4, 3]
    names = [image.name for shard in shards for image in shard.images]
    assert names == [f"{n:05d}.jpg" for n in range(15)]


def test_position_tells_the_page_of_the_last_image_and_what_came_before() -> None:
    shards = list(cut(pages(7, 0, 5), lambda index: 4))
    positions = [shard.position for shard in shards]
    assert [(p.page, p.images) for p in positions] == [("page 0", 4), ("page 2", 8), ("page 2", 12)]
    assert [p.skipped for p in positions] == [{}, {".txt": 2}, {".txt": 2}]


def test_cutting_goes_on_after_a_position() -> None:
    listing = pages(4, 4, 4)
    whole = list(cut(listing, lambda index: 4))
    again = list(cut(listing[1:], lambda index: 4, index=1, after=whole[0].position))
    assert [shard.position.images for shard in again] == [8, 12]


def test_empty_listing_gives_no_shard() -> None:
    assert list(cut(pages(0), lambda index: 4)) == []
