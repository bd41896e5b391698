"""What every answer carries: a request id, and headers that keep browsers careful."""

import logging
import re
import uuid

from flask import Flask, Response, g, request

from api.problems import PreconditionFailed
from core.logs import bind, unbind
from core.secrets import redact

logger = logging.getLogger(__name__)

_HEADER = "X-Request-Id"
_JOB_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def check_if_match(*etags: str) -> None:
    """Raises PreconditionFailed where the request wants another thing than one of these."""
    wanted = request.if_match
    if wanted and not wanted.star_tag and not any(wanted.is_strong(etag) for etag in etags):
        raise PreconditionFailed()


def add_headers(app: Flask) -> None:
    app.before_request(_name_request)
    app.after_request(_add_headers)
    app.teardown_request(_forget_request)


def _name_request() -> None:
    """The caller's id is taken where it is harmless in a log, so that both sides can compare."""
    given = request.headers.get(_HEADER, "")
    g.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
    job_id = (request.view_args or {}).get("job_id", "")
    g.bound = bind(
        request_id=g.request_id, **({"job_id": job_id} if _JOB_ID.fullmatch(job_id) else {})
    )


def _forget_request(_error: BaseException | None) -> None:
    # Flask may say more than once that a request is over.
    token = g.pop("bound", None)
    if token is not None:
        unbind(token)


def _add_headers(response: Response) -> Response:
    headers = response.headers
    # Asking the headers for each name would cost more: they are a list.
    present = {name.title() for name, _ in headers}
    for name, value in _SECURITY.items():
        if name not in present:
            headers.add(name, value)
    headers.add(_HEADER, g.request_id)
    # The path alone: a query may hold what is nobody's business.
    path = redact(repr(request.path))
    # Probes come every few seconds.
    level = logging.DEBUG if request.blueprint == "health" else logging.INFO
    logger.log(
        level, "%s %s %d, request %s", request.method, path, response.status_code, g.request_id
    )
    return response
