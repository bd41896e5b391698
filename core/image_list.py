"""The image list: the ordered names a job processes, cut into one file a shard."""

import hashlib
from collections.abc import Sequence

import msgspec


class ListedImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One image of the list: how it is called, and what is needed to read it."""

    #: The name within the container; for a URL list the URL without its secret parameters.
    name: str
    #: Bytes, as the listing told; None where nothing told.
    size: int | None = None
    #: The version that was listed; an image that changed since is a failure, but not in a retry.
    etag: str | None = None
    #: The submitter's text about this image, carried into `meta` of the results.
    meta: str | None = None
    #: The full URL, sealed, where it carries a secret that `name` must not show.
    sealed_url: str | None = None
    #: Its result is taken over from an earlier job, and stands in `kept/` of the job folder.
    kept: bool = False


class ListingPosition(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far listing was when a shard's image list was cut: enough for a new planner to go on."""

    #: Marker that lists the page again in which the last image stands; None for the first page.
    page: str | None
    #: Images in all image lists up to and with this one.
    images: int
    #: Files passed over before that page, by suffix.
    skipped: dict[str, int] = {}


class ImageListHeader(msgspec.Struct, frozen=True):
    """The first line of a shard's image list."""

    count: int
    #: SHA-256, hex, of all lines after the header.
    digest: str
    position: ListingPosition
    #: Images whose results are taken over from an earlier job.
    kept: int = 0


_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(ImageListHeader)
_image_decoder = msgspec.json.Decoder(ListedImage)


def encode_image_list(images: Sequence[ListedImage], position: ListingPosition) -> bytes:
    """The bytes of a shard's image list: a header line, then one line an image."""
    body = b"".join(_encoder.encode(image) + b"\n" for image in images)
    digest = hashlib.sha256(body).hexdigest()
    kept = sum(image.kept for image in images)
    header = ImageListHeader(len(images), digest, position, kept)
    return _encoder.encode(header) + b"\n" + body


def decode_header(data: bytes) -> ImageListHeader:
    return _header_decoder.decode(data[: data.index(b"\n")])


def decode_image_list(data: bytes) -> list[ListedImage]:
    """The images of a shard, in list order. Raises ValueError when the bytes are not whole."""
    head, _, body = data.partition(b"\n")
    header = _header_decoder.decode(head)
    if hashlib.sha256(body).hexdigest() != header.digest:
        raise ValueError("the image list does not match its digest")
    return _image_decoder.decode_lines(body)
