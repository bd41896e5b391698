"""Following a job to its end, and what is shown meanwhile."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cli.client import Client, ServedJob
from cli.pace import pace
from cli.service import advised
from cli.summary import counts, state
from cli.terminal import messages, printable
from core.errors import LimitReached, Unavailable
from core.jobs import Job, JobStatus

#: Seconds between two looks at a job: the first, and the longest. Each is a little longer.
FIRST_LOOK, LONGEST_LOOK, LONGER = 0.5, 5.0, 1.2
#: Seconds without an answer after which following is given up; jobs outlive short outages.
PATIENCE = 600.0
#: Seconds between two lines where the progress goes to a file.
LINE_EVERY = 10.0

LOST = "The service does not answer; still trying (Ctrl-C to stop)."

_Job = TypeVar("_Job", bound=Job)


def watch(
    client: Client,
    job_id: str,
    *,
    answered: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> ServedJob:
    """Follow a job to its end and show its progress on standard error; see `follow`."""
    console = messages()

    def lost() -> None:
        console.print(LOST, soft_wrap=True)

    jobs = follow(client, job_id, lost=lost, answered=answered, pause=pause)
    return show_progress(_with_advice(jobs, console), console)


def _with_advice(jobs: Iterable[_Job], console: Console) -> Iterator[_Job]:
    """The jobs as they come; each time one is paused, what makes it go on is said."""
    paused = False
    for job in jobs:
        yield job
        if job.status is JobStatus.PAUSED and not paused:
            fresh = advised("container-url", job.id, "-")
            console.print(f"It goes on with a fresh URL of its container: {fresh}.", soft_wrap=True)
        paused = job.status is JobStatus.PAUSED


def follow(
    client: Client,
    job_id: str,
    *,
    lost: Callable[[], None],
    answered: bool = False,
    pause: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE,
) -> Iterator[ServedJob]:
    """The job, again and again, the last time when it has ended.

    Raises Unavailable when the service gives no first answer (unless it has `answered` before),
    or none for `patience` seconds later on; and whatever else `Client.job` raises. `lost` is
    called once whenever answers stop coming.
    """
    wait, silent_since = FIRST_LOOK, None
    while True:
        try:
            job = client.job(job_id)
        except (Unavailable, LimitReached):
            if not answered:
                raise
            if silent_since is None:
                silent_since = time.monotonic()
                lost()
            elif time.monotonic() - silent_since > patience:
                raise
        else:
            answered, silent_since = True, None
            yield job
            if job.terminal:
                return
        pause(wait)
        wait = min(LONGEST_LOOK, wait * LONGER)


class Display(Protocol):
    """Shows a job that goes on."""

    def show(self, job: Job) -> None:
        """Show how far the job is now."""


class BarDisplay:
    """A bar that moves, for people at a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None, seen="")

    def show(self, job: Job) -> None:
        known = job.progress.images if job.progress.images else None
        self._progress.update(
            self._task,
            description=printable(state(job)),
            completed=job.progress.images_done,
            total=known,
            seen=_seen(job),
        )


class LineDisplay:
    """A line whenever the status changes, and now and then between, for logs.

    How a job ended is left to its summary.
    """

    def __init__(
        self,
        console: Console,
        every: float = LINE_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every` is the least number of seconds, by `clock`, between two lines of one status."""
        self._console = console
        self._every = every
        self._clock = clock
        self._last = ""
        self._state = ""
        self._at = 0.0

    def show(self, job: Job) -> None:
        if job.terminal:
            return
        words, now = state(job), self._clock()
        seen = f"{words}: {counts(job)}"
        soon = words == self._state and now - self._at < self._every
        if soon or seen == self._last:
            return
        self._console.print(printable(f"{words}: {_seen(job)}"), soft_wrap=True)
        self._state, self._last, self._at = words, seen, now


def show_progress(jobs: Iterable[_Job], console: Console) -> _Job:
    """Show each view of a job as it comes; the last one is returned.

    `jobs` has at least one, as `follow` promises.
    """
    block, display = _display(console)
    with block:
        for job in jobs:
            display.show(job)
    return job


def _display(console: Console) -> tuple[AbstractContextManager[object], Display]:
    if not console.is_terminal:
        return nullcontext(), LineDisplay(console)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[seen]}", markup=False),
        console=console,
        transient=True,
    )
    return progress, BarDisplay(progress)


def _seen(job: Job) -> str:
    return ", ".join(part for part in (counts(job), pace(job)) if part)
