"""Supervision of child processes: start, restart with growing waits, stop in good order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from cli import tether

#: Seconds to wait before the first, second, ... restart of a child that keeps ending.
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
#: A child that ran for so many seconds counts as healthy, and its waits begin anew.
HEALTHY = 60.0
#: Seconds that children get to stop by themselves: more than Celery's soft shutdown of 25.
GRACE = 30.0

_TAIL_BYTES = 8192


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    #: Gets what the child writes to standard output and standard error.
    log: Path
    #: File descriptors that stay open until the child has ended.
    kept_open: tuple[int, ...] = ()


class Child:
    """One supervised process. It dies with this process, however this process dies."""

    def __init__(self, spec: ChildSpec) -> None:
        """Starts the process. Raises OSError when its log cannot be written."""
        self.spec = spec
        self.restarts = 0
        #: When to start again, by the monotonic clock; None while it runs.
        self.due: float | None = None
        self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        self.due = None
        with self.spec.log.open("ab") as log:
            self.process = subprocess.Popen(
                # Isolated and without site-packages: the tether needs neither, and starts fast.
                [sys.executable, "-I", "-S", tether.__file__, *self.spec.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.spec.environment),
                cwd=self.spec.folder,
                # A group of its own: Ctrl-C at the terminal reaches the supervisor alone, which
                # stops the children in order.
                start_new_session=True,
                pass_fds=self.spec.kept_open,
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def terminate(self) -> None:
        if self.running:
            self.process.terminate()

    def end(self, deadline: float) -> bool:
        """Wait for the end until `deadline`, then kill. Returns whether killing was needed."""
        killed = False
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            killed = True
        self.sweep()
        return killed

    def sweep(self) -> None:
        """Kill whatever is left of the process group, and close the pipe. Once for a process."""
        pipe = self.process.stdin
        # A group's number may belong to strangers once the group is gone.
        if pipe is None or pipe.closed:
            return
        # EPERM is what macOS answers for a group of which nothing but the dead is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        pipe.close()

    def restart_or_plan(self, waits: Sequence[float]) -> str | None:
        """One look at the child. Returns a line for the log when something happened."""
        now = time.monotonic()
        if self.due is None and not self.running:
            self.sweep()
            self.restarts = 0 if now - self._started > HEALTHY else self.restarts
            wait = waits[min(self.restarts, len(waits) - 1)]
            self.due = now + wait
            ended = f"{self.spec.name} ended with exit code {self.process.returncode}"
            return f"{ended}; starting it again in {wait:g} s (log: {self.spec.log})"
        if self.due is not None and now >= self.due:
            self.restarts += 1
            self._start()
            return f"{self.spec.name} started again (process {self.process.pid})"
        return None


class Supervisor:
    """Keeps children running until it is stopped. For use from one thread."""

    def __init__(self, report: Callable[[str], None], waits: Sequence[float] = WAITS) -> None:
        """`report` gets a line for every restart; `waits` are seconds, as in `WAITS`."""
        self.children: list[Child] = []
        self._report = report
        self._waits = waits

    def start(self, spec: ChildSpec) -> Child:
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        child = Child(spec)
        self.children.append(child)
        return child

    def tend(self) -> None:
        """Look after every child once; to be called again and again."""
        for child in self.children:
            line = child.restart_or_plan(self._waits)
            if line:
                self._report(line)

    def ended(self) -> Child | None:
        """A child that has ended, if there is one."""
        return next((child for child in self.children if not child.running), None)

    def stop(self, grace: float = GRACE) -> None:
        """Ask all children to stop, give them `grace` seconds together, then kill the rest."""
        deadline = time.monotonic() + grace
        try:
            for child in self.children:
                child.terminate()
            for child in self.children:
                if child.end(deadline):
                    self._report(f"{child.spec.name} did not stop within {grace:g} s: killed")
        finally:
            for child in self.children:
                child.sweep()
            self.children.clear()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
