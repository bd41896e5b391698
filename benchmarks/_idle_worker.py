"""Workers that orchestrate and do nothing else: a container of empty names, a detector that rests.

Started by `celery -A benchmarks._idle_worker worker`; see `benchmarks/orchestration.py`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks._resting import RestingDetector
from core.catalog import Model
from core.config import read_settings
from core.containers.listing import Container, Page
from core.containers.opening import open_container
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.jobs import AcceptedJob
from detection.detector import Detector
from tests.pictures import jpeg
from workers.context import WorkerContext
from workers.factory import create_app


class EmptyContainer:
    """Lists what another container lists, and has one tiny picture under every name."""

    def __init__(self, listed: Container) -> None:
        self._listed = listed
        self._picture = jpeg(0, 8, 8)

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        return self._listed.pages(prefix, marker)

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        return self._picture

    def close(self) -> None:
        self._listed.close()


class IdleContext(WorkerContext):
    """A worker whose containers give the same tiny picture for every name."""

    def open_job(self, job_id: str) -> tuple[AcceptedJob, Container]:
        job = self.folder.read_job(job_id)
        listed = open_container(job.request.container_url, self.settings, self.sealer)
        return job, EmptyContainer(listed)


def rest(model: Model, model_folder: Path) -> Detector:
    return RestingDetector()


app = create_app(read_settings(os.environ), rest, __name__, IdleContext)
