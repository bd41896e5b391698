"""The Celery app: its settings, once; queues and task names; sending.

The broker carries hints. A message that is lost, late or repeated does no harm: the job store says
what may be done, and the reaper sends again what was not heard.
"""

import logging
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.config import Settings
from core.job_reader import PREFIX
from core.job_store import JobStore
from core.messages import Message

logger = logging.getLogger(__name__)

#: Task names as they stand on the broker.
TASKS = {name: f"megabatch.{name}" for name in ("plan_job", "run_shard", "merge_job")}


def create_celery(settings: Settings, *, socket_timeout: float) -> Celery:
    """A Celery app. `socket_timeout`, in seconds, is how long the broker may keep us waiting."""
    app = Celery("megabatch", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        # A shard whose child died comes back at once; our own counters bound how often.
        task_reject_on_worker_lost=True,
        task_acks_on_failure=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_pool="prefork",
        # TensorFlow does not survive a fork, and needs long to import.
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=180,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=25,
        worker_enable_soft_shutdown_on_idle=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": socket_timeout,
            "socket_connect_timeout": min(3.0, socket_timeout),
            "socket_keepalive": True,
            "health_check_interval": 10,
            "global_keyprefix": PREFIX,
            "queue_order_strategy": "round_robin",
        },
    )
    return app


class Sender:
    """Puts messages on the broker; one that cannot be sent is left to the reaper."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def __call__(self, messages: Sequence[Message]) -> None:
        try:
            with self._app.producer_or_acquire() as producer:
                for message in messages:
                    self._app.send_task(
                        TASKS[message.task],
                        message.arguments,
                        queue=message.queue,
                        producer=producer,
                        retry=False,
                    )
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("broker away, the reaper will send again: %s", type(error).__name__)


def connect_redis(settings: Settings, *, socket_timeout: float) -> Redis:
    """A client that does not try again by itself: who waits, and how long, is the caller's."""
    return Redis.from_url(
        settings.redis_url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=min(3.0, socket_timeout),
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


def open_job_store(settings: Settings, *, socket_timeout: float) -> JobStore:
    """The job store, with messages going out over a Celery app of its own."""
    sender = Sender(create_celery(settings, socket_timeout=socket_timeout))
    return JobStore(connect_redis(settings, socket_timeout=socket_timeout), sender)
