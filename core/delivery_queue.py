"""What webhooks are still to be told: a list in Redis, by when each delivery is due."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from core.job_reader import PREFIX, JobReader
from core.jobs import Event
from core.webhooks import Delivery, delivery_of


class Due(msgspec.Struct, frozen=True):
    """A delivery to be tried now, and whose job it is about: `""` where Redis has lost the job."""

    delivery: Delivery
    caller: str


class DeliveryQueue(JobReader):
    """Deliveries, each leased to one courier at a time, and offered again until it is over."""

    def emit(self, job_id: str, event: Event) -> None:
        """Tell the job's webhook of an event, if it wants to know; said again, nothing changes.

        The events that come with a status need no call: the change itself makes them.
        """
        self._run("emit", job_id, event)

    def claim_delivery(self, sated: Collection[str] = ()) -> Due | None:
        """Lease the oldest delivery that is due, but none of the callers in `sated`."""
        found = self._run("deliver", msgspec.json.encode(list(sated)).decode())
        return Due(delivery_of(found[0]), found[1]) if found else None

    def deliver_again(self, delivery: Delivery, wait_seconds: float) -> None:
        """It is due again after so long."""
        self._run("deliver_again", delivery.member, int(1000 * wait_seconds))

    def end_delivery(self, delivery: Delivery) -> None:
        """It was delivered, or nobody wants it any more."""
        self._run("delivered", delivery.member)

    def when_due(self, deliveries: Sequence[Delivery]) -> list[datetime | None]:
        """When each is tried next; None for one that is not waiting."""
        pipe = self._redis.pipeline(transaction=False)
        for delivery in deliveries:
            pipe.zscore(f"{PREFIX}deliveries", delivery.member)
        scores: list[float | None] = self._execute(pipe)
        return [
            None if score is None else datetime.fromtimestamp(score / 1000, UTC) for score in scores
        ]
