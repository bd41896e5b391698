"""Looking up what succeeded in an earlier job: by name, size and ETag."""

from collections.abc import Iterator

import pytest

from core.image_list import ListedImage
from core.results.earlier import EarlierResults, Success

A = ListedImage("a.jpg", size=10, etag="e1")


@pytest.fixture
def earlier() -> Iterator[EarlierResults]:
    results = EarlierResults()
    results.add(Success(A, b"line"))
    results.add(Success(ListedImage("untold.jpg", size=10), b"other"))
    yield results
    results.close()


@pytest.mark.parametrize(
    ("image", "same_version", "same_name"),
    [
        (A, True, True),
        (ListedImage("a.jpg", size=10, etag="e1", meta="x", kept=True), True, True),
        (ListedImage("a.jpg", size=11, etag="e1"), False, True),
        (ListedImage("a.jpg", size=10, etag="e2"), False, True),
        (ListedImage("a.jpg", size=10), False, True),
        (ListedImage("a.jpg", etag="e1"), False, True),
        (ListedImage("A.jpg", size=10, etag="e1"), False, False),
    ],
)
def test_name_size_and_etag_must_be_the_same(
    earlier: EarlierResults, image: ListedImage, same_version: bool, same_name: bool
) -> None:
    assert earlier.line_of(image, same_version=True) == (b"line" if same_version else None)
    assert earlier.line_of(image, same_version=False) == (b"line" if same_name else None)


def test_versions_that_nobody_told_are_not_the_same(earlier: EarlierResults) -> None:
    untold = ListedImage("untold.jpg", size=10)
    assert earlier.line_of(untold, same_version=True) is None
    assert earlier.line_of(untold, same_version=False) == b"other"
