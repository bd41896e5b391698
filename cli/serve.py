"""`megabatch serve`: the whole system on one machine."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli.client import DEFAULT_SERVICE
from cli.data_folder import DATA_FOLDER
from cli.keys import advice
from cli.system import System, SystemOptions, running_system
from cli.terminal import program, say
from cli.weights import model_folder_option, weights_of
from core.catalog import find_model
from core.config import Settings
from core.jobs import utc_now

_FOLDER = click.Path(path_type=Path, file_okay=False)
_GRAPH_SUFFIX = ".pb"
_DEFAULT_MODEL = "MEGABATCH_DEFAULT_MODEL"


@click.command()
@click.option(
    "--model",
    "named",
    metavar="NAME_OR_FILE",
    multiple=True,
    help="A model to serve: a name, or a frozen graph of your own (a .pb file, which jobs name by "
    "its stem). Can be given several times; the first is that of jobs which name none. "
    f"[env var: {_DEFAULT_MODEL}; default: {Settings().default_model}]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Detection workers for each model. Each loads it; one a GPU, or one on a CPU machine.",
)
@click.option(
    "--data",
    "data_folder",
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
def serve(named: tuple[str, ...], model_folder: Path, **options: Any) -> None:
    """Run the whole system on this machine: Redis, API, workers.

    Uses the Redis that REDIS_URL names, else starts one of its own. Stop with Ctrl-C: what runs is
    given back, and goes on at the next start.
    """
    default = os.environ.get(_DEFAULT_MODEL) or Settings().default_model
    models, files = chosen_models(named or (default,))
    known = [*files, *_files_of(os.environ)]
    for name in models:
        weights_of(find_model(name, known), model_folder)
    system = SystemOptions(models=models, model_files=files, model_folder=model_folder, **options)
    serve_until_stopped(system, os.environ)


def chosen_models(named: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Names of the models to serve, each once, and the files among them.

    Raises click.UsageError for a file that is not there, or two of one stem.
    """
    files = {Path(word).expanduser().resolve(): None for word in named if _is_file(word)}
    for file in files:
        if not file.is_file():
            raise click.UsageError(f"There is no model file {file}.")
    if len({file.stem for file in files}) < len(files):
        raise click.UsageError(
            "Two model files have the same name; jobs could not tell them apart. Rename one."
        )
    names = dict.fromkeys(Path(word).stem if _is_file(word) else word for word in named)
    return tuple(names), tuple(files)


def _is_file(word: str) -> bool:
    return word.lower().endswith(_GRAPH_SUFFIX) or os.sep in word


def _files_of(environ: Mapping[str, str]) -> list[Path]:
    words = environ.get("MEGABATCH_MODEL_FILES", "").split(",")
    return [Path(word.strip()).expanduser().resolve() for word in words if word.strip()]


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
    each = " each" if len(options.models) > 1 else ""
    yield f"MegaBatch runs at {system.url} with {workers}{each} for {', '.join(options.models)}."
    yield f"Submit a job:   {program()} submit CONTAINER --wait{at}"
    if not options.allowed_roots and not environ.get("MEGABATCH_ALLOWED_ROOTS"):
        yield "                (a SAS URL; for local folders start again with --allow-root FOLDER)"
    yield from advice(options.host, system.folder, environ)
    yield f"Data and logs:  {system.folder.path}"
    yield "Stop it with Ctrl-C."
