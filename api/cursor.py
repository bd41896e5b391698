"""Opaque cursors: where the next page of a list starts."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

from api.problems import InvalidCursor
from core.job_view import milliseconds
from core.jobs import Job

_LAST_MOMENT = milliseconds(datetime(9999, 1, 1, tzinfo=UTC))


def encode_cursor(moment: datetime) -> str:
    return base64.urlsafe_b64encode(b"t%d" % milliseconds(moment)).decode().rstrip("=")


def decode_cursor(cursor: str) -> datetime:
    """The time of the last job on the page before. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, b"-_", validate=True).decode("ascii")
        count = int(text.removeprefix("t"))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor() from error
    if not 0 <= count <= _LAST_MOMENT:
        raise InvalidCursor()
    moment = datetime.fromtimestamp(count / 1000, UTC)
    if encode_cursor(moment) != cursor:
        raise InvalidCursor()
    return moment


def cut_page(jobs: Sequence[Job], limit: int) -> tuple[Sequence[Job], str | None]:
    """A page of at most `limit` jobs, and the cursor of the next one.

    `jobs` holds one more than the page where there are more. Cursors are times, so jobs of one
    millisecond stay together on a page wherever a page can hold them.
    """
    if len(jobs) <= limit:
        return jobs, None
    page = [job for job in jobs[:limit] if job.created_at > jobs[limit].created_at] or jobs[:limit]
    return page, encode_cursor(page[-1].created_at)
