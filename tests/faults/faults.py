"""What can go wrong at a call, and how a run of a job is told to let it.

A boundary is one call of a public method of the job folder or the job store: the only two ways in
which what a worker does leaves its process.
"""

import enum
from pathlib import Path

import msgspec

from core.config import Settings

#: The job of most runs.
JOB = "a" * 32


class Fault(enum.StrEnum):
    """What happens at a boundary."""

    #: Redis or our storage is away: the call does nothing.
    RAISED_BEFORE = "raised before"
    #: The call took effect, its answer was lost, and no message was sent that follows from it.
    RAISED_AFTER = "raised after"
    #: The process dies; another child of the same worker comes.
    KILLED_BEFORE = "killed before"
    #: The process dies, and its worker with it.
    KILLED_AFTER = "killed after"
    #: The call is made twice, as a client does that tries again by itself.
    TWICE = "twice"
    #: Redis is emptied, messages and all.
    WIPED = "wiped"
    #: The process is stopped, and wakes when another has its lease, before that one goes on.
    OVERTAKEN = "overtaken"
    #: The process is stopped, and wakes when the job is over.
    OVERSLEPT = "overslept"


#: What makes a difference at a call that changes nothing.
FOR_READING = (
    Fault.RAISED_BEFORE,
    Fault.KILLED_BEFORE,
    Fault.WIPED,
    Fault.OVERTAKEN,
    Fault.OVERSLEPT,
)


class Strike(msgspec.Struct, frozen=True):
    """One fault at one boundary: the nth call (from 1) of a method."""

    method: str
    nth: int
    fault: Fault


class Run(msgspec.Struct, frozen=True):
    """One job from its submission to its end, with one fault or none."""

    scenario: str
    #: Where the run keeps its storage and its trace.
    folder: Path
    #: The input container.
    pictures: Path
    settings: Settings
    strike: Strike | None = None
    job_id: str = JOB


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A line of a trace."""

    #: Which process of the run, from 0.
    process: int
    method: str
    #: What tells calls of one method apart: the shard or unit, where there is one.
    about: str = ""
    #: What came of it, where a check asks for it.
    outcome: str = ""


#: What stands in a trace beside the calls of methods.
STRUCK, DETECTED = "fault", "detector"


def trace_file(folder: Path) -> Path:
    return folder / "trace"


def read_trace(folder: Path) -> list[Call]:
    return msgspec.json.Decoder(Call).decode_lines(trace_file(folder).read_bytes())


def files_of_job(run: Run) -> list[Path]:
    """All that our storage holds of the job of a run, wherever it lies."""
    found = (run.folder / "storage").rglob("*")
    return sorted(path for path in found if run.job_id in str(path) and path.is_file())
