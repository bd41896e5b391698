"""Webhooks after the Standard Webhooks convention: events, messages, signatures, waits.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import hashlib
import hmac
import random
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

import msgspec

from core.config import Settings
from core.containers.guard import Guard, Reach, Resolver, resolve_host
from core.errors import InvalidRequest
from core.jobs import TERMINAL, AcceptedJob, Event, FinalRecord, Job, JobRequest, JobStatus

#: The event that comes with a job's change to a status; `job.started` comes with the first
#: `running`, and `job.expiring` with none.
EVENT_OF: Mapping[JobStatus, Event] = {
    JobStatus.PAUSED: "job.paused",
    JobStatus.COMPLETED: "job.completed",
    JobStatus.FAILED: "job.failed",
    JobStatus.CANCELLED: "job.cancelled",
}
_STATUS_OF: Mapping[Event, JobStatus] = {event: status for status, event in EVENT_OF.items()} | {
    "job.started": JobStatus.RUNNING
}

#: Seconds to wait after each try that failed; there is one try more than waits. Source: Standard
#: Webhooks, "Deliverability and reliability".
WAITS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
MOST_TRIES = len(WAITS) + 1
_JITTER = 0.1

#: Statuses of an answer: the receiver wants no more, or wants them later.
GONE = 410
_LATER = frozenset({429, 503})
_OK = range(200, 300)

SECRET_PREFIX = "whsec_"
_MOST_BYTES = 20_000
_MOST_LETTERS = 1000


class Delivery(msgspec.Struct, frozen=True):
    """Something that a job's webhook is to be told."""

    job_id: str
    event: Event
    #: Tells apart what happens to a job several times; from 1.
    number: int = 1

    @property
    def id(self) -> str:
        """`webhook-id`: the same over all tries, and without a full stop, which separates."""
        return f"msg_{self.job_id}_{self.event.removeprefix('job.')}_{self.number}"

    @property
    def member(self) -> str:
        """As Redis keeps it."""
        return f"{self.job_id} {self.event} {self.number}"


def delivery_of(member: str) -> Delivery:
    """The delivery that Redis keeps so."""
    job_id, event, number = member.split(" ")
    return Delivery(job_id, cast(Event, event), int(number))


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver, as the log keeps it. It tells nothing of the URL."""

    id: str
    event: Event
    #: The first try is 1.
    number: int
    #: When the event happened, and when this try began.
    happened_at: datetime
    tried_at: datetime
    #: The HTTP status of the answer; None where there was none, and `error` says why.
    status: int | None
    error: str | None
    #: Milliseconds until the answer, or until it was given up.
    ms: int

    @property
    def delivered(self) -> bool:
        return self.status in _OK

    @property
    def over(self) -> bool:
        """No other try follows."""
        return self.delivered or self.status == GONE or self.number >= MOST_TRIES


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    status: JobStatus
    model: str
    reason: str | None
    images: int
    images_done: int
    images_failed: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    metadata: dict[str, str] | msgspec.UnsetType


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    type: Event
    timestamp: datetime
    data: _Data


def payload(event: Event, happened_at: datetime, job: AcceptedJob, now: Job | FinalRecord) -> bytes:
    """The body of a message: what happened, and how far the job is; below 20 kB.

    `status` is what the event says, whatever came later. `metadata` is left out where it would make
    the body too long.
    """
    data = _Data(
        id=job.id,
        name=job.request.name,
        status=_STATUS_OF.get(event, now.status),
        model=job.request.model,
        reason=now.reason and now.reason[:_MOST_LETTERS],
        images=now.progress.images,
        images_done=now.progress.images_done,
        images_failed=now.progress.images_failed,
        created_at=job.created_at,
        started_at=now.started_at,
        finished_at=now.finished_at,
        expires_at=job.expires_at,
        metadata=job.request.metadata,
    )
    body = _encoded(event, happened_at, data)
    if len(body) >= _MOST_BYTES:
        data = msgspec.structs.replace(data, metadata=msgspec.UNSET)
        body = _encoded(event, happened_at, data)
    return body


def _encoded(event: Event, happened_at: datetime, data: _Data) -> bytes:
    return msgspec.json.encode(_Payload(type=event, timestamp=happened_at, data=data))


def happened_at(event: Event, now: Job | FinalRecord, otherwise: datetime) -> datetime:
    """When the event happened, where the job tells."""
    if event == "job.started":
        return now.started_at or otherwise
    if _STATUS_OF.get(event) in TERMINAL:
        return now.finished_at or otherwise
    return otherwise


def signed_headers(
    secrets: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers of the convention, with a signature by each of the secrets."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def wait_after(attempt: Attempt, retry_after: float | None) -> float:
    """Seconds until the next try. A receiver that is too busy may ask for more, up to the longest.

    With jitter, so that what failed together does not come back together.
    """
    wait = WAITS[attempt.number - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    if attempt.status in _LATER and retry_after is not None:
        return max(wait, min(retry_after, WAITS[-1]))
    return wait


def webhook_guard(settings: Settings, resolve: Resolver = resolve_host) -> Guard:
    """Which webhooks may be reached."""
    reach = Reach(
        settings.webhook_hosts,
        settings.webhook_private_ranges,
        hosts_setting="MEGABATCH_WEBHOOK_HOSTS",
        ranges_setting="MEGABATCH_WEBHOOK_PRIVATE_RANGES",
    )
    return Guard(settings, resolve, reach)


def check_webhook(request: JobRequest, settings: Settings) -> None:
    """Whether the webhook of a request may be reached.

    Raises InvalidRequest (UrlNotAllowed, ContainerError) with the pointer `/webhook/url`, or
    StorageTrouble when its host cannot be looked up at the moment.
    """
    if request.webhook is None:
        return
    try:
        webhook_guard(settings).check(request.webhook.url)
    except InvalidRequest as error:
        error.pointer = "/webhook/url"
        raise
