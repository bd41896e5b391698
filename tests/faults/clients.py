"""What clients of the service do, as the API does it for them, and what they meet there.

Each act is called before every step, and knows whether it is time for it. A client that was not
answered asks again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from core.deletion import delete_job, live_child
from core.jobs import TERMINAL, JobStatus, Webhook, utc_now
from tests.factories import accepted_job
from tests.faults.faults import JOB

if TYPE_CHECKING:
    from tests.faults.service import Service

#: The job that a retry tries again.
PARENT = "b" * 32
EVENTS = ("job.started", "job.completed")
#: A file of one's own with weights, as a model is named after it.
OWN_WEIGHTS = "mine.pb"


def submit(service: Service) -> None:
    """Who is not answered sends it again, if nothing was accepted."""
    _submit(service)


def submit_with_webhook(service: Service) -> None:
    _submit(service, webhook=Webhook("https://example.org/told", EVENTS))


def submit_for_own_weights(service: Service) -> None:
    _submit(service, model=OWN_WEIGHTS.removesuffix(".pb"))


def submit_retry(service: Service) -> None:
    """The parent is said to be needed before the retry is accepted."""
    if not _is_accepted(service):
        service.folder.add_child(PARENT, service.job_id)
        _submit(service, parent=PARENT)


def submit_following(service: Service) -> None:
    """The job of another month, which takes over what has not changed."""
    _submit(service, previous_job=JOB)


def _is_accepted(service: Service) -> bool:
    """Also of a job that was deleted since."""
    if service.stored("job.json"):
        service.note("accepted")
    return service.noted("accepted")


def _submit(service: Service, parent: str | None = None, **request: object) -> None:
    if _is_accepted(service):
        return
    job = accepted_job(service.job_id, container_url=str(service.run.pictures), **request)
    standing = service.folder.accept(msgspec.structs.replace(job, parent=parent))
    service.store.create(standing)
    service.store.get(standing.id)


def cancel(service: Service) -> None:
    """Once a shard is finished."""
    if service.shard_outputs and not service.noted("answered"):
        _cancel(service)


def cancel_too_late(service: Service) -> None:
    """While the results file is to be written, or after."""
    late = service.status == JobStatus.MERGING or service.status in TERMINAL
    if late and not service.noted("answered"):
        _cancel(service)


def _cancel(service: Service) -> None:
    service.folder.mark_cancelled(service.job_id)
    before = service.store.cancel(service.job_id)
    if before is None:
        return  # it is being restored: the client is to ask again
    job = service.store.get(service.job_id)
    if job and not job.cancelled:
        service.folder.forget_cancelling(service.job_id)
    service.note("answered")


def give_fresh_url(service: Service) -> None:
    """Once the job is paused for want of one."""
    wanted = service.status == JobStatus.PAUSED or service.stored("container-urls")
    if wanted and not service.noted("answered"):
        service.folder.add_container_url(service.job_id, str(service.run.pictures))
        service.store.renew_container(service.folder.read_job(service.job_id))
        service.note("answered")


def raise_priority(service: Service) -> None:
    if service.shard_outputs and not service.noted("answered"):
        orders = service.folder.add_priority(service.job_id, 5)
        if service.store.order(service.job_id, 5, orders) is not None:
            service.note("answered")


def damage_an_output(service: Service) -> None:
    """Once all stand, the disk loses a line of one."""
    if len(service.shard_outputs) == 3 and not service.noted("damaged"):
        output = service.shard_outputs[1]
        lines = output.read_bytes().splitlines(keepends=True)
        output.write_bytes(b"".join(lines[:-1]))
        service.note("damaged")


def lose_redis(service: Service) -> None:
    """Its disk, once a shard is finished."""
    if service.shard_outputs and not service.noted("lost"):
        service.note("lost")
        service.wipe()


def delete(service: Service) -> None:
    """The job that has ended, unless it is needed; then years go by."""
    if service.ended and not service.noted("deleted"):
        if not service.noted("tried again"):
            service.note("tried again")  # by a retry that was never accepted
            service.folder.add_child(service.job_id, "c" * 32)
        assert live_child(service.folder, service.job_id) is None
        delete_at_once(service)


def delete_at_once(service: Service) -> None:
    job_id, folder = service.job_id, service.folder
    with suppress(FileNotFoundError):  # it was deleted, and nobody was told
        job, final = folder.read_shown(job_id), folder.read_final(job_id)
        delete_job(folder, service.store, job, final, utc_now())
    service.note("deleted")


def begin_and_give_up(service: Service) -> None:
    """A submission that died the day before yesterday, between its two files."""
    if not service.noted("began"):
        live = service.storage / "live" / service.job_id
        live.parent.mkdir(parents=True, exist_ok=True)
        live.touch()
        before = (utc_now() - timedelta(days=2)).timestamp()
        os.utime(live, (before, before))
        service.note("began")


def deliver(service: Service) -> None:
    """What the courier does with one delivery that is due."""
    due = service.store.claim_delivery()
    if due:
        service.deliverer.deliver(due.delivery)
