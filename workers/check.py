"""Whether the worker of this host lives: what the health check of its container asks."""

import re

from core.catalog import known_models
from core.config import Settings
from core.errors import Unavailable
from core.job_reader import JobReader, PasswordRefused
from core.messages import CONTROL_QUEUE
from core.queue import connect_redis

_REDIS_SECONDS = 5


def fault_of_worker(settings: Settings, host: str) -> str:
    """What is wrong with the worker on `host`, whatever it serves; empty for nothing.

    It has to beat: one whose main process hangs, or which stays away because a disk is full, does
    not. While Redis is away nobody can tell, and no worker is to be killed for that: what it runs,
    it finishes. Where Redis refuses its password, a worker that is started again has a newer one.
    """
    # As workers/factory.py makes ids: the host, the process, something random.
    own = re.compile(rf"{re.escape(host)}-\d+-[0-9a-f]+")
    with connect_redis(settings, socket_timeout=_REDIS_SECONDS) as redis:
        reader = JobReader(redis, send=lambda _messages: None)
        try:
            for served in (CONTROL_QUEUE, *known_models(settings.model_files)):
                if any(own.fullmatch(worker) for worker in reader.worker_ids(served)):
                    return ""
        except PasswordRefused as error:
            return error.message
        except Unavailable:
            return ""
    return f"No worker on {host} has been heard of lately; its log says why."
