"""Shows a local run as it goes: a bar, lines for a log, or JSON for a program that drives it."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cli import local_words
from cli.pace import duration
from cli.terminal import messages, printable, say, say_warning
from core.results.format import decode_image
from detection.local.estimate import SAMPLE, Estimate, Pace, estimate
from detection.local.journal import Plan
from detection.local.merging import Merged

#: Seconds between two lines where the progress goes to a file, and between two JSON events.
LINE_EVERY, EVENT_EVERY = 30.0, 1.0


class Standing(msgspec.Struct, kw_only=True):
    """How far a run is."""

    images: int = 0
    done: int = 0
    failed: int = 0
    images_per_second: float | None = None

    @property
    def seconds_left(self) -> int | None:
        rate = self.images_per_second
        return round((self.images - self.done) / rate) if rate else None

    def text(self, noun: str) -> str:
        """Such as `12 of 40 images, 1 failed, 3.2 images/s, 9 s left`."""
        parts = [f"{self.done:,} of {local_words.counted(self.images, noun)}"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.images_per_second and self.seconds_left is not None:
            parts.append(local_words.rate(self.images_per_second, noun))
            if self.done < self.images:
                parts.append(f"{duration(self.seconds_left)} left")
        return ", ".join(parts)


class Display(Protocol):
    """Where a run is shown."""

    def planned(self, plan: Plan, standing: Standing) -> None: ...
    def estimated(self, estimate: Estimate, left: int) -> None: ...
    def moved(self, standing: Standing) -> None: ...
    def close(self) -> None: ...


class LocalWatcher:
    """Counts what a run tells, and has it shown. See `Watcher` of detection/local/run.py."""

    def __init__(
        self,
        display: Display,
        room: Callable[[], tuple[int, int]],
        each: Callable[[bytes], None] | None = None,
    ) -> None:
        """`room`: bytes of all pictures there are, and bytes that are free. `each`: every line."""
        self._display, self._room, self._each = display, room, each
        self._pace, self._lines = Pace(), list[int]()
        self._drawn_before = 0
        self.standing = Standing()

    def planned(self, plan: Plan, done: int) -> None:
        self._drawn_before, _ = self._room()
        self.standing = Standing(images=plan.images, done=done)
        self._display.planned(plan, self.standing)

    def finished(self, line: bytes) -> None:
        self._pace.count(time.monotonic())
        self.standing.done += 1
        self.standing.failed += b'"failure":' in line and decode_image(line).failure is not None
        self.standing.images_per_second = self._pace.rate()
        if self._each:
            self._each(line)
        self._estimate(line)
        self._display.moved(self.standing)

    def _estimate(self, line: bytes) -> None:
        if len(self._lines) >= SAMPLE:
            return
        self._lines.append(len(line) + 2)
        rate = self.standing.images_per_second
        if len(self._lines) == SAMPLE and rate and self.standing.done < self.standing.images:
            left = self.standing.images - self.standing.done
            drawn, free = self._room()
            told = estimate(self._lines, rate, left, drawn - self._drawn_before, free)
            self._display.estimated(told, left)


class NoDisplay:
    """Shows nothing of how it goes."""

    def planned(self, plan: Plan, standing: Standing) -> None:
        """See `Display`."""

    def estimated(self, estimate: Estimate, left: int) -> None:
        """See `Display`."""

    def moved(self, standing: Standing) -> None:
        """See `Display`."""

    def close(self) -> None:
        """See `Display`."""


class _Words(NoDisplay):
    """Says in words what there is to do, and what it will take."""

    def __init__(self, noun: str) -> None:
        self._noun = noun

    def planned(self, plan: Plan, standing: Standing) -> None:
        for line in local_words.listed(plan, standing.done, self._noun):
            say(line)

    def estimated(self, estimate: Estimate, left: int) -> None:
        say(local_words.expected(estimate, left, self._noun))
        if estimate.needed_bytes > estimate.free_bytes:
            say_warning("the disk may become full. The run can then go on once there is room.")


class BarDisplay(_Words):
    """A bar that moves, for people at a terminal."""

    def __init__(self, console: Console, noun: str) -> None:
        super().__init__(noun)
        columns = BarColumn(), TextColumn("{task.fields[seen]}", markup=False)
        # What is printed meanwhile stands above the bar, unless it goes to a file.
        above = sys.stdout.isatty()
        self._progress = Progress(*columns, console=console, transient=True, redirect_stdout=above)
        self._task = self._progress.add_task("", total=None, seen="loading the detector")

    def planned(self, plan: Plan, standing: Standing) -> None:
        super().planned(plan, standing)
        self._progress.update(self._task, total=standing.images, completed=standing.done)
        self._progress.start()

    def moved(self, standing: Standing) -> None:
        seen = printable(standing.text(self._noun))
        self._progress.update(self._task, completed=standing.done, seen=seen)

    def close(self) -> None:
        self._progress.stop()


class LineDisplay(_Words):
    """A line now and then, for logs."""

    def __init__(self, noun: str, every: float = LINE_EVERY) -> None:
        super().__init__(noun)
        self._every = every
        self._at = time.monotonic()

    def moved(self, standing: Standing) -> None:
        now = time.monotonic()
        if now - self._at >= self._every:
            self._at = now
            say(standing.text(self._noun))


class JsonDisplay(NoDisplay):
    """One JSON object a line on standard output; docs/local.md tells what stands in each."""

    def __init__(self, every: float = EVENT_EVERY) -> None:
        self._every = every
        self._at = float("-inf")

    def planned(self, plan: Plan, standing: Standing) -> None:
        tell_event(
            "planned",
            images=plan.images,
            done=standing.done,
            kept=plan.kept,
            bytes=plan.size,
            skipped=plan.skipped,
            duplicates=plan.duplicates,
        )

    def estimated(self, estimate: Estimate, left: int) -> None:
        tell_event("estimated", images=left, **msgspec.structs.asdict(estimate))

    def moved(self, standing: Standing) -> None:
        now = time.monotonic()
        if now - self._at >= self._every or standing.done == standing.images:
            self._at = now
            fields = msgspec.structs.asdict(standing)
            tell_event("progress", **fields, seconds_left=standing.seconds_left)


def tell_event(event: str, **fields: Any) -> None:
    """Print one event for a program."""
    click.echo(msgspec.json.encode({"event": event, **fields}))


def tell_finished(merged: Merged, output: Path | None, categories: Mapping[str, str]) -> None:
    tell_event(
        "finished",
        output=None if output is None else str(output),
        images=merged.images,
        failed=sum(merged.failures.values()),
        failures=merged.failures,
        found={name: merged.found.get(category, 0) for category, name in categories.items()},
        empty=merged.empty,
    )


def display_of(progress: str, noun: str) -> Display:
    """The display that `--progress` asks for. `noun`: what is looked at, one of them."""
    if progress == "json":
        return JsonDisplay()
    if progress == "none":
        return NoDisplay()
    console = messages()
    return BarDisplay(console, noun) if console.is_terminal else LineDisplay(noun)
