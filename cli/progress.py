"""Following a job to its end, and what is shown meanwhile and afterwards."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.client import Client
from cli.terminal import printable
from core.errors import Unavailable
from core.jobs import Job, JobStatus

#: Seconds between two looks at a job: the first, and the longest. Each is a little longer.
FIRST_LOOK, LONGEST_LOOK, LONGER = 0.5, 5.0, 1.2
#: Seconds without an answer after which following is given up; jobs outlive short outages.
PATIENCE = 600.0
#: Seconds between two lines where the progress goes to a file.
LINE_EVERY = 10.0

#: What scripts are told about a finished job.
EXIT_FAILED, EXIT_SOME_FAILED, EXIT_CANCELLED = 3, 4, 5

_VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mov", ".mp4", ".mts", ".mpg", ".wmv"})


def follow(
    client: Client,
    job_id: str,
    *,
    pause: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE,
) -> Iterator[Job]:
    """The job, again and again, the last time when it has ended.

    Raises Unavailable when the service has not answered for `patience` seconds, and whatever else
    `Client.job` raises.
    """
    wait, answered = FIRST_LOOK, time.monotonic()
    while True:
        try:
            job = client.job(job_id)
        except Unavailable:
            if time.monotonic() - answered > patience:
                raise
        else:
            answered = time.monotonic()
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
            description=printable(_state(job)),
            completed=job.progress.images_done,
            total=known,
            seen=_counts(job),
        )


class LineDisplay:
    """A line whenever the status changes, and now and then between, for logs.

    How a job ended is left to its summary.
    """

    def __init__(self, console: Console, every: float = LINE_EVERY) -> None:
        """`every` is the least number of seconds between two lines of one status."""
        self._console = console
        self._every = every
        self._last = ""
        self._state = ""
        self._at = 0.0

    def show(self, job: Job) -> None:
        if job.terminal:
            return
        state, line, now = _state(job), f"{_state(job)}: {_counts(job)}", time.monotonic()
        soon = state == self._state and now - self._at < self._every
        if soon or line == self._last:
            return
        self._console.print(printable(line), soft_wrap=True)
        self._state, self._last, self._at = state, line, now


def show_progress(jobs: Iterable[Job], console: Console) -> Job:
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
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    return progress, BarDisplay(progress)


def _state(job: Job) -> str:
    """The status in a few words, with what holds the job up."""
    if job.terminal:
        return job.status.value
    if job.reason:
        return f"{job.status} ({job.reason})"
    if job.waiting_for_workers:
        return f"{job.status} (waiting for a worker that serves {job.model})"
    return job.status.value


def _counts(job: Job) -> str:
    progress = job.progress
    if job.status is JobStatus.QUEUED and not progress.images:
        return "listing images"
    more = "" if progress.listing_over or job.terminal else " so far"
    failed = f", {progress.images_failed:,} failed" if progress.images_failed else ""
    return f"{progress.images_done:,} of {_images(progress.images)}{more}{failed}"


def _images(count: int) -> str:
    return f"{count:,} image" if count == 1 else f"{count:,} images"


def summary(job: Job) -> list[str]:
    """How a job stands, in a few lines: counts, failures by code, files passed over, why."""
    progress = job.progress
    lines = [f"{_state(job)}: {_counts(job)}"]
    if progress.failures:
        lines.append(f"failed images: {_tally(progress.failures)}")
    if progress.duplicates:
        lines.append(f"names listed twice and processed once: {progress.duplicates:,}")
    if progress.skipped:
        named = {suffix or "no suffix": count for suffix, count in progress.skipped.items()}
        lines.append(f"files passed over, which are no images: {_tally(named)}")
    if _VIDEO_SUFFIXES & progress.skipped.keys():
        lines.append("Videos are passed over: a job reads still images only.")
    if job.terminal and job.reason:
        lines.append(f"reason: {job.reason}")
    return [printable(line) for line in lines]


def _tally(counts: dict[str, int]) -> str:
    most_first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {name}" for name, count in most_first)


def exit_code(job: Job) -> int:
    """What a finished job means to a script; 0 for one that still goes on."""
    if job.status is JobStatus.FAILED:
        return EXIT_FAILED
    if job.status is JobStatus.CANCELLED:
        return EXIT_CANCELLED
    if job.status is JobStatus.COMPLETED and job.progress.images_failed:
        return EXIT_SOME_FAILED
    return 0
