"""How pages are answered: rendered here, with nothing from another host and no script."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template

#: Nothing but our own styles, pictures and video; forms that come back here; no frames.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_KILO = 1000


def page(template: str, status: int = 200, **values: Any) -> Response:
    """The rendered template; every value is escaped in it."""
    response = Response(render_template(template, **values), status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def add_filters(blueprint: Blueprint) -> None:
    """What templates write numbers, sizes and times with."""
    for name, filter_ in (("number", number), ("size", size), ("moment", moment)):
        blueprint.add_app_template_filter(filter_, name)


def number(value: int) -> str:
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes in words, such as `12.3 MB`."""
    if count < _KILO:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= _KILO
        if value < _KILO:
            return f"{value:.1f} {unit}"
    return f"{value / _KILO:.1f} TB"


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
