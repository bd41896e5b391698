"""All odd files together."""

from functools import cache

from tests.odd.base import OddImage
from tests.odd.bombs import headers, stuffed
from tests.odd.damaged import damaged_pictures
from tests.odd.others import other_files
from tests.odd.pictures import whole_pictures


@cache
def odd_images() -> tuple[OddImage, ...]:
    """Each with a name of its own."""
    return (
        *whole_pictures(),
        *other_files(),
        *damaged_pictures(),
        *headers(),
        *stuffed(),
    )
