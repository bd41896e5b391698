"""How many large answers are sent at a time: slow readers are to leave threads to the others."""

import threading

from flask import Flask, Response, request

from api.errors import answer_megabatch_error
from core.errors import Unavailable

# About what the kernel takes of an answer at once, bytes: what is smaller holds no thread up.
_SMALL = 64 * 1024


class TooManyDownloads(Unavailable):
    """As many files are being sent as may be at a time; try again as late as Retry-After says."""

    code = "too_many_downloads"


def bound_large_answers(app: Flask, most: int) -> None:
    """Refuse those beyond so many at a time. Called last: what changes answers comes before it."""
    free = threading.BoundedSemaphore(most)

    def bound(response: Response) -> Response:
        if request.method == "HEAD" or not _is_large(response):
            return response
        if not free.acquire(blocking=False):
            response.close()
            return answer_megabatch_error(TooManyDownloads())
        response.call_on_close(free.release)
        return response

    app.after_request(bound)


def _is_large(response: Response) -> bool:
    # Packed on the way, nobody knows how long it will be.
    length = response.content_length or response.calculate_content_length()
    return length is None or length > _SMALL
