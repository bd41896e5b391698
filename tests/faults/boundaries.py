"""The public methods of the job folder and the job store, and those not on any job's way."""

from collections.abc import Callable, Mapping
from typing import Any

from core.changed_images import ChangedImages
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.retention import Retention
from core.storage import Storage
from core.used_weights import UsedWeights
from core.webhook_log import WebhookLog
from core.work_done import WorkDone

#: The job folder, its parts, and the job store.
WATCHED: tuple[type, ...] = (
    JobFolder,
    ChangedImages,
    Retention,
    UsedWeights,
    WebhookLog,
    WorkDone,
    JobStore,
)

#: Some of those methods write several files; so faults strike at the writing of each, too.
WRITES = tuple(f"Storage.{name}" for name in ("create", "delete", "delete_some"))

#: These change nothing: whether a fault comes before or after them, or they are called twice, is
#: the same to all but their caller.
READING = frozenset(
    [
        *("ChangedImages.notes", "ChangedImages.read", "UsedWeights.noted"),
        *("JobFolder.children", "JobFolder.count_container_urls", "JobFolder.count_image_lists"),
        *("JobFolder.is_cancelled", "JobFolder.is_live", "JobFolder.live_ids"),
        *("JobFolder.read_final", "JobFolder.read_header", "JobFolder.read_image_list"),
        *("JobFolder.read_job", "JobFolder.read_kept", "JobFolder.read_plan"),
        *("JobFolder.read_shard_output", "JobFolder.read_shown", "JobFolder.results_pieces"),
        *("JobFolder.results_size", "JobFolder.shard_outputs"),
        *("JobStore.get", "JobStore.has_planner", "JobStore.live_workers"),
        *("JobStore.seconds_an_image", "JobStore.unfinished", "Retention.due"),
        *("Retention.ended_jobs", "Retention.is_gone", "Retention.sweeps"),
        *("WebhookLog.is_disabled", "WebhookLog.last_attempt", "WorkDone.total"),
    ]
)


def watched_methods() -> list[tuple[type, str]]:
    """Each class, and the name of one of its methods."""
    public = [(one, name) for one in WATCHED for name in public_methods(one)]
    return [*public, *((Storage, name.partition(".")[2]) for name in WRITES)]


def public_methods(watched: type) -> dict[str, Callable[..., Any]]:
    """Those of its bases, too."""
    return {
        name: getattr(watched, name)
        for name in dir(watched)
        if not name.startswith("_") and callable(getattr(watched, name))
    }


def all_methods() -> set[str]:
    """Each as `JobStore.claim`."""
    return {f"{one.__name__}.{name}" for one in WATCHED for name in public_methods(one)}


_OF_COPIES = "It is for copies of our storage, and tried in tests/unit/workers/test_copies.py."

#: Why no scenario here needs to call them. A new method belongs here or on a job's way.
OFF_THE_WAY: Mapping[str, str] = {
    "JobFolder.results_path": "Makes a name, and touches nothing.",
    "JobFolder.results_url": "The API hands a file out; it changes nothing.",
    "JobFolder.probe": "The API asks whether our storage answers.",
    "JobStore.check_room": "The API asks whether Redis takes anything more.",
    "JobStore.check_fitness": "The API asks what Redis it is.",
    "JobStore.list_jobs": "The API shows jobs; it changes nothing.",
    "JobStore.load_of": "The API looks at a caller's limits.",
    "JobStore.worker_ids": "It is asked in every `live_workers`, and changes nothing.",
    "JobStore.measure": "Measures are read; nothing is changed.",
    "JobStore.when_due": "The API shows what webhooks wait for.",
    "JobStore.retire": "A worker says good-bye; without it, its last heartbeat grows old.",
    "WebhookLog.read": "The API shows what a webhook was told.",
    "Retention.scheduled": "`megabatch usage` looks for jobs; it changes nothing.",
    "Retention.due_of_each": _OF_COPIES,
    "Retention.is_sweeping": _OF_COPIES,
    "Retention.sweep_again": _OF_COPIES,
    "Retention.tombstone": "The API says that a job is gone.",
}
