"""A local run: what was named in, a results file out, and a journal between the two."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from core.catalog import Model
from core.jobs import utc_now
from core.results.reader import Results
from core.results.writer import build_info
from detection.local.crew import Crew, OpenShard
from detection.local.earlier import Entry, failed_only, unchanged
from detection.local.journal import Journal, Plan
from detection.local.merging import Merged, merge
from detection.local.planning import write_plan
from detection.local.settings import RunSettings
from detection.local.sources import Skipped, Sources
from detection.local.work import Placed, Work


class Watcher(Protocol):
    """Is told how a run goes on."""

    def planned(self, plan: Plan, done: int) -> None:
        """Listing is over; so many images were finished by earlier runs."""

    def finished(self, line: bytes) -> None:
        """An image is finished: its line of the results."""


class LocalRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs."""

    settings: RunSettings
    sources: Sources
    model: Model
    work: Work
    #: Variables of each process.
    environments: Sequence[Mapping[str, str]]
    output: Path
    journal: Journal
    #: The earlier results that `settings` name.
    previous: Results | None = None
    #: Folders whose pictures are none of the survey.
    leave_out: tuple[Path, ...] = ()

    def run(self, watcher: Watcher) -> Merged:
        """Do all there is to do, and write the results file.

        Whatever this raises, and wherever it is killed, the same run goes on from there. Raises
        InvalidRequest and ContainerError (what was named cannot be used), StorageTrouble,
        ModelUnavailable, DetectorError, and OSError where the disk is full.
        """
        self.journal.begin(self.settings)
        try:
            plan = self.journal.plan() or self._plan()
            done = [self.journal.done(index) for index in range(plan.shards)]
            watcher.planned(plan, plan.kept + sum(done))
            self._detect(done, watcher)
            merged = merge(self.journal, plan, self.output, self._info(), self.model.categories)
            with suppress(OSError):  # the results stand; what is left goes with the next command
                self.journal.discard()
        finally:
            self.journal.close()
        return merged

    def _info(self) -> dict[str, Any]:
        return build_info(
            self.model,
            completed_at=utc_now(),
            detection_threshold=self.settings.threshold,
            preprocessing=self.settings.preprocessing,
            truncated_images=self.settings.truncated_images,
            custom={"frames": self.settings.frames} if self.settings.frames else None,
        )

    def _plan(self) -> Plan:
        skipped = Skipped()
        return write_plan(self.journal, self.entries(skipped), skipped, len(self.environments))

    def entries(self, skipped: Skipped) -> Iterator[Entry]:
        """The images of the new results, listed as this goes; fills in what is `skipped`."""
        if self.settings.retry_failed and self.previous:
            return failed_only(self.previous, self.sources)
        images = self.sources.images(skipped, self.leave_out)
        if self.previous:
            return unchanged(self.previous, images)
        return ((image, None) for image in images)

    def _detect(self, done: Sequence[int], watcher: Watcher) -> None:
        def write(index: int, line: bytes) -> None:
            self.journal.add(index, line)
            watcher.finished(line)

        self.sources.learn_urls()
        crew = Crew(self.work, self.environments, self.journal.folder, write)
        crew.run(self._open_shards(done), self.journal.end)

    def _open_shards(self, done: Sequence[int]) -> Iterator[OpenShard]:
        for index, count in enumerate(done):
            images = [image for image in self.journal.images(index) if not image.kept][count:]
            yield OpenShard(index, [Placed(one, self.sources.place_of(one.name)) for one in images])
