"""A local run with the hash detector, as a program that can be killed.

python -m tests.local_run SOURCE OUTPUT NOTES [DELAY [PROCESSES]]

The variable `KILLED_BEFORE` has it killed before so many changes of files in OUTPUT's folder, and
`ENDED_BEFORE` before the first image (`detecting`) or before results are merged (`merging`).
"""

import os
import signal
import sys
from pathlib import Path

from core.catalog import DEMO
from detection.local.journal import Journal, Plan, unfinished_folder
from detection.local.run import LocalRun
from detection.local.settings import RunSettings
from detection.local.sources import Sources
from detection.local.work import Work
from tests.hash_work import HashWork


class Silent:
    """See `Watcher`."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.done = 0
        self.lines: list[bytes] = []

    def planned(self, plan: Plan, done: int) -> None:
        self.plan, self.done = plan, done

    def finished(self, line: bytes) -> None:
        self.lines.append(line)


class EndsBefore(Silent):
    """Ends the process, as a kill does, at a certain point."""

    def planned(self, plan: Plan, done: int) -> None:
        super().planned(plan, done)
        self._end("detecting")

    def finished(self, line: bytes) -> None:
        super().finished(line)
        if self.plan and self.done + len(self.lines) == self.plan.images:
            self._end("merging")

    def _end(self, point: str) -> None:
        if os.environ.get("ENDED_BEFORE") == point:
            os.kill(os.getpid(), signal.SIGKILL)


#: What changes files, as Python tells its auditors; of `open`, where it is to write.
_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "open"})


def kill_before_change(number: int, folder: Path) -> None:
    """Kill this process before it changes a file below this folder for the so many-th time."""
    left = number

    def audit(event: str, given: tuple[object, ...]) -> None:
        nonlocal left
        if event not in _CHANGES or not str(given[0]).startswith(str(folder)):
            return
        if event == "open" and isinstance(given[2], int) and not given[2] & os.O_CREAT:
            return
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def new_run(source: Path, output: Path, work: Work, processes: int = 1) -> LocalRun:
    sources = Sources([str(source)])
    settings = RunSettings(
        sources=sources.described, relative_to="", model="demo", weights="", threshold=0.1
    )
    return LocalRun(
        settings=settings,
        sources=sources,
        model=DEMO,
        work=work,
        environments=[{} for _ in range(processes)],
        output=output,
        journal=Journal(unfinished_folder(output)),
    )


def main() -> None:
    source, output, notes, *more = sys.argv[1:]
    delay, processes = [*map(float, more), *[0.0, 1.0][len(more) :]]
    work = HashWork(notes=Path(notes), delay=delay, roots=(source,))
    run = new_run(Path(source), Path(output), work, int(processes))
    if "KILLED_BEFORE" in os.environ:
        kill_before_change(int(os.environ["KILLED_BEFORE"]), Path(output).parent)
    # As the command does: what is complete is left alone.
    run.journal.end_discarding()
    if not Path(output).exists() or unfinished_folder(Path(output)).exists():
        run.run(EndsBefore())


if __name__ == "__main__":
    main()
