"""What a job is: what was asked for, where it stands, and which changes of status are legal.

Pure data and rules. `core/job_store.py` changes statuses, `core/job_folder.py` keeps files.
"""

import enum
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec


class JobStatus(enum.StrEnum):
    """Where a job stands. Programs should read a status that they do not know as `running`."""

    #: Accepted; the planner has not written the first image list yet.
    QUEUED = "queued"
    #: Shards run, or wait to be run; listing may still go on.
    RUNNING = "running"
    #: The container's SAS has expired or was revoked; nothing is tried and nothing is lost.
    PAUSED = "paused"
    #: Cancelling was asked for; what is finished will be merged.
    CANCELLING = "cancelling"
    #: All shards are done; the results file is being written.
    MERGING = "merging"
    #: The results file stands; single images may still have failed.
    COMPLETED = "completed"
    #: Cancelled; the results file holds the shards that were finished.
    CANCELLED = "cancelled"
    #: Nothing could be listed, listing broke for good, or no image succeeded.
    FAILED = "failed"


_S = JobStatus

#: Every legal change of status. The Lua scripts are given this very table.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.MERGING, _S.PAUSED, _S.CANCELLING}),
    _S.RUNNING: frozenset({_S.MERGING, _S.PAUSED, _S.CANCELLING}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.CANCELLING}),
    _S.CANCELLING: frozenset({_S.MERGING}),
    _S.MERGING: frozenset({_S.COMPLETED, _S.CANCELLED, _S.FAILED, _S.RUNNING}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
}

TERMINAL = frozenset(status for status, after in TRANSITIONS.items() if not after)

TruncatedImages = Literal["fail", "accept"]
Preprocessing = Literal["native", "legacy-2019"]
IncludeField = Literal["gps"]
#: The versions of the results format that can be asked for; `core/results/versions.py` writes them.
FormatVersion = Literal["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]
Event = Literal[
    "job.started", "job.paused", "job.completed", "job.failed", "job.cancelled", "job.expiring"
]
#: Every event that a webhook can be told of.
EVENTS: tuple[Event, ...] = get_args(Event)

#: Who asks where no key is asked for: a service without keys, on its own machine.
LOCAL_CALLER = "local"


class RequestedImage(msgspec.Struct, frozen=True, array_like=True):
    """One entry of an explicit list: a name or URL, and the submitter's text about it."""

    name: str
    meta: str | None = None


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to tell of a job. The URL may carry a secret in any part after its host."""

    url: str
    events: tuple[Event, ...] = EVENTS


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a collaborator asked for. URLs are whole here, secrets and all: seal before writing."""

    #: A container's SAS URL, or a local folder below an allowed root; None for a list of URLs.
    container_url: str | None = None
    #: Where a JSON list of images is read from.
    images_url: str | None = None
    #: The same list inline.
    images: tuple[RequestedImage, ...] | None = None
    #: Only names that start so, case-sensitive, from the container's root.
    prefix: str = ""
    #: Taken off the front of every name in the results; `prefix` must start with it.
    strip_prefix: str = ""
    #: After the prefix: only the first so many, in list order.
    first_n: int | None = None
    #: After `first_n`: so many at random, in list order.
    sample_n: int | None = None
    #: Makes the same sample again.
    sample_seed: int = 0
    #: A name of the catalog.
    model: str
    #: Detections must score strictly above it to stand in the results file, 0..1.
    detection_threshold: float
    name: str = ""
    truncated_images: TruncatedImages = "fail"
    preprocessing: Preprocessing = "native"
    include: tuple[IncludeField, ...] = ()
    #: The submitter's own key-value pairs, given back as they are.
    metadata: dict[str, str] = {}
    webhook: Webhook | None = None
    #: Id of a job of the same caller; images that have not changed since are taken over from it.
    previous_job: str | None = None
    #: The version of the format in which the results are handed out.
    format_version: FormatVersion = "1.6"


class AcceptedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was accepted: the content of `job.json`, once its secrets are sealed."""

    id: str
    request: JobRequest
    created_at: datetime
    expires_at: datetime
    #: Who it belongs to.
    caller: str = LOCAL_CALLER
    #: Id of the job whose failed images this one processes again.
    parent: str | None = None
    #: Came in by the API of 2019, which asks for no key to show it.
    legacy: bool = False
    #: What was sent, as a digest without secrets, to tell a repeated submission from another.
    fingerprint: str = ""
    #: How often a fresh URL of the container was given since; `request` has the newest.
    renewals: int = 0
    #: How often its priority was set since, and to what the last time: 0..9, higher comes first.
    orders: int = 0
    priority: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is. Images and shards are counts; more appear while listing goes on."""

    listing_over: bool = False
    images: int = 0
    images_done: int = 0
    images_failed: int = 0
    #: Of those done: taken over from an earlier job.
    images_kept: int = 0
    failures: dict[str, int] = {}
    #: Files that listing passed over, by suffix.
    skipped: dict[str, int] = {}
    #: Entries of an explicit list that named an image a second time.
    duplicates: int = 0
    shards: int = 0
    shards_done: int = 0
    shards_running: int = 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job's live view, as `JobStore` tells it."""

    id: str
    status: JobStatus
    model: str
    created_at: datetime
    expires_at: datetime
    name: str = ""
    caller: str = LOCAL_CALLER
    #: Id of the job whose failed images this one processes again.
    parent: str | None = None
    progress: Progress = Progress()
    started_at: datetime | None = None
    merging_at: datetime | None = None
    finished_at: datetime | None = None
    #: Why the job failed or is paused, as `code: what to do`.
    reason: str | None = None
    #: Cancelling was asked for in time: the job ends with what is finished.
    cancelled: bool = False
    #: No live worker serves the job's model.
    waiting_for_workers: bool = False
    #: When the SAS of the container ends, as the SAS itself says; None where none does.
    sas_expires_at: datetime | None = None
    #: While it is live: 0..9. Its shards go before those of jobs of the same model with less.
    priority: int = 0
    #: While the job runs: how fast, over the last two minutes, and the seconds that it takes yet.
    images_per_second: float | None = None
    seconds_left: int | None = None

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL


class FileKind(enum.StrEnum):
    """The files that a job ends with."""

    #: What was found, in the version of the format that was asked for.
    RESULTS = "results"
    #: The images that failed, as `images` of a new job takes them.
    FAILED_IMAGES = "failed_images"
    #: The names of all images in the results, in their order.
    IMAGE_LIST = "image_list"


class StoredFile(msgspec.Struct, frozen=True):
    """A file that stands in our storage and never changes."""

    path: str
    #: Its size.
    bytes: int
    #: SHA-256, hex.
    digest: str


class Work(msgspec.Struct, frozen=True):
    """What workers did for a job's images, in every attempt that came to the end of its shard."""

    #: How long they were at them.
    seconds: float = 0.0
    #: Of the images that they read.
    bytes: int = 0


class FinalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The commit of a job, `final.json`: how it ended, and the files that count."""

    id: str
    status: JobStatus
    model: str
    name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    progress: Progress
    reason: str | None
    #: Path of the results file of the newest version; None when there is nothing to merge.
    results: str | None
    results_bytes: int = 0
    #: SHA-256 of that file, hex.
    results_digest: str = ""
    #: What is handed out.
    files: dict[FileKind, StoredFile] = {}
    #: Who it belonged to; empty in a record from before that was kept, as is the work.
    caller: str = ""
    work: Work = Work()

    @property
    def paths(self) -> frozenset[str]:
        """Every file that is to be kept."""
        kept = frozenset(file.path for file in self.files.values())
        return kept | {self.results} if self.results else kept

    def file(self, kind: FileKind) -> StoredFile | None:
        """What is handed out of this kind; None where there is none."""
        if kind is FileKind.RESULTS and not self.files and self.results:
            # A record from before there were others.
            return StoredFile(self.results, self.results_bytes, self.results_digest)
        return self.files.get(kind)


def new_job_id() -> str:
    """128 random bits in hex, which cannot be guessed."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    return datetime.now(UTC)
