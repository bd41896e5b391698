"""`python -m api`: the HTTP API under gunicorn, with threads; settings from the environment."""

import argparse
import logging
import os
import sys
from contextlib import suppress

from api.shared_counts import share
from core.config import Settings, read_settings
from core.errors import ConfigError, Unavailable
from core.logs import set_up_logging
from core.queue import connect_redis
from core.redis_fitness import check_fitness

_REDIS_SECONDS = 2

logger = logging.getLogger(__name__)


def refuse_unfit_redis(settings: Settings) -> None:
    """Raises ConfigError. A Redis that does not answer is waited for, and `/readyz` says so."""
    with suppress(Unavailable), connect_redis(settings, socket_timeout=_REDIS_SECONDS) as redis:
        warning = check_fitness(redis)
        if warning:
            logger.warning(warning)


def command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m api", description="The HTTP API of MegaBatch.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=64, help="requests at a time, a process")
    parser.add_argument("--processes", type=int, default=1)
    return parser


def main(arguments: list[str]) -> None:
    parser = command_parser()
    chosen = parser.parse_args(arguments)
    try:
        settings = read_settings(os.environ)
        set_up_logging(settings.log_format)
        refuse_unfit_redis(settings)
    except ConfigError as error:
        parser.error(error.message)
    if chosen.processes > 1:
        share()
    # Not before: its imports fix how requests are counted.
    from api.server import ApiServer, ServerOptions

    options = ServerOptions(chosen.host, chosen.port, chosen.threads, chosen.processes)
    ApiServer(settings, options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
