"""Asking for one thing in several rounds, before it alone counts as unreadable."""

from collections.abc import Callable

from core.containers.answers import Answer
from core.containers.guard import Location
from core.containers.http_reader import HttpReader
from core.containers.patience import Patience
from core.errors import StorageTrouble

#: Rounds, each with all its tries.
ROUNDS = 3


def _go_on() -> None:
    """Nothing is asked between two rounds."""


def get_in_rounds(
    reader: HttpReader,
    location: Location,
    *,
    etag: str | None,
    patience: Patience,
    between: Callable[[], None] = _go_on,
) -> Answer | None:
    """The answer; None where the storage answers, but does not give this.

    A storage that comes and goes may answer between two troubles, so it is asked again right after
    `between` found that it does; that raises StorageTrouble where it is not this alone.
    """
    for each in (patience, *[patience.once_more()] * (ROUNDS - 1)):
        try:
            return reader.get(location, etag=etag, patience=each)
        except StorageTrouble:
            between()
    return None
