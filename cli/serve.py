"""`megabatch serve`: the whole system on one machine."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from cli.client import DEFAULT_SERVICE
from cli.models import model_folder_option, weights_of
from cli.system import System, SystemOptions, running_system
from cli.terminal import say
from core.catalog import find_model
from core.config import Settings
from core.jobs import utc_now

DATA_FOLDER = Path("megabatch-data")

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option(
    "--model",
    envvar="MEGABATCH_DEFAULT_MODEL",
    default=Settings().default_model,
    show_default=True,
    show_envvar=True,
    help="The model that the detection workers serve.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Detection workers. Each loads the model; one a GPU, or one on a CPU machine.",
)
@click.option(
    "--data-folder",
    type=_FOLDER,
    default=DATA_FOLDER,
    show_default=True,
    help="Where jobs, results, the secret key and logs lie.",
)
@click.option(
    "--allow-root",
    "allowed_roots",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    help="Jobs may read local folders below this one. Can be given several times.",
)
@model_folder_option
def serve(**options: Any) -> None:
    """Run the whole system on this machine: Redis, API, workers.

    Uses the Redis that REDIS_URL names, else starts one of its own. Stop with Ctrl-C: what runs is
    given back, and goes on at the next start.
    """
    system_options = SystemOptions(**options)
    weights_of(find_model(system_options.model), system_options.model_folder)
    serve_until_stopped(system_options, os.environ)


def serve_until_stopped(options: SystemOptions, environ: Mapping[str, str]) -> None:
    """Run the system until Ctrl-C or SIGTERM. Raises as `running_system` does."""
    # Whoever stops services sends SIGTERM; it ends this as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running_system(options, environ, _log) as system:
            say("Starting Redis, the API and the workers...")
            system.wait_ready()
            for line in announcement(system, environ):
                say(line)
            while True:
                system.pause(3600)
    except KeyboardInterrupt:
        say("Stopped.")


def _log(line: str) -> None:
    say(f"{utc_now():%Y-%m-%d %H:%M:%S} UTC: {line}")


def announcement(system: System, environ: Mapping[str, str]) -> Iterator[str]:
    """Where the system is, and how to use it."""
    options = system.options
    at = "" if system.url == DEFAULT_SERVICE else f" --service {system.url}"
    workers = f"{options.workers} detection worker{'s' if options.workers > 1 else ''}"
    yield f"MegaBatch runs at {system.url} with {workers} for {options.model}."
    yield f"Submit a job:   megabatch submit CONTAINER --wait{at}"
    if not options.allowed_roots and not environ.get("MEGABATCH_ALLOWED_ROOTS"):
        yield "                (a SAS URL; for local folders start again with --allow-root FOLDER)"
    yield f"Data and logs:  {system.folder.path}"
    yield "Stop it with Ctrl-C."
