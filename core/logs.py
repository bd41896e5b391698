"""What the service writes to its log: one JSON object a line for programs, or text for people.

What a line is about is bound where that work begins, and then stands in every line that is written
on the way. Names of files and jobs are anybody's: no sign in them can end a line, or colour one.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from core.secrets import RedactingFormatter, redact

LogFormat = Literal["json", "text"]

#: The keys of every JSON line.
ALWAYS = ("time", "level", "logger", "message")
#: What a line may be about; a key is there where it is known.
ABOUT = ("request_id", "job_id", "shard", "worker")

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Control signs of ASCII and Latin-1, what Unicode takes for the end of a line, and what turns the
# direction of writing.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

# Celery tells of every task, the SDK of every request: both too much at a million images.
_TALKATIVE = ("celery.worker.strategy", "celery.app.trace", "azure")

Bound = Mapping[str, str | int]
_bound: ContextVar[Bound] = ContextVar("bound", default=MappingProxyType({}))


def bind(**names: str | int) -> Token[Bound]:
    """Say what the lines of this thread are about from now on; `ABOUT` has the names."""
    return _bound.set({**_bound.get(), **names})


def unbind(token: Token[Bound]) -> None:
    """Back to what it was before the `bind` that gave this token."""
    _bound.reset(token)


@contextmanager
def about(**names: str | int) -> Iterator[None]:
    """Within it, the lines of this thread are about this."""
    token = bind(**names)
    try:
        yield
    finally:
        unbind(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII, without secrets. `known` stands in every line."""

    def __init__(self, known: Bound) -> None:
        super().__init__()
        self._known = known

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            **{name: _safe(value) for name, value in {**self._known, **_bound.get()}.items()},
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redact(record.stack_info)
        return json.dumps(line)


class TextFormatter(RedactingFormatter):
    """A line for people, without secrets; only a traceback takes several."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _UNPRINTABLE.sub(_escaped, super().formatMessage(record))


def log_formatter(log_format: LogFormat, **known: str | int) -> logging.Formatter:
    return JsonFormatter(known) if log_format == "json" else TextFormatter()


def set_up_logging(log_format: LogFormat, **known: str | int) -> None:
    """Write the log of this process to standard error. `known` is what all its lines are about."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_formatter(log_format, **known))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _safe(value: str | int) -> str | int:
    return redact(value) if isinstance(value, str) else value


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
