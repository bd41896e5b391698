"""What `/metrics` tells of the whole service, from one look at the job store.

Labels are words that this code knows, never a name that somebody gave: a job, a caller or an image.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import Unavailable
from core.failures import FailureCode
from core.job_store import JobStore
from core.jobs import TRANSITIONS, JobStatus
from core.measures import Measures
from core.messages import CONTROL_QUEUE

_LIVE = [status for status in JobStatus if TRANSITIONS[status]]
_ENDED = [status for status in JobStatus if not TRANSITIONS[status]]
_IMAGES = ["done", "kept", *FailureCode]
_SHARDS = ["done", "errors", "outages", "refused"]
_UNITS = ["shard", "plan", "merge"]
_TASKS = ["plan_job", "run_shard", "merge_job"]
_STATES = ["ready", "sent", "leased"]

_SECOND = 1000  # ms


class ServiceCollector(Collector):
    """Looks at the job store each time it is asked. A Redis that is away is told, not raised."""

    def __init__(self, store: JobStore, models: Iterable[str]) -> None:
        self._store = store
        self._models = list(models)

    def collect(self) -> Iterator[Metric]:
        try:
            measures = self._store.measure([*self._models, CONTROL_QUEUE])
        except Unavailable:
            yield _up(0)
            return
        yield _up(1)
        yield from _counters(measures)
        yield from self._gauges(measures)

    def describe(self) -> list[Metric]:
        """Asked when it is registered: without it, that would look at the job store."""
        return []

    def _gauges(self, measures: Measures) -> Iterator[Metric]:
        yield _gauge(
            "live_workers", "Workers by queue.", "queue", measures.workers, measures.workers
        )
        rates = {model: ms / _SECOND for model, ms in measures.image_ms.items()}
        known = [model for model in self._models if model in rates]
        text = "How long a worker takes an image, by model; the newest count most."
        yield _gauge("seconds_an_image", text, "model", known, rates)
        waiting = "What waits to be delivered to webhooks."
        yield GaugeMetricFamily(_named("deliveries_waiting"), waiting, measures.deliveries)
        if measures.since_reaped_ms is not None:
            yield _seconds("reaper_age", "Since the reaper last looked.", measures.since_reaped_ms)
        if measures.stock is not None:
            stock = measures.stock
            yield _gauge("jobs", "Live jobs by status.", "status", _LIVE, stock.jobs)
            yield _gauge("shards", "Shards of live jobs by state.", "state", _STATES, stock.shards)
            text = "Shards of running jobs that are not done, by model."
            yield _gauge("open_shards", text, "model", self._models, stock.open)
            oldest = "How long the oldest queued job has waited."
            yield _seconds("oldest_queued_job", oldest, stock.oldest_ms)


def _counters(measures: Measures) -> Iterator[Metric]:
    jobs = measures.counted("jobs")
    accepted, twice = jobs.get("accepted", 0), measures.counters.get("duplicate_outputs", 0)
    yield CounterMetricFamily(_named("jobs_accepted"), "Jobs that were accepted.", accepted)
    yield _counter("jobs_ended", "Jobs that ended, by status.", "status", _ENDED, jobs)
    images = measures.counted("images")
    yield _counter("images", "Images that were finished, by result.", "result", _IMAGES, images)
    shards = measures.counted("shards")
    yield _counter("shard_attempts", "Attempts at shards, by end.", "result", _SHARDS, shards)
    lost = measures.counted("leases_lost")
    yield _counter("leases_lost", "Leases that ended without a word.", "unit", _UNITS, lost)
    again = measures.counted("sent_again")
    yield _counter("messages_sent_again", "Messages sent again.", "task", _TASKS, again)
    yield CounterMetricFamily(_named("duplicate_outputs"), "Outputs that came twice.", twice)


def _up(value: int) -> Metric:
    return GaugeMetricFamily(_named("redis_up"), "Whether Redis answers.", value)


def _seconds(name: str, text: str, milliseconds: float) -> Metric:
    return GaugeMetricFamily(_named(f"{name}_seconds"), text, milliseconds / _SECOND)


def _gauge(
    name: str, text: str, label: str, known: Iterable[str], values: Mapping[str, float]
) -> Metric:
    family = GaugeMetricFamily(_named(name), text, labels=[label])
    for which in known:
        family.add_metric([which], values.get(which, 0))
    return family


def _counter(
    name: str, text: str, label: str, known: Iterable[str], values: Mapping[str, float]
) -> Metric:
    family = CounterMetricFamily(_named(name), text, labels=[label])
    for which in known:
        family.add_metric([which], values.get(which, 0))
    return family


def _named(name: str) -> str:
    return f"megabatch_{name}"
