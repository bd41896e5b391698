"""The workers: that somebody plans, merges and repairs, and that what is open has who runs it."""

from cli.doctor.case import Case
from cli.doctor.finding import Findings, Part, fault, guarded, ok, warning
from cli.redis_link import asked_redis
from core.catalog import known_models
from core.config import Settings
from core.errors import ConfigError, Unavailable
from core.job_store import JobStore
from core.measures import Measures, Stock
from core.messages import CONTROL_QUEUE

_PART = Part.WORKERS
#: The reaper looks every 5 s, and another takes over within 20.
_REAPED_WITHIN = 30
_SECOND = 1000  # ms
_LOG = "Start one; its log says why it ended."


def examine(case: Case) -> Findings:
    if not case.no_redis:  # of which the broker's part tells
        yield from guarded(_PART, "workers", _workers, case.settings)


def _workers(settings: Settings) -> Findings:
    try:
        measures = _measured(settings)
    except (ConfigError, Unavailable):
        seen = "cannot be told: Redis does not answer"
        yield warning(_PART, "workers", seen, "See what is said of the broker.")
        return
    yield from _control(measures)
    yield from _detection(measures)


def _measured(settings: Settings) -> Measures:
    """With the live workers of every model that is known here, or has open shards."""
    known = [CONTROL_QUEUE, *known_models(settings.model_files)]
    with asked_redis(settings) as redis:
        store = JobStore(redis, send=lambda _messages: None)
        measures = store.measure(known)
        # Another host may know more models than this one.
        return store.measure(list(dict.fromkeys([*known, *_open(measures)])))


def _open(measures: Measures) -> dict[str, int]:
    """Open shards by model."""
    return (measures.stock or Stock({}, {}, 0)).open


def _control(measures: Measures) -> Findings:
    live = measures.workers[CONTROL_QUEUE]
    if not live:
        seen = "none lives: nothing is planned, merged, repaired or told to webhooks"
        yield fault(_PART, "control", seen, _LOG)
        return
    yield ok(_PART, "control", f"{live} live")
    age = measures.since_reaped_ms
    if age is None:
        yield warning(_PART, "reaper", "has not looked yet", "Run this again in a few seconds.")
    elif age > _REAPED_WITHIN * _SECOND:
        seen = f"looked {age / _SECOND:,.0f} s ago, and should every 5 s"
        yield fault(_PART, "reaper", seen, "See the logs of the control workers.")
    else:
        yield ok(_PART, "reaper", f"looked {age / _SECOND:.0f} s ago")


def _detection(measures: Measures) -> Findings:
    work = _open(measures)
    found = {model: live for model, live in measures.workers.items() if live or work.get(model)}
    found.pop(CONTROL_QUEUE, None)
    for model, live in found.items():
        seen = f"{live} live, {work.get(model, 0):,} open shards"
        if live:
            yield ok(_PART, model, seen)
        else:
            yield fault(_PART, model, seen, f"{_LOG} Or wait, where one is just being started.")
    if not found:
        yield ok(_PART, "detection", "none lives, and no shard is open")
