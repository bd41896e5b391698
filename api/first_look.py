"""A first look into the container of a job: one page of its images, and one image read."""

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from core.config import Settings
from core.containers.guard import Guard
from core.containers.image_list_source import fetch_image_list, refuse_bare_names
from core.containers.listing import PAGE_SIZE, Container
from core.containers.opening import open_container, within
from core.containers.patience import QUICK
from core.containers.url_list import list_url
from core.errors import AccessRevoked, InvalidRequest, MegaBatchError, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import JobRequest, RequestedImage
from core.picture_formats import format_of, is_known_but_not_read
from core.sealing import Sealer

#: A list at an `images_url` is only looked at up to so many bytes: some seventy thousand names.
_MAX_LIST_BYTES = 8_000_000
_MOST_LOOKED_AT = PAGE_SIZE
#: An image that is read here should have no more bytes than this, where there is a choice.
_SMALL = 20_000_000
#: So many images are tried before none can be read.
_TRIES = 3


class Read(msgspec.Struct, frozen=True):
    """An image that was read, by its content."""

    name: str
    #: `jpeg`, `png`, `gif`, `tiff`, `bmp` or `webp`.
    format: str
    bytes: int


class FirstLook(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen; None means that it is not known."""

    #: None where there is nothing to list, or where it took too long.
    can_list: bool | None = None
    #: The images of the first page that the job would take, and how many there are at least.
    first: Sequence[ListedImage] = ()
    images: int | None = None
    all_seen: bool = False
    skipped: dict[str, int] = {}
    can_read: bool | None = None
    read: Read | None = None
    #: Codes and texts about what went wrong.
    troubles: tuple[tuple[str, str], ...] = ()


def look(request: JobRequest, settings: Settings, left: Callable[[], float]) -> FirstLook:
    """Look for as many seconds as are `left`."""
    sealer = Sealer(settings.secret_keys)
    container = open_container(request.container_url, settings, sealer, patience=QUICK)
    try:
        seen = _listed(left(), lambda: _list(request, container, settings, sealer))
        return _with_read(seen, container, left())
    finally:
        container.close()


def _listed(seconds: float, work: Callable[[], FirstLook]) -> FirstLook:
    try:
        return within(seconds, work)
    except StorageTrouble:
        text = "The first page of images could not be listed within three seconds."
        return FirstLook(troubles=(("listing_slow", text),))
    except (InvalidRequest, AccessRevoked) as error:
        return FirstLook(can_list=False, troubles=(_trouble(error),))


def _list(
    request: JobRequest, container: Container, settings: Settings, sealer: Sealer
) -> FirstLook:
    if request.images_url:
        listed = fetch_image_list(
            request.images_url, Guard(settings), patience=QUICK, max_bytes=_MAX_LIST_BYTES
        )
        return _of_list(request, listed, sealer)
    if request.images is not None:
        return _of_list(request, request.images, sealer)
    page = next(container.pages(request.prefix))
    return _narrowed(
        request,
        FirstLook(
            can_list=True,
            first=page.images,
            images=len(page.images),
            all_seen=page.last,
            skipped=page.skipped,
        ),
    )


def _of_list(request: JobRequest, listed: Sequence[RequestedImage], sealer: Sealer) -> FirstLook:
    by_urls = request.container_url is None
    if by_urls:
        refuse_bare_names(listed)
    taken = {image.name: image for image in listed if image.name.startswith(request.prefix)}
    first = [
        list_url(image, sealer) if by_urls else ListedImage(image.name)
        for image in islice(taken.values(), _MOST_LOOKED_AT)
    ]
    return _narrowed(request, FirstLook(first=first, images=len(taken), all_seen=True))


def _narrowed(request: JobRequest, seen: FirstLook) -> FirstLook:
    """What `first_n` and `sample_n` leave of it."""
    images, first, all_seen = seen.images or 0, seen.first, seen.all_seen
    if request.first_n is not None and images >= request.first_n:
        images, first, all_seen = request.first_n, first[: request.first_n], True
    if request.sample_n is not None and images >= request.sample_n:
        images, all_seen = request.sample_n, True
    return msgspec.structs.replace(seen, images=images, first=first, all_seen=all_seen)


def _with_read(seen: FirstLook, container: Container, seconds: float) -> FirstLook:
    if not seen.first:
        return seen
    try:
        found = within(seconds, lambda: _read_one(container, seen.first))
    except StorageTrouble:
        trouble = ("reading_slow", "No image could be read within three seconds.")
        return msgspec.structs.replace(seen, troubles=(*seen.troubles, trouble))
    except (InvalidRequest, AccessRevoked) as error:
        found = _trouble(error)
    if isinstance(found, Read):
        return msgspec.structs.replace(seen, can_read=True, read=found)
    return msgspec.structs.replace(seen, can_read=False, troubles=(*seen.troubles, found))


def _read_one(container: Container, images: Sequence[ListedImage]) -> Read | tuple[str, str]:
    """The first of some images that is one; else what is wrong with the last that was tried."""
    small = [image for image in images if (image.size or 0) <= _SMALL] or images
    trouble = ("", "")
    for image in small[:_TRIES]:
        found = _read(container, image)
        if isinstance(found, Read):
            return found
        text = f"{image.name!r} cannot be read as an image: {found.code}."
        trouble = (found.code.value, text)
    return trouble


def _read(container: Container, image: ListedImage) -> Read | ImageFailure:
    data = container.read(image)
    if isinstance(data, ImageFailure):
        return data
    found = format_of(data)
    if found:
        return Read(image.name, found, len(data))
    if is_known_but_not_read(data):
        return ImageFailure(FailureCode.UNSUPPORTED_FORMAT)
    return ImageFailure(FailureCode.NOT_AN_IMAGE if data else FailureCode.EMPTY_FILE)


def _trouble(error: MegaBatchError) -> tuple[str, str]:
    return error.code, error.message
