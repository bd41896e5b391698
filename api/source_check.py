"""What is checked of a job's images before it is accepted: cheap, and bounded in time."""

from collections.abc import Sequence
from datetime import datetime

from api.problems import UrlsExpired
from core.config import Settings
from core.containers.guard import Guard, Origin, locate
from core.containers.opening import check_container, within
from core.containers.same import is_same_container
from core.containers.sas import check_read_sas, parse_sas
from core.errors import ContainerError, InvalidRequest, UrlNotAllowed
from core.jobs import JobRequest, utc_now

# The whole answer is promised within 3 s, and there is a little more to do than this.
_SECONDS = 2.5
# Looking a host up can take long; what is left out here is checked when the image is read.
_MOST_HOSTS = 10


def check_source(request: JobRequest, settings: Settings) -> None:
    """Raises InvalidRequest that says what to correct, or StorageTrouble after 2.5 s at most."""
    within(_SECONDS, lambda: _check(request, settings))


def check_same_container(before: str, url: str) -> None:
    """Raises InvalidRequest unless `url` names the container that a job has, `before`, without
    its secrets.
    """
    try:
        same = is_same_container(before, url)
    except InvalidRequest as error:
        error.pointer = "/container_url"
        raise
    if not same:
        raise InvalidRequest(
            f"This is not the container of this job, which is {before}. Give a fresh URL of "
            "that one; for another container submit another job.",
            pointer="/container_url",
            code="other_container",
        )


def check_urls_last(request: JobRequest) -> None:
    """Raises UrlsExpired where no image of a list of URLs could be read any more."""
    if request.images is None or request.container_url is not None:
        return
    now = utc_now()
    if all(_has_expired(image.name, now) for image in request.images):
        raise UrlsExpired()


def _has_expired(url: str, now: datetime) -> bool:
    sas = parse_sas(url)
    return sas.signed and sas.expired(now)


def _check(request: JobRequest, settings: Settings) -> None:
    guard = Guard(settings)
    if request.images_url is not None:
        _check_urls(guard, [("/images_url", request.images_url)])
    if request.container_url is not None:
        check_container(request.container_url, settings)
    elif request.images is not None:
        urls = [(f"/images/{index}", image.name) for index, image in enumerate(request.images)]
        _check_urls(guard, urls)


def _check_urls(guard: Guard, urls: Sequence[tuple[str, str]]) -> None:
    """Raises what is wrong with one of these URLs, or its SAS, with the pointer of its field."""
    first: dict[Origin, str] = {}
    pointer, now = "", utc_now()
    try:
        for pointer, url in urls:
            first.setdefault(locate(url).origin, pointer)
            check_read_sas(url, now)
        for origin in list(first)[:_MOST_HOSTS]:
            pointer = first[origin]
            guard.address_of(origin)
    except (UrlNotAllowed, ContainerError) as error:
        error.pointer = pointer
        raise
