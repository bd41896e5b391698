"""Links, as the service tells of them."""

from datetime import datetime

import msgspec


class ServedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to a job, as the service tells of it."""

    id: str
    gives: list[str]
    created_at: datetime
    expires_at: datetime


class MadeLink(ServedLink, frozen=True, kw_only=True):
    """A link that was just made. Its URLs are secrets."""

    urls: dict[str, str]


class ServedLinks(msgspec.Struct, frozen=True):
    """The links of a job, oldest first."""

    data: list[ServedLink]
