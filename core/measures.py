"""What the scripts of the job store count and measure, for whoever watches over a service.

Counters only grow, for as long as this Redis remembers; a Redis that forgot everything begins again
at nothing, and counts again what is found standing in the storage.
"""

import msgspec


class Stock(msgspec.Struct, frozen=True):
    """What all live jobs came to together, when the reaper last looked at them."""

    #: Live jobs by status.
    jobs: dict[str, int]
    #: Shards of live jobs: `ready` to be sent, `sent` to workers, `leased` by workers.
    shards: dict[str, int]
    #: How long the oldest job that is still `queued` has waited, ms; 0 where there is none.
    oldest_ms: float
    #: Shards of running jobs that are not done, by model: what its workers have to do.
    open: dict[str, int] = {}


class Measures(msgspec.Struct, frozen=True):
    """One look at a service."""

    #: How often something happened: `what`, or `what which`, as `tick` in `core/lua/` writes them.
    counters: dict[str, int]
    #: How long a worker of each model takes an image, ms.
    image_ms: dict[str, float]
    #: Live workers by queue.
    workers: dict[str, int]
    #: What waits to be delivered to webhooks.
    deliveries: int
    #: Since the reaper last looked; None before the first time.
    since_reaped_ms: float | None = None
    stock: Stock | None = None

    def counted(self, what: str) -> dict[str, int]:
        """Which, and how often: `counted("jobs")` has `accepted`, `completed`, ..."""
        return {
            name.partition(" ")[2]: times
            for name, times in self.counters.items()
            if name.partition(" ")[0] == what
        }
