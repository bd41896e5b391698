"""Killing, stopping and finding processes, each by its id and its time of birth."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BORN = 19  # of the fields after the name in /proc/PID/stat: starttime


@dataclass(frozen=True)
class Process:
    """One process; never another one that was given its id later."""

    pid: int
    born: str

    @property
    def lives(self) -> bool:
        return find(self.pid) == self

    @property
    def command(self) -> bytes:
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/cmdline").read_bytes()
        return b""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, where the process is still there."""
        if self.lives:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def find(pid: int) -> Process | None:
    """The process with this id; None where there is none that runs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else Process(pid, fields[_BORN])


def children(pid: int) -> list[Process]:
    """What a process has started, in the order of their ids."""
    found: list[Process] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [one for text in path.read_text().split() if (one := find(int(text)))]
    return sorted(found, key=lambda one: one.pid)


def pool_children(pid: int) -> list[Process]:
    """Of what a worker's main process has started, those that run tasks.

    Not billiard's own helper beside them, without which the main process ends.
    """
    return [one for one in children(pid) if b"spawn_main" in one.command]


def family(pid: int) -> list[Process]:
    """A process and all that it started, and those started."""
    first = find(pid)
    if first is None:
        return []
    return [first, *(one for child in children(pid) for one in family(child.pid))]


def signal_all(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        process.signal(number)
