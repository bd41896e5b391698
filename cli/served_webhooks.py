"""What the service tells of webhooks, as the command line reads it."""

from datetime import datetime

import msgspec


class ServedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try. `status` is None where no answer came, and `error` says why."""

    number: int
    tried_at: datetime
    status: int | None = None
    error: str | None = None
    ms: int = 0


class ServedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event; its tries are newest first."""

    id: str
    event: str
    state: str
    next_try_at: datetime | None = None
    attempts: list[ServedAttempt] = []


class ServedDeliveries(msgspec.Struct, frozen=True):
    data: list[ServedDelivery]


class ServedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What signs the messages of all of a caller's jobs."""

    secret: str
    created_at: datetime

    def __repr__(self) -> str:
        return "ServedSecret(<hidden>)"
