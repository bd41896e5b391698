"""Which images of a listing are still to be cut."""

from core.containers.listing import Page
from core.image_list import ListedImage
from workers.selection import beyond


def page(*names: str) -> Page:
    return Page(images=[ListedImage(name) for name in names], marker=None, last=False)


def test_image_that_new_ones_pushed_to_the_next_page_is_not_listed_again() -> None:
    standing = {"a", "c"}  # they filled a page of two; then b came
    left = beyond(iter([page("a", "b"), page("c", "d")]), standing)
    assert [[image.name for image in one.images] for one in left] == [["b"], ["d"]]
