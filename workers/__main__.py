"""`python -m workers control`, or `python -m workers detection --model NAME`.

`python -m workers check` tells by its exit code whether one of them lives on this host.
"""

import argparse
import logging
import os
import socket
import time

from core.catalog import find_model
from core.config import Settings, read_settings
from core.errors import MegaBatchError, Unavailable
from core.job_folder import open_job_folder
from core.job_reader import JobReader
from core.logs import set_up_logging
from core.messages import CONTROL_QUEUE, detection_queue
from core.queue import connect_redis
from core.redis_fitness import check_fitness
from detection.weights import verified_weights
from workers.check import fault_of_worker

_REDIS_SECONDS = 10
_LOOK_EVERY = 2.0

logger = logging.getLogger(__name__)


def main() -> None:
    arguments = command_parser().parse_args()
    if arguments.kind == "check":
        raise SystemExit(_check_worker())
    model = arguments.model if arguments.kind == "detection" else None
    try:
        settings = read_settings(os.environ)
        _check_setup(settings, model)
    except MegaBatchError as error:
        raise SystemExit(f"The worker cannot start: {error}") from error
    from workers.app import app

    if model is None:
        app.worker_main(worker_arguments(CONTROL_QUEUE, settings.control_processes))
    else:
        # One child, one detector: a GPU, or all cores, belong to it alone.
        app.worker_main(worker_arguments(detection_queue(model), processes=1))


def _check_worker() -> str | None:
    """What is wrong with the worker of this host, or with the settings."""
    try:
        return fault_of_worker(read_settings(os.environ), socket.gethostname()) or None
    except MegaBatchError as error:
        return error.message


def _check_setup(settings: Settings, model: str | None) -> None:
    """Find out, before any work is taken, what would make all of it fail."""
    open_job_folder(settings)
    if model is not None:
        verified_weights(find_model(model, settings.model_files), settings.model_folder)
    _wait_for_redis(settings)


def _wait_for_redis(settings: Settings) -> None:
    """Wait until Redis answers and has room. Raises ConfigError for one that would lose jobs."""
    set_up_logging(settings.log_format)
    with connect_redis(settings, socket_timeout=_REDIS_SECONDS) as redis:
        reader = JobReader(redis, send=lambda _messages: None)
        while True:
            try:
                warning = check_fitness(redis)
                reader.check_room()  # Celery ends where Redis takes nothing
            except Unavailable as error:
                logger.warning("waiting for Redis: %s", error)
                time.sleep(_LOOK_EVERY)
            else:
                break
    if warning:
        logger.warning(warning)


def worker_arguments(queue: str, processes: int) -> list[str]:
    """What Celery's `worker` command is given: no chatter between workers, and no banner."""
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return ["--quiet", "worker", f"--queues={queue}", f"--concurrency={processes}", *options]


def command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("control", help="plans and merges jobs, and repairs what broke")
    detection = kinds.add_parser("detection", help="runs shards of one model's jobs")
    detection.add_argument("--model", required=True, help="name of the model, such as demo")
    kinds.add_parser("check", help="tells by its exit code whether a worker lives on this host")
    return parser


if __name__ == "__main__":
    main()
