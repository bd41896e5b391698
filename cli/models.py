"""`megabatch models`: the known models, and their weights on this machine."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from cli.terminal import messages, new_table, print_table, say
from core.catalog import DEMO, MODELS, Model, find_model
from core.config import Settings
from core.errors import ModelUnavailable
from detection.demo_model import build_demo_model
from detection.weights import fetch_weights, verified_weights

_Command = TypeVar("_Command", bound=Callable[..., Any])


def model_folder_option(command: _Command) -> _Command:
    """Adds `--model-folder`, given to the command as `model_folder`."""
    return click.option(
        "--model-folder",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MEGABATCH_MODEL_FOLDER",
        default=Settings().model_folder,
        show_default=True,
        show_envvar=True,
        help="Where model weights lie.",
    )(command)


def weights_of(model: Model, folder: Path) -> Path:
    """The model's verified weights; the demo model is built where it is missing.

    Raises ModelUnavailable, saying how to get them.
    """
    try:
        return verified_weights(model, folder)
    except ModelUnavailable:
        if model is not DEMO:
            raise
    say("Building the demo model; this is done once.")
    # In a process of its own: building imports TensorFlow, hundreds of megabytes that would stay
    # in `serve` as long as it runs.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(build_demo_model, folder).result()


@click.group()
def models() -> None:
    """Known models, and their weights on this machine."""


@models.command("list")
@model_folder_option
def list_models(model_folder: Path) -> None:
    """List the known models, and which of them are on this machine."""
    table = new_table("MODEL", "FINDS", "HERE", "ABOUT")
    for model in MODELS.values():
        here = "yes" if (model_folder / model.file).is_file() else "no"
        table.add_row(model.name, ", ".join(model.categories.values()), here, model.description)
    print_table(table)


@models.command()
@click.argument("name")
@model_folder_option
def fetch(name: str, model_folder: Path) -> None:
    """Fetch the weights of the model NAME to this machine."""
    model = find_model(name)
    path = weights_of(model, model_folder) if model is DEMO else _fetch(model, model_folder)
    say(f"{model.name} is at {path}")


def _fetch(model: Model, folder: Path) -> Path:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn()
    with Progress(*columns, console=messages()) as bars:
        task = bars.add_task(model.name, total=None)
        return fetch_weights(
            model, folder, lambda done, total: bars.update(task, completed=done, total=total)
        )
