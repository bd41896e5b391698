"""Jobs that are worth a fault at each of their steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.jobs import JobStatus
from tests.faults import clients, rules
from tests.faults.faults import JOB

if TYPE_CHECKING:
    from tests.faults.service import Service

Act = Callable[["Service"], None]


@dataclass(frozen=True)
class Scenario:
    """One kind of job."""

    #: Faults strike at the first and the last call of each of these methods.
    methods: tuple[str, ...]
    #: What its client does.
    acts: tuple[Act, ...] = (clients.submit,)
    #: What is different in its processes.
    rules: Act = rules.as_usual
    #: How the job may end; a job that leaves nothing ends in no way.
    statuses: tuple[JobStatus, ...] = (JobStatus.COMPLETED,)
    #: Nothing of the job is left in the end.
    vanishes: bool = False
    #: How often a method is called may differ between runs, so only its first call is a boundary.
    only_first: bool = False
    #: Faults strike at every call, not only at the first and the last.
    every_call: bool = False
    #: It begins with what the job of this scenario left in our storage.
    after: str = ""
    #: What is in its container was repaired since then.
    mended: bool = False
    #: Images that it takes over.
    kept: int = 0
    job_id: str = JOB


#: All that a job's way leads over where nothing special happens to it.
_PLAIN = (
    *("JobFolder.accept", "JobFolder.count_container_urls", "JobFolder.count_image_lists"),
    *("JobFolder.discard_results", "JobFolder.is_cancelled", "JobFolder.live_ids"),
    *("JobFolder.read_final", "JobFolder.read_image_list"),
    *("JobFolder.read_job", "JobFolder.read_plan", "JobFolder.read_shard_output"),
    *("JobFolder.read_shown", "JobFolder.results_writer", "JobFolder.retire"),
    *("JobFolder.shard_outputs", "JobFolder.write_final", "JobFolder.write_image_list"),
    *("JobFolder.write_plan", "JobFolder.write_shard_output"),
    *("JobStore.begin_restoring", "JobStore.claim", "JobStore.count_load"),
    *("JobStore.create", "JobStore.done", "JobStore.forget_loads"),
    *("JobStore.end_restoring", "JobStore.finish", "JobStore.get", "JobStore.has_planner"),
    *("JobStore.heartbeat", "JobStore.hold", "JobStore.listed", "JobStore.live_workers"),
    *("JobStore.planned", "JobStore.reap", "JobStore.release", "JobStore.restore_ended"),
    *("JobStore.seconds_an_image", "JobStore.unfinished"),
    *("Retention.due", "Retention.ended_jobs", "Retention.is_gone", "Retention.schedule"),
    *("Retention.sweeps", "UsedWeights.noted"),
    *("WorkDone.note", "WorkDone.total"),
)

SCENARIOS: dict[str, Scenario] = {
    "plain": Scenario(_PLAIN),
    "plain, each file": Scenario(("Storage.create",), every_call=True),
    "guarded": Scenario(("JobStore.note",), rules=rules.every_shard_is_guarded, every_call=True),
    "several pages": Scenario(
        (
            *("JobFolder.count_image_lists", "JobFolder.write_image_list", "JobFolder.write_plan"),
            *("JobStore.planned", "JobStore.listed", "JobStore.release"),
        ),
        rules=rules.small_pages,
    ),
    "rebuilt": Scenario(
        (
            *("JobFolder.read_header", "JobFolder.count_image_lists", "JobFolder.live_ids"),
            *("JobFolder.read_plan", "JobFolder.shard_outputs", "JobFolder.read_shard_output"),
            *("JobStore.create", "JobStore.claim", "JobStore.planned", "JobStore.done"),
            *("JobStore.listed", "JobStore.unfinished"),
        ),
        (clients.submit, clients.lose_redis),
    ),
    "cancelled": Scenario(
        (
            *("JobFolder.mark_cancelled", "JobFolder.is_cancelled", "JobFolder.write_shard_output"),
            *("JobFolder.write_final", "JobFolder.retire"),
            *("JobStore.cancel", "JobStore.claim", "JobStore.done", "JobStore.finish"),
        ),
        (clients.submit, clients.cancel),
        statuses=(JobStatus.CANCELLED,),
        every_call=True,
    ),
    "cancelled too late": Scenario(
        ("JobFolder.mark_cancelled", "JobFolder.forget_cancelling", "JobStore.cancel"),
        (clients.submit, clients.cancel_too_late),
        # Where Redis is emptied before the wish is forgotten, it is heard after all.
        statuses=(JobStatus.COMPLETED, JobStatus.CANCELLED),
    ),
    "retried": Scenario(
        (
            *("JobFolder.add_child", "JobFolder.accept", "JobFolder.write_kept"),
            *("JobFolder.read_kept", "JobFolder.results_size", "JobFolder.results_pieces"),
            *("JobFolder.write_image_list", "JobFolder.write_shard_output"),
            *("ChangedImages.note", "ChangedImages.notes"),
            *("JobStore.create", "JobStore.planned", "JobStore.done"),
        ),
        (clients.submit_retry,),
        after="plain",
        mended=True,
        kept=5,
    ),
    "followed": Scenario(
        (
            *("JobFolder.write_kept", "JobFolder.write_plan"),
            *("ChangedImages.notes", "ChangedImages.read"),
        ),
        (clients.submit_following,),
        after="retried",
        mended=True,
        # What the retry read in another version than the listed one is processed again.
        kept=5,
        job_id="d" * 32,
    ),
    "paused": Scenario(
        (
            *("JobFolder.add_container_url", "JobFolder.count_container_urls"),
            *("JobStore.pause", "JobStore.renew_container", "JobStore.release"),
        ),
        (clients.submit, clients.give_fresh_url),
        rules.sas_expires,
    ),
    "put first": Scenario(
        ("JobFolder.add_priority", "JobStore.order"), (clients.submit, clients.raise_priority)
    ),
    "output damaged": Scenario(
        (
            *("JobFolder.delete_shard_output", "JobFolder.read_shard_output"),
            *("JobFolder.write_shard_output", "JobFolder.results_writer"),
            *("JobStore.refuse", "JobStore.claim", "JobStore.done"),
        ),
        (clients.submit, clients.damage_an_output),
    ),
    "container away": Scenario(("JobStore.fail",), rules=rules.storage_is_away_once),
    "listing breaks": Scenario(
        ("JobStore.abort", "JobStore.finish", "JobFolder.write_final"),
        rules=rules.listing_breaks,
        statuses=(JobStatus.FAILED,),
    ),
    "lease renewed": Scenario(("JobStore.renew",), rules=rules.lease_is_renewed, only_first=True),
    "own weights": Scenario(
        ("UsedWeights.note", "UsedWeights.noted"), (clients.submit_for_own_weights,)
    ),
    "webhook told": Scenario(
        (
            *("JobStore.claim_delivery", "JobStore.deliver_again", "JobStore.end_delivery"),
            *("WebhookLog.last_attempt", "WebhookLog.write", "WebhookLog.is_disabled"),
        ),
        (clients.submit_with_webhook, clients.deliver),
        rules.first_telling_fails,
    ),
    "webhook unwanted": Scenario(
        ("WebhookLog.disable", "WebhookLog.write", "JobStore.end_delivery"),
        (clients.submit_with_webhook, clients.deliver),
        rules.nobody_wants_to_be_told,
    ),
    "deleted": Scenario(
        (
            *("JobFolder.forget_secrets", "JobFolder.children", "JobFolder.is_live"),
            "JobFolder.sweep_job",
            *("JobStore.remove", "Retention.begin_sweep", "Retention.bury", "Retention.end_sweep"),
            *("Retention.sweeps", "Retention.due", "Retention.done", "Retention.forget"),
        ),
        (clients.submit, clients.delete, clients.deliver),
        rules.years_go_by,
        vanishes=True,
    ),
    "deleted, each file": Scenario(
        ("Storage.delete", "Storage.delete_some"),
        (clients.submit, clients.delete, clients.deliver),
        rules.years_go_by,
        vanishes=True,
        every_call=True,
    ),
    "deleted while told": Scenario(
        ("WebhookLog.write", "WebhookLog.forget", "Retention.is_gone", "JobFolder.sweep_job"),
        (clients.submit_with_webhook, clients.deliver),
        rules.deleted_while_told,
        vanishes=True,
    ),
    "out of time": Scenario(
        (
            *("JobFolder.sweep_shard_outputs", "JobFolder.sweep_job"),
            *("JobStore.emit", "JobStore.remove"),
            *("Retention.begin_sweep", "Retention.bury", "Retention.done", "Retention.due"),
        ),
        (clients.submit, clients.deliver),
        rules.cleaner_comes_late,
        vanishes=True,
    ),
    "given up": Scenario(("JobFolder.abandon",), (clients.begin_and_give_up,), vanishes=True),
}
