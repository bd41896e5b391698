"""No part stops another, or lasts for ever."""

import threading

import pytest

from cli.doctor import examination
from cli.doctor.case import Case
from cli.doctor.examination import examined
from cli.doctor.finding import Findings, Part, ok
from core.config import Settings
from core.errors import Unavailable

CASE = Case(settings=Settings())


def well(part: Part) -> examination.Examine:
    return lambda _case: iter([ok(part, "it", "is well")])


def hanging(_case: Case) -> Findings:
    yield ok(Part.WORKERS, "it", "is well")
    threading.Event().wait(600)


def failing(_case: Case) -> Findings:
    yield ok(Part.CLOCK, "it", "is well")
    raise Unavailable("It is away. Bring it back.")


def crashing(_case: Case) -> Findings:
    raise RuntimeError("canary")
    yield


def unreadable(_case: Case) -> Findings:
    raise PermissionError(13, "Permission denied", "/secret/place")
    yield


def test_what_is_wrong_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (
        (Part.SETTINGS, 30, crashing),
        (Part.BROKER, 30, failing),
        (Part.WORKERS, 0.2, hanging),
        (Part.SPACE, 30, unreadable),
        (Part.MODEL, 30, well(Part.MODEL)),
    )
    monkeypatch.setattr(examination, "PARTS", parts)
    begun: list[Part] = []
    found = examined(CASE, begun.append)
    assert begun == [part for part, *_ in parts]
    assert [(one.part, str(one.verdict), one.seen) for one in found] == [
        ("settings", "fault", "cannot be looked at (RuntimeError)"),
        ("broker", "fault", "It is away"),
        ("workers", "ok", "is well"),
        ("workers", "fault", "did not end within 0.2 s"),
        ("clock", "ok", "is well"),
        ("space", "fault", "Permission denied: /secret/place"),
        ("model", "ok", "is well"),
    ]
    assert found[1].todo == "Bring it back." and all(
        one.todo for one in found if one.verdict != "ok"
    )


def test_every_part_but_the_clocks_is_examined_for_itself() -> None:
    assert [part for part, *_ in examination.PARTS] == [
        part for part in Part if part is not Part.CLOCK
    ]
