"""Whether two URLs name one container, whatever SAS each carries."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from core.containers.guard import Origin, locate
from core.errors import UrlNotAllowed


def is_same_container(one: str, other: str) -> bool:
    """Compares scheme, host, port and path; of folders their paths. Raises UrlNotAllowed."""
    return _place(one) == _place(other)


def _place(container_url: str) -> tuple[Origin | None, str]:
    if container_url.startswith("/"):
        return None, str(PurePosixPath(container_url))
    try:
        path = unquote(urlsplit(container_url).path)
    except ValueError as error:
        raise UrlNotAllowed("The URL cannot be read: its host or port is malformed.") from error
    if container_url.lower().startswith("file:"):
        return None, str(PurePosixPath(path))
    return locate(container_url).origin, path.rstrip("/")
