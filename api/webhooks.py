"""What webhooks were told, `/v1/jobs/{id}/webhooks`, and what signs it, `/v1/webhook-secret`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api.auth import current_caller, require
from api.errors import PROBLEM_RESPONSES
from api.job_service import JobService
from api.resources import json_answer
from api.schemas import JobPath
from core.config import Settings
from core.containers.opening import within
from core.delivery_queue import DeliveryQueue
from core.job_folder import JobFolder
from core.jobs import Webhook
from core.keys import Caller, Scope
from core.webhook_secrets import WebhookSecret, WebhookSecrets, open_webhook_secrets
from core.webhooks import Attempt, Delivery

State = Literal["delivered", "waiting", "given_up", "disabled"]

_TAG = Tag(name="webhooks", description="Being told what happens to a job.")
# Of the three seconds that any answer may take.
_SECONDS = 2.8
# Of a job that was paused again and again, the newest are shown.
_MOST_PAUSES = 20


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AttemptResource(_Answer):
    """One try."""

    number: int = Field(description="The first is 1, the last 10.")
    tried_at: datetime
    status: int | None = Field(description="The HTTP status of the answer; null where none came.")
    error: str | None = Field(
        description="Why none came: `not_allowed`, `host_not_found`, `timeout`, `tls`, "
        "`connection` or `bad_answer`."
    )
    ms: int = Field(description="Milliseconds that it took.")


class DeliveryResource(_Answer):
    """What became of one event."""

    id: str = Field(description="`webhook-id`, the same over all tries.")
    event: str
    state: State = Field(
        description="`disabled` means that the receiver answered 410, and is told nothing more."
    )
    next_try_at: datetime | None = Field(description="While `waiting`: when it is tried next.")
    attempts: list[AttemptResource] = Field(description="Newest first.")


class DeliveriesResource(_Answer):
    """What a job's webhook was told, newest first."""

    data: list[DeliveryResource]


class WebhookSecretResource(_Answer):
    """What signs whatever your webhooks are told, as Standard Webhooks writes it."""

    secret: str = Field(pattern=r"^whsec_[A-Za-z0-9+/]{43}=$")
    created_at: datetime


class Webhooks:
    """What is known of webhooks; free of HTTP. Each method raises Unavailable."""

    def __init__(
        self,
        jobs: JobService,
        queue: DeliveryQueue,
        folder: JobFolder,
        secrets: WebhookSecrets,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._folder = folder
        self._secrets = secrets

    def deliveries(self, job_id: str, caller: Caller) -> list[DeliveryResource]:
        """What a job's webhook was told and is to be told. Raises JobNotFound or JobGone."""
        return within(_SECONDS, lambda: self._deliveries(job_id, caller))

    def secret(self, caller: Caller) -> WebhookSecret:
        return within(_SECONDS, lambda: self._secrets.newest(caller.name))

    def new_secret(self, caller: Caller) -> WebhookSecret:
        return within(_SECONDS, lambda: self._secrets.renew(caller.name))

    def _deliveries(self, job_id: str, caller: Caller) -> list[DeliveryResource]:
        webhook = self._jobs.shown(job_id, caller).request.webhook
        if webhook is None:
            return []
        possible = list(self._possible(job_id, webhook))
        # First what waits: what is over by now then stands in the log.
        waiting = dict(zip(possible, self._queue.when_due(possible), strict=True))
        log = self._folder.webhooks.read(job_id)
        tried: dict[str, list[Attempt]] = {}
        for attempt in sorted(log.attempts, key=lambda attempt: -attempt.number):
            tried.setdefault(attempt.id, []).append(attempt)
        shown = [
            _shown(delivery, tried.get(delivery.id, []), due, disabled=log.disabled)
            for delivery, due in waiting.items()
            if due is not None or delivery.id in tried
        ]
        return sorted(shown, key=_moment, reverse=True)

    def _possible(self, job_id: str, webhook: Webhook) -> Iterator[Delivery]:
        """All that the webhook may have been told: a job is paused once for each of its URLs."""
        for event in webhook.events:
            last = 1
            if event == "job.paused":
                last += self._folder.count_container_urls(job_id)
            for number in range(max(1, last - _MOST_PAUSES + 1), last + 1):
                yield Delivery(job_id, event, number)


def open_webhooks(
    settings: Settings, jobs: JobService, queue: DeliveryQueue, folder: JobFolder
) -> Webhooks:
    """Of the storage that the settings name."""
    return Webhooks(jobs, queue, folder, open_webhook_secrets(settings, impatient=True))


def _shown(
    delivery: Delivery, attempts: Sequence[Attempt], due: datetime | None, *, disabled: bool
) -> DeliveryResource:
    state = _state(attempts, disabled=disabled)
    return DeliveryResource(
        id=delivery.id,
        event=delivery.event,
        state=state,
        next_try_at=due if state == "waiting" else None,
        attempts=[AttemptResource.model_validate(attempt) for attempt in attempts],
    )


def _state(attempts: Sequence[Attempt], *, disabled: bool) -> State:
    if any(attempt.delivered for attempt in attempts):
        return "delivered"
    if disabled:
        return "disabled"
    return "given_up" if any(attempt.over for attempt in attempts) else "waiting"


def _moment(delivery: DeliveryResource) -> float:
    """When it was tried last, or will be first."""
    moment = delivery.attempts[0].tried_at if delivery.attempts else delivery.next_try_at
    return moment.timestamp() if moment else 0.0


def webhooks_blueprint(webhooks: Webhooks) -> APIBlueprint:
    blueprint = APIBlueprint(
        "webhooks", __name__, url_prefix="/v1", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    @blueprint.get("/jobs/<job_id>/webhooks", responses={200: DeliveriesResource})
    def deliveries(path: JobPath) -> Response:
        """Show what a job's webhook was told.

        Every try stands there with its answer's status, and what is still to be told with the time
        of the next try.
        """
        found = webhooks.deliveries(path.job_id, current_caller())
        return json_answer(DeliveriesResource(data=found))

    @blueprint.get("/webhook-secret", responses={200: WebhookSecretResource})
    def secret() -> Response:
        """Show the secret that signs what your webhooks are told.

        It is yours for all of your jobs, and is made when it is first asked for. Needs the scopes
        `read` and `submit`.
        """
        require(Scope.SUBMIT)
        return json_answer(WebhookSecretResource.model_validate(webhooks.secret(current_caller())))

    @blueprint.post("/webhook-secret", responses={200: WebhookSecretResource})
    def new_secret() -> Response:
        """Make a new secret.

        For 24 hours messages are signed with the one before too, so that receivers can change over.
        """
        return json_answer(
            WebhookSecretResource.model_validate(webhooks.new_secret(current_caller()))
        )

    return blueprint
