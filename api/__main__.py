"""`python -m api`: the HTTP API under gunicorn, with threads; settings from the environment."""

import argparse
import logging
import os
import sys

from api.server import LOG_FORMAT, ApiServer, ServerOptions
from core.config import read_settings
from core.errors import ConfigError
from core.secrets import RedactingFormatter


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("python -m api", description="The HTTP API of MegaBatch.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=16, help="requests at a time, a process")
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(LOG_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        settings = read_settings(os.environ)
    except ConfigError as error:
        parser.error(error.message)
    options = ServerOptions(chosen.host, chosen.port, chosen.threads, chosen.processes)
    ApiServer(settings, options).run()


if __name__ == "__main__":
    main(sys.argv[1:])
