"""One collaborator with one job: submits it, waits for its end, perhaps cancels it, and looks."""

from dataclasses import dataclass
from typing import Any

from tests.torture.client import Client
from tests.torture.verdict import Verdict, compare, examples, image_lines

_TERMINAL = ("completed", "failed", "cancelled")
_ASKED_EVERY = 1.0


@dataclass(frozen=True)
class Order:
    """A job to be submitted, and the lines that its results must hold."""

    key: str
    url: str
    lines: list[bytes]
    #: Seconds after which it is cancelled; None for never.
    cancelled_after: float | None = None


@dataclass(frozen=True)
class Ended:
    """A job that has come to its end, and what is to be said of its results."""

    job_id: str
    status: str
    verdict: Verdict
    #: What else is not as it should be.
    faults: tuple[str, ...]


def see_through(client: Client, order: Order) -> Ended:
    """The whole life of a job. Raises BadManners and RoundOver."""
    job_id = client.submit(order.key, container_url=order.url, name=order.key)
    if order.cancelled_after is not None:
        client.pause(order.cancelled_after)
        client.cancel(job_id)
    job = client.job(job_id)
    while job["status"] not in _TERMINAL:
        client.pause(_ASKED_EVERY)
        job = client.job(job_id)
    lines = image_lines(client.results(job_id))
    partial = job["status"] == "cancelled"
    verdict = compare(lines, order.lines, partial=partial)
    faults = [*_faults(order, job, len(lines)), *examples(lines, order.lines)]
    return Ended(job_id, job["status"], verdict, tuple(faults))


def _faults(order: Order, job: dict[str, Any], lines: int) -> list[str]:
    allowed = {"completed"} if order.cancelled_after is None else {"completed", "cancelled"}
    found = []
    if job["status"] not in allowed:
        found.append(f"{job['id']} is {job['status']}: {job.get('reason')}")
    if job["progress"]["images_done"] != lines:
        found.append(f"{job['id']} says {job['progress']}, and has {lines} lines")
    return found
