import contextvars
import functools
import json
import logging
import sys
import threading
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import read_settings
from core.errors import ConfigError
from core.logs import about, bind, log_formatter, set_up_logging, unbind

NASTY = "a\nb\r\x1b[31mred\x1b[0m\u2028\u0085\u009b1m\u202egnp\ud800 \u00fc sig=CANARY"


def record(message: str, *arguments: Any, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("api.jobs", logging.WARNING, "x.py", 1, message, arguments, info)


def raised(text: str) -> Exception:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def line(*arguments: Any, **known: str | int) -> dict[str, Any]:
    text = log_formatter("json", **known).format(record("%s", *arguments or ("x",)))
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_is_one_object() -> None:
    one = record("job %s has %d images", "north", 3)
    one.created = 1_000_000_000.5
    assert json.loads(log_formatter("json", worker="w-1").format(one)) == {
        "time": "2001-09-09T01:46:40.500Z",
        "level": "WARNING",
        "logger": "api.jobs",
        "message": "job north has 3 images",
        "worker": "w-1",
    }


def test_a_traceback_is_part_of_its_line() -> None:
    text = log_formatter("json").format(record("failed", error=raised("broke: ?sig=CANARY")))
    assert text.isascii() and text.isprintable()
    found = json.loads(text)
    assert found["message"] == "failed"
    assert found["traceback"].startswith("Traceback") and "\n" in found["traceback"]
    assert "broke" in found["traceback"] and "CANARY" not in text


def test_the_stack_is_part_of_its_line_where_it_is_asked_for() -> None:
    one = record("here")
    one.stack_info = "Stack:\n  somewhere AccountKey=CANARY"
    assert json.loads(log_formatter("json").format(one))["stack"].endswith("AccountKey=<hidden>")


@pytest.mark.parametrize("log_format", ["json", "text"])
@given(name=st.text() | st.just(NASTY))
def test_no_name_breaks_or_colours_a_line(log_format: Any, name: str) -> None:
    with about(job_id=name):
        text = log_formatter(log_format).format(record("job %s", name))
    assert len(text.splitlines()) == 1
    assert not any(unprintable in text for unprintable in "\x1b\x9b\u202e\u2028")
    text.encode("utf-8")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_is_odd_in_a_name_can_still_be_seen(log_format: Any) -> None:
    text = log_formatter(log_format).format(record("job %s", NASTY))
    assert r"a\nb\r" in text and "[31mred" in text and "CANARY" not in text


def test_a_traceback_takes_several_lines_of_text() -> None:
    text = log_formatter("text").format(record("failed", error=raised("?sig=CANARY")))
    assert len(text.splitlines()) > 3 and "CANARY" not in text


def test_lines_tell_what_they_are_about_while_they_are() -> None:
    with about(request_id="r-1"):
        with about(job_id="j", shard=7):
            assert line().items() >= {"request_id": "r-1", "job_id": "j", "shard": 7}.items()
        assert "job_id" not in line() and line()["request_id"] == "r-1"
        token = bind(request_id="r-2?sig=CANARY")
        assert line(worker="w")["request_id"] == "r-2?sig=<hidden>"
        unbind(token)
        assert line()["request_id"] == "r-1"
    assert "request_id" not in line()


def test_another_thread_is_about_something_else_unless_it_is_told() -> None:
    found: list[dict[str, Any]] = []

    def look() -> None:
        found.append(line())

    with about(job_id="j"):
        told = functools.partial(contextvars.copy_context().run, look)
        for work in (look, told):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    assert ["job_id" in one for one in found] == [False, True]


@pytest.mark.filterwarnings("always:a warning")
def test_logging_is_set_up_once_and_the_talkative_are_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        for _ in range(2):
            set_up_logging("json", worker="w")
        root.handlers[0].stream = sys.stderr  # type: ignore[attr-defined]
        logging.getLogger("azure.core").info("a request")
        logging.getLogger("celery.app.trace").info("a task")
        logging.getLogger("api").info("a line")
        warnings.warn("a warning", stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before
        root.setLevel(level)
    lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert [one["worker"] for one in lines] == ["w", "w"]
    assert lines[0]["message"] == "a line" and "a warning" in lines[1]["message"]


def test_the_format_is_a_setting() -> None:
    environ = {"MEGABATCH_STORAGE_URL": "file:///x"}
    assert read_settings(environ).log_format == "json"
    assert read_settings({**environ, "MEGABATCH_LOG_FORMAT": "text"}).log_format == "text"
    with pytest.raises(ConfigError, match="MEGABATCH_LOG_FORMAT cannot be read: must be json"):
        read_settings({**environ, "MEGABATCH_LOG_FORMAT": "xml"})
