"""A local run with the hash detector, as a program that can be killed.

python -m tests.local_run SOURCE OUTPUT NOTES [DELAY [PROCESSES]]
"""

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
    delay, processes = (*map(float, more), *(0, 1)[len(more) :])
    work = HashWork(notes=Path(notes), delay=delay, roots=(source,))
    new_run(Path(source), Path(output), work, int(processes)).run(Silent())


if __name__ == "__main__":
    main()
