"""One delivery to a webhook: what it says, one try, what the log keeps of it, what follows.

A worker that dies after the try and before the log leaves the delivery to be tried again, with the
same `webhook-id`: whatever is told is told at least once.
"""

import logging
import ssl
import time
from datetime import datetime

from core.containers.guard import Guard
from core.errors import Unavailable
from core.jobs import AcceptedJob, FinalRecord, Job, utc_now
from core.webhook_post import Posted, post
from core.webhook_secrets import WebhookSecrets
from core.webhooks import (
    EVENT_OF,
    GONE,
    Attempt,
    Delivery,
    happened_at,
    payload,
    signed_headers,
    wait_after,
)
from workers.context import WorkerContext

logger = logging.getLogger(__name__)


class Deliverer:
    """Delivers; safe between threads."""

    def __init__(
        self,
        context: WorkerContext,
        secrets: WebhookSecrets,
        guard: Guard,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._store, self._folder = context.store, context.folder
        self._log = context.folder.webhooks
        self._secrets = secrets
        self._guard = guard
        self._tls = tls

    def deliver(self, delivery: Delivery) -> None:
        """Try a delivery that is leased, and say when it is tried again, if ever.

        Raises Unavailable: it comes back when its lease runs out.
        """
        try:
            job = self._folder.read_job(delivery.job_id)
        except (FileNotFoundError, ValueError):
            # The job was deleted; or its record is damaged, and nobody knows whom to tell.
            return self._store.end_delivery(delivery)
        last = self._log.last_attempt(delivery)
        if not self._is_wanted(delivery, job, last):
            return self._store.end_delivery(delivery)
        attempt, posted = self._try(delivery, job, last)
        self._keep(job.id, attempt)
        if attempt.over:
            return self._store.end_delivery(delivery)
        self._store.deliver_again(delivery, wait_after(attempt, posted.retry_after))

    def _is_wanted(self, delivery: Delivery, job: AcceptedJob, last: Attempt | None) -> bool:
        if last is not None and last.status == GONE:
            self._log.disable(job.id)  # whoever noted the answer may have died before
        if job.request.webhook is None or delivery.event not in job.request.webhook.events:
            return False
        return (last is None or not last.over) and not self._log.is_disabled(job.id)

    def _try(
        self, delivery: Delivery, job: AcceptedJob, last: Attempt | None
    ) -> tuple[Attempt, Posted]:
        assert job.request.webhook is not None
        known, tried_at = self._known(job.id), utc_now()
        happened = last.happened_at if last else happened_at(delivery.event, known, tried_at)
        body = payload(delivery.event, happened, job, known)
        headers = self._headers(delivery, job, tried_at, body)
        began = time.monotonic()
        posted = post(job.request.webhook.url, body, headers, self._guard, tls=self._tls)
        attempt = Attempt(
            id=delivery.id,
            event=delivery.event,
            number=last.number + 1 if last else 1,
            happened_at=happened,
            tried_at=tried_at,
            status=posted.status,
            error=posted.error,
            ms=round(1000 * (time.monotonic() - began)),
        )
        return attempt, posted

    def _known(self, job_id: str) -> Job | FinalRecord:
        """How far the job is. Raises Unavailable while nobody knows."""
        try:
            return self._folder.read_final(job_id)
        except (FileNotFoundError, ValueError):  # damaged
            job = self._store.get(job_id)
        if job is None:
            raise Unavailable(f"The job {job_id} is being restored.")
        return job

    def _headers(
        self, delivery: Delivery, job: AcceptedJob, now: datetime, body: bytes
    ) -> dict[str, str]:
        secrets = self._secrets.signing(job.caller, now)
        return signed_headers(secrets, delivery.id, int(now.timestamp()), body)

    def _keep(self, job_id: str, attempt: Attempt) -> None:
        self._log.write(job_id, attempt)
        if attempt.status == GONE:
            self._log.disable(job_id)
        outcome = attempt.error or attempt.status
        logger.info("%s: %s, try %d: %s", job_id, attempt.event, attempt.number, outcome)
        if self._folder.retention.is_gone(job_id):
            self._log.forget(job_id)  # it was deleted meanwhile


def tell_of_end(context: WorkerContext, job: AcceptedJob, final: FinalRecord) -> None:
    """Have the webhook told how the job ended, unless the log says that this is over.

    For a job of whose end Redis may have lost all word; done again, it changes nothing.
    """
    event = EVENT_OF[final.status]
    if job.request.webhook is None or event not in job.request.webhook.events:
        return
    log = context.folder.webhooks
    last = log.last_attempt(Delivery(job.id, event))
    if (last is None or not last.over) and not log.is_disabled(job.id):
        context.store.emit(job.id, event)
