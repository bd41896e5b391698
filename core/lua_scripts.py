"""The Lua scripts of `core/lua/`, with the rules that Python and Lua share put in front."""

from importlib.resources import files

from core.jobs import TRANSITIONS
from core.retention import KEPT_AFTER_END
from core.webhooks import EVENT_OF

#: A lease ends so long after its last renewal (workers renew every 7 s), ms.
LEASE_MS = 30_000
#: A reported error may happen so often to a shard before its images become failures.
MAX_ERRORS = 5
#: The container's storage may be away so often, over more than an hour, before a shard's images
#: become failures.
MAX_OUTAGES = 30
#: A shard may be lost so often before its images become failures.
MAX_LOSSES = 20

_RULES: dict[str, object] = {
    "transitions": {
        before.value: {after.value: True for after in sorted(afters)}
        for before, afters in TRANSITIONS.items()
    },
    # Which event a webhook is told when a job comes to a status.
    "events": {status.value: event for status, event in EVENT_OF.items()},
    # Whoever delivers to a webhook has so long for it, then another may; so many that are due are
    # looked at, and so long those wait whose caller has had enough turns.
    "deliver_ms": 60_000,
    "deliver_looks": 200,
    "sated_ms": 500,
    "lease_ms": LEASE_MS,
    # A worker counts as live so long after its last heartbeat (sent every 5 s), and is forgotten
    # some time later.
    "worker_ms": 20_000,
    "forget_ms": 600_000,
    # The reaper's lock; it works every 5 s, so another takes over within 20 s.
    "reaper_ms": 15_000,
    # A message is lost when its queue has been empty so long, or when one sent so much later on
    # the same queue was claimed before it.
    "empty_ms": 30_000,
    "overtaken_ms": 60_000,
    # `plan_job` and `merge_job` are sent again after so long without a lease.
    "control_ms": 30_000,
    # A paused job that nobody resumes is cancelled after 7 days.
    "paused_ms": 7 * 24 * 3600 * 1000,
    # A job that has ended is deleted so long after its end at the earliest, and perhaps late.
    "kept_ms": round(1000 * KEPT_AFTER_END.total_seconds()),
    "late_ms": 7 * 24 * 3600 * 1000,
    # So many of the oldest jobs are looked at each round, whether their time is over.
    "forget_jobs": 20,
    # So many shards of a job may be in flight even where one worker is live.
    "smallest_window": 4,
    # A list looks at so many jobs a page at most, and asks for so many at a time.
    "list_looks": 2000,
    "list_block": 200,
    # How often a job's pace is noted, and how long a note counts.
    "sample_ms": 5_000,
    "pace_ms": 120_000,
    # The keys of a job that only a live one needs.
    "parts": [
        *("ready", "sent", "leases", "owners", "partial", "noted"),
        *("errors", "outages", "losses", "deaths", "suspects"),
        *("done", "tally", "failures", "pace"),
    ],
}


def _literal(value: object) -> str:
    """`value` as Lua writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{_literal(k)}] = {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(_literal(item) for item in value) + "}"
    return repr(value)


def load_scripts() -> dict[str, str]:
    """Name to whole source of each script."""
    folder = files("core") / "lua"
    sources = {
        entry.name.removesuffix(".lua"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
    front = f"local RULES = {_literal(_RULES)}\n" + sources.pop("common")
    return {name: front + source for name, source in sources.items()}
