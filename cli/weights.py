"""`megabatch models`: the known models, and their files on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli import exit_codes
from cli.extras import require
from cli.model_tables import file_table, model_table, told_model
from cli.terminal import messages, print_table, say, say_error
from core.catalog import DEMO, MODELS, Model, Part, find_model
from core.config import Settings
from core.errors import ModelUnavailable
from detection import model_choice
from detection.download import Connections
from detection.fetching import bring_file, fetch_file
from detection.model_files import ModelFile, model_file, model_files
from detection.weights import FileState, state_of, verified

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Where `make` puts models: beside the code, in the folder that it is run in.
_CHECKOUT_FOLDER = Path(".cache/models")


def _example(line: str) -> str:
    """What stands below the options of a command; `\\b` keeps click from filling the lines."""
    return f"\b\nExample:\n  {line}\n"


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
    """See `detection.model_choice.weights_of`. Raises NotInstalled, too."""
    if model is DEMO and not (folder / model.file).is_file():
        require("detect", "Building the demo model")
    return model_choice.weights_of(model, folder, say)


@click.group()
def models() -> None:
    """Known models, and their files on this machine."""


@models.command("list", epilog=_example("megabatch models list"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one model a line, for programs.")
@model_folder_option
def list_models(as_json: bool, model_folder: Path) -> None:
    """List the known models, and which of their files are on this machine.

    Reads each file that is here, to compare it with its checksum.
    """
    files = [file for model in MODELS.values() for file in model_files(model, model_folder)]
    states = {file.path: state_of(file) for file in files}
    if as_json:
        for model in MODELS.values():
            own = [file for file in files if file.model is model]
            click.echo(msgspec.json.encode(told_model(model, own, states)))
        return
    print_table(model_table(files, states))
    here = [file for file in files if states[file.path] is not FileState.MISSING]
    if here:
        click.echo(f"\nIn {model_folder}:")
        print_table(file_table(here, states))


@models.command(epilog=_example("megabatch models fetch demo"))
@click.argument("name")
@click.option(
    "--part",
    "parts",
    type=click.Choice([str(part) for part in Part]),
    multiple=True,
    default=(str(Part.FROZEN),),
    show_default=True,
    help="What to fetch: the frozen model, which detectors run, or what training goes on from. Can "
    "be given several times.",
)
@click.option(
    "--from",
    "source",
    metavar="FILE_OR_URL",
    help="Bring the file from here, where the usual places no longer have it: a file, which is "
    "copied, or a URL.",
)
@model_folder_option
def fetch(name: str, parts: tuple[str, ...], source: str | None, model_folder: Path) -> None:
    """Fetch files of the model NAME to this machine.

    What came before it broke off is kept: run the same command again, and it goes on from there. A
    file that is here is compared with its checksum, and not fetched again.
    """
    model = find_model(name)
    if source and len(parts) > 1:
        raise click.UsageError("--from brings one file; give --part once.")
    for part in dict.fromkeys(parts):
        file = model_file(model, Part(part), model_folder)
        was_here = file.path.is_file()
        path = _fetched(file, source)
        say(f"{_title(file)} is at {path}{', where it was before' if was_here else ''}.")


def _title(file: ModelFile) -> str:
    return file.model.name if file.part is Part.FROZEN else f"{file.model.name}'s {file.part}"


def _fetched(file: ModelFile, source: str | None) -> Path:
    if source is None and file.model is DEMO:
        return weights_of(file.model, file.path.parent)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn()
    speed = TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, *speed, console=messages(), transient=True) as bars:
        task = bars.add_task(_title(file), total=None)
        connections = Connections(
            progress=lambda done, total: bars.update(task, completed=done, total=total)
        )
        if source is None:
            return fetch_file(file, connections)
        return bring_file(file, source, connections)


@models.command(epilog=f"{_example('megabatch models verify demo')}\n{exit_codes.EPILOG}")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@model_folder_option
def verify(names: tuple[str, ...], model_folder: Path) -> None:
    """Compare files on this machine with the checksums that were written down.

    Looks at all known models where none is named. Fails when a file has changed, or when the frozen
    model of one that was named is missing. Of a file without a checksum it writes one down.
    """
    chosen = [find_model(name) for name in names] or list(MODELS.values())
    files = [file for model in chosen for file in model_files(model, model_folder)]
    looked_at = [file for file in files if file.part is Part.FROZEN or file.path.is_file()]
    faults = {file.path: _fault(file) for file in looked_at}
    states = {file.path: _state(file, faults[file.path]) for file in looked_at}
    print_table(file_table(looked_at, states))
    bad = [path for path, fault in faults.items() if fault]
    if not names:
        bad = [path for path in bad if states[path] is not FileState.MISSING]
    for path in bad:
        say_error(faults[path])
    click.get_current_context().exit(exit_codes.FAILED if bad else exit_codes.DONE)


def _fault(file: ModelFile) -> str:
    """What is wrong with the file, or nothing."""
    try:
        verified(file)
    except ModelUnavailable as error:
        return error.message
    return ""


def _state(file: ModelFile, fault: str) -> FileState:
    if not file.path.is_file():
        return FileState.MISSING
    return FileState.CHANGED if fault else FileState.AS_IT_WAS
