"""What the doctor says of one thing, and how an error becomes that."""

import enum
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cli.terminal import told_of
from core.errors import MegaBatchError


class Part(enum.StrEnum):
    """What a service needs, in the order in which it is examined and shown."""

    SETTINGS = "settings"
    BROKER = "broker"
    WORKERS = "workers"
    STORAGE = "storage"
    CLOCK = "clock"
    SPACE = "space"
    MODEL = "model"
    GPU = "gpu"


class Verdict(enum.StrEnum):
    """How something is."""

    OK = "ok"
    #: It works, and may not for long, or not as it should.
    WARNING = "warning"
    #: Something that the service does cannot work so.
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    part: Part
    verdict: Verdict
    #: What was looked at.
    what: str
    #: What was seen there.
    seen: str
    #: What to do; empty where all is well.
    todo: str = ""


#: A look at something, which finds none or several things.
Findings = Iterator[Finding]


def ok(part: Part, what: str, seen: str) -> Finding:
    return Finding(part, Verdict.OK, what, seen)


def warning(part: Part, what: str, seen: str, todo: str) -> Finding:
    return Finding(part, Verdict.WARNING, what, seen.removesuffix("."), todo)


def fault(part: Part, what: str, seen: str, todo: str) -> Finding:
    return Finding(part, Verdict.FAULT, what, seen.removesuffix("."), todo)


def fault_of(part: Part, what: str, error: MegaBatchError) -> Finding:
    """The fault that an error tells of. Behind its first sentence most say what to do."""
    first, _, rest = error.message.partition(". ")
    return fault(part, what, first, rest or "Correct it, and run this again.")


def guarded(part: Part, what: str, look: Callable[..., Findings], *given: Any) -> Findings:
    """What `look` finds when it is given this; an error is one more finding, and ends no others."""
    try:
        yield from look(*given)
    except MegaBatchError as error:
        yield fault_of(part, what, error)
    except OSError as error:
        yield fault(
            part, what, told_of(error), "See that it is there, and that this user may use it."
        )
    except Exception as error:
        # Its text may hold anything, a password too.
        seen = f"cannot be looked at ({type(error).__name__})"
        yield fault(part, what, seen, "This is an error in MegaBatch itself; please report it.")
