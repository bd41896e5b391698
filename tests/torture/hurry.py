"""An hour that lasts a minute: every wait for a storage is 60 times as short in this process.

All that stands between a storage that is away and the failure of an image is divided by the same
factor: the waits between tries, their longest total, the waits of a shard and of a listing that are
tried again, and the rounds of the reaper, who sends them again. How often something is tried stays
as it is. Limits on a single request stay too, for requests take as long as ever; and so do leases
and heartbeats, for nobody dies here.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec

import core.containers.azure
import core.containers.budget
import core.lua_scripts
import workers.context
import workers.reaper
import workers.shard_runner
import workers.waits
from core.containers.opening import open_container
from core.containers.patience import QUICK, Patience

FACTOR = 60


def hurry() -> None:
    """From now on, what is imported waits so much shorter."""
    for module, name, value in _hurried():
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name} any more")
        setattr(module, name, value)
    core.lua_scripts._RULES["control_ms"] = int(1000 * _CONTROL_SECONDS / FACTOR)


#: `control_ms` of the rules that Python and Lua share.
_CONTROL_SECONDS = 30


def _hurried() -> Iterator[tuple[ModuleType, str, Any]]:
    yield workers.context, "open_container", _open
    yield core.containers.azure, "QUICK", shorter(QUICK)
    for module, names in (
        (core.containers.budget, ["_ONE_TROUBLE"]),
        (workers.waits, ["_FIRST", "_LONGEST"]),
        (workers.shard_runner, ["_OUR_TROUBLE_WAIT"]),
        (workers.reaper, ["REAP_EVERY"]),
    ):
        for name in names:
            yield module, name, getattr(module, name) / FACTOR


def _open(*arguments: Any) -> Any:
    return open_container(*arguments, patience=shorter(Patience()))


def shorter(patience: Patience) -> Patience:
    return msgspec.structs.replace(
        patience,
        first_wait=patience.first_wait / FACTOR,
        longest_wait=patience.longest_wait / FACTOR,
        total_seconds=patience.total_seconds / FACTOR,
    )
