"""`megabatch models`: the known models, and their weights on this machine."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from cli import exit_codes
from cli.extras import require
from cli.terminal import messages, new_table, print_table, say, say_error
from core.catalog import DEMO, MODELS, Model, find_model
from core.config import Settings
from core.errors import ModelUnavailable
from detection.demo_model import build_demo_model
from detection.weights import fetch_weights, verified_weights

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Where `make` puts models: beside the code, in the folder that it is run in.
_CHECKOUT_FOLDER = Path(".cache/models")


def default_model_folder() -> Path:
    """Where models lie when nobody says: in the checkout that this is run in, or in the home."""
    if _CHECKOUT_FOLDER.is_dir():
        return _CHECKOUT_FOLDER.resolve()
    return Settings().model_folder


def model_folder_option(command: _Command) -> _Command:
    """Adds `--model-folder`, given to the command as `model_folder`."""
    return click.option(
        "--model-folder",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MEGABATCH_MODEL_FOLDER",
        default=default_model_folder,
        show_default=f"{_CHECKOUT_FOLDER} where there is one here, else ~/.cache/megabatch/models",
        show_envvar=True,
        help="Where model weights lie.",
    )(command)


def weights_of(model: Model, folder: Path) -> Path:
    """The model's verified weights; the demo model is built where it is missing.

    Raises ModelUnavailable or NotInstalled, saying how to get them.
    """
    try:
        return verified_weights(model, folder)
    except ModelUnavailable:
        if model is not DEMO:
            raise
    require("detect", "Building the demo model")
    say("Building the demo model; this is done once.")
    try:
        # In a process of its own: building imports TensorFlow, hundreds of megabytes that would
        # stay in `serve` as long as it runs.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            return apart.submit(_build_quietly, folder).result()
    except BrokenProcessPool as error:
        raise ModelUnavailable(
            "Building the demo model was ended from outside; is there enough memory?"
        ) from error


def _build_quietly(folder: Path) -> Path:
    with quiet_standard_error():
        return build_demo_model(folder)


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Keeps to itself what native code writes to standard error, unless the block fails.

    TensorFlow greets with a dozen lines about this machine's processor and the lack of a GPU,
    before any of its own switches can be set.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except ModelUnavailable:  # says all there is to say
            raise
        except BaseException:
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@click.group()
def models() -> None:
    """Known models, and their weights on this machine."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@model_folder_option
def list_models(as_json: bool, model_folder: Path) -> None:
    """List the known models, and which of them are on this machine."""
    table = new_table("MODEL", "FINDS", "HERE", "ABOUT")
    for model in MODELS.values():
        file = model_folder / model.file
        if as_json:
            told = {**msgspec.structs.asdict(model), "file": str(file), "here": file.is_file()}
            click.echo(msgspec.json.encode(told))
            continue
        here = "yes" if file.is_file() else "no"
        table.add_row(model.name, ", ".join(model.categories.values()), here, model.description)
    if not as_json:
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
    with Progress(*columns, console=messages(), transient=True) as bars:
        task = bars.add_task(model.name, total=None)
        return fetch_weights(
            model, folder, lambda done, total: bars.update(task, completed=done, total=total)
        )


@models.command(epilog=exit_codes.EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@model_folder_option
def verify(names: tuple[str, ...], model_folder: Path) -> None:
    """Compare weights on this machine with the checksums that were written down.

    Looks at all known models where none is named. Fails when one has changed, or when one that
    was named is missing.
    """
    chosen = [find_model(name) for name in names] or list(MODELS.values())
    table = new_table("MODEL", "WEIGHTS", "FILE")
    bad: list[str] = []
    for model in chosen:
        state, fault = _verified(model, model_folder)
        table.add_row(model.name, state, str(model_folder / model.file))
        if fault and (names or state == "changed"):
            bad.append(fault)
    print_table(table)
    for fault in bad:
        say_error(fault)
    click.get_current_context().exit(exit_codes.FAILED if bad else exit_codes.DONE)


def _verified(model: Model, folder: Path) -> tuple[str, str]:
    """`as it was`, `changed` or `missing`; and what is wrong, or nothing."""
    there = (folder / model.file).is_file()
    try:
        verified_weights(model, folder)
    except ModelUnavailable as error:
        return "changed" if there else "missing", error.message
    return "as it was", ""
