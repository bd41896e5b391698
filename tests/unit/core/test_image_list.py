"""Image lists: what is written comes back, and what was damaged does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.image_list import (
    ListedImage,
    ListingPosition,
    decode_header,
    decode_image_list,
    encode_image_list,
)

POSITION = ListingPosition(page=None, images=1)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
images = st.builds(
    ListedImage,
    name=names,
    size=st.none() | st.integers(0, 2**60),
    etag=st.none() | names,
    meta=st.none() | names,
)


@given(st.lists(images))
def test_list_comes_back_as_it_was(listed: list[ListedImage]) -> None:
    data = encode_image_list(listed, POSITION)
    assert decode_image_list(data) == listed
    header = decode_header(data)
    assert (header.count, header.position) == (len(listed), POSITION)
    assert data.count(b"\n") == len(listed) + 1


def test_same_images_give_the_same_bytes() -> None:
    listed = [ListedImage("a.jpg", size=1, etag="e")]
    assert encode_image_list(listed, POSITION) == encode_image_list(listed, POSITION)


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: d + b"\n", lambda d: d[:-9] + d[-8:]]
)
def test_damaged_list_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    data = encode_image_list([ListedImage("abcdefgh.jpg")], POSITION)
    with pytest.raises(ValueError, match="digest"):
        decode_image_list(change(data))
