"""What one worker process holds: its connections, its loaded detector, its open containers."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalog import Model, find_model
from core.config import Settings
from core.containers.guard import Guard
from core.containers.image_list_source import fetch_image_list
from core.containers.listing import Container
from core.containers.opening import open_container
from core.job_folder import JobFolder, open_job_folder
from core.job_store import JobStore
from core.jobs import AcceptedJob, JobRequest, RequestedImage
from core.lease import Lease
from core.queue import open_job_store
from core.sealing import Sealer
from detection.weights import with_sha256
from workers.lease_keeper import LeaseKeeper

if TYPE_CHECKING:  # a control worker has no NumPy
    from detection.detector import Detector

LoadDetector = Callable[[Model, Path], "Detector"]

#: Jobs whose record and container stay open in a process; more are opened again when needed.
_OPEN_JOBS = 8
#: How long the broker and the job store may keep a worker waiting, seconds.
_SOCKET_TIMEOUT = 10


class WorkerContext:
    """Opened when first used, in the process that does the work."""

    #: What decodes pictures in a process of its own.
    decoding_module = "detection.decoding_process"

    def __init__(self, settings: Settings, worker: str, load_detector: LoadDetector) -> None:
        self.settings = settings
        #: Names the worker in leases and heartbeats; its child processes share it.
        self.worker = worker
        #: Set when the worker is to stop: what this process works on is given back.
        self.leaving = False
        self._load_detector = load_detector
        self._detectors: dict[str, Detector] = {}
        self._sha256: dict[str, str] = {}
        self._open_jobs: OrderedDict[str, tuple[AcceptedJob, Container]] = OrderedDict()

    def leave(self) -> None:
        """The worker is to stop."""
        self.leaving = True

    def keep(self, lease: Lease) -> LeaseKeeper:
        """Keeps a lease while this process works on it, and is not asked to stop."""
        stall_after = self.settings.stall_after
        return LeaseKeeper(self.store, lease, stall_after=stall_after, leaving=lambda: self.leaving)

    @cached_property
    def store(self) -> JobStore:
        return open_job_store(self.settings, socket_timeout=_SOCKET_TIMEOUT)

    @cached_property
    def folder(self) -> JobFolder:
        return open_job_folder(self.settings)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.settings.secret_keys)

    def has_detector(self, model: str) -> bool:
        return model in self._detectors

    def detector(self, model: str) -> "Detector":
        """The detector of a model, loaded and warmed up once in this process."""
        if model not in self._detectors:
            named = find_model(model, self.settings.model_files)
            known = with_sha256(named, self.settings.model_folder)
            detector = self._load_detector(known, self.settings.model_folder)
            detector.warm_up()
            self._detectors[model], self._sha256[model] = detector, known.sha256
        return self._detectors[model]

    def note_weights(self, job_id: str, model: str) -> None:
        """Note for a job which file its detector was loaded from, where that is nobody else's."""
        if self._sha256[model]:
            self.folder.weights.note(job_id, self._sha256[model])

    def requested_images(self, request: JobRequest) -> Sequence[RequestedImage] | None:
        """The job's explicit list of images, if it has one."""
        if request.images_url:
            return fetch_image_list(request.images_url, Guard(self.settings))
        return request.images

    def open_job(self, job_id: str) -> tuple[AcceptedJob, Container]:
        """A job's record and its container. Raises FileNotFoundError."""
        if job_id not in self._open_jobs:
            job = self.folder.read_job(job_id)
            container = open_container(job.request.container_url, self.settings, self.sealer)
            self._open_jobs[job_id] = (job, container)
            if len(self._open_jobs) > _OPEN_JOBS:
                self._open_jobs.popitem(last=False)[1][1].close()
        self._open_jobs.move_to_end(job_id)
        return self._open_jobs[job_id]

    def known_urls(self, job_id: str) -> int:
        """How many fresh URLs of its container there were when this job was opened here."""
        opened = self._open_jobs.get(job_id)
        return opened[0].renewals if opened else 0

    def close_job(self, job_id: str) -> None:
        """Open the job anew when it is needed again: its SAS may have been replaced."""
        if job_id in self._open_jobs:
            self._open_jobs.pop(job_id)[1].close()
