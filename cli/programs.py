"""`megabatch api` and `megabatch worker`: single parts of a system that spans machines."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from cli.weights import default_model_folder

#: Where the packages lie that are run with `python -m`.
CODE_FOLDER = Path(__file__).resolve().parents[1]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port there."
)
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Server processes."
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Requests at a time, a process.",
)
def api(**options: object) -> None:
    """Run the HTTP API alone."""
    _become("api", *(word for name, value in options.items() for word in (f"--{name}", str(value))))


@click.group()
def worker() -> None:
    """Run one worker alone."""


@worker.command()
def control() -> None:
    """Plan and merge jobs, and repair what broke. A system needs one at least."""
    _become("workers", "control")


@worker.command()
@click.option("--model", required=True, help="Name of the model, such as megadetector-v3.")
def detection(model: str) -> None:
    """Run shards of one model's jobs. Start one for each GPU."""
    _become("workers", "detection", "--model", model)


def _become(module: str, *words: str) -> NoReturn:
    """Run a package of ours in place of this process, so that signals reach it."""
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: what lies in the folder that it is started from is not the package that is meant.
    command = [sys.executable, "-P", "-m", module, *words]
    os.execve(sys.executable, command, environment(os.environ))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the new program: it finds our packages, and the models of `models fetch`."""
    found = os.pathsep.join([str(CODE_FOLDER), *filter(None, [environ.get("PYTHONPATH")])])
    folder = environ.get("MEGABATCH_MODEL_FOLDER") or str(default_model_folder())
    return {**environ, "PYTHONPATH": found, "MEGABATCH_MODEL_FOLDER": folder}
