"""What the commands of `megabatch post` have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.numbers import FloatRange

_Command = TypeVar("_Command", bound=Callable[..., Any])

results_argument = click.argument(
    "results",
    metavar="RESULTS",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)

output_option = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write.",
)

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FOLDER_THAT_IS = click.Path(path_type=Path, file_okay=False, exists=True)


def images_option(*, required: bool) -> Callable[[_Command], _Command]:
    """`--images`: where the images of the results are."""
    told = "The folder that the names in the results start from."
    return click.option("--images", required=required, type=_FOLDER_THAT_IS, help=told)


def new_folder_option(what: str) -> Callable[[_Command], _Command]:
    """`--output`, where it is a folder of which nothing is kept."""
    told = f"The folder for the {what}: new or empty."
    return click.option("-o", "--output", required=True, type=_FOLDER, help=told)


threshold_option = click.option(
    "--threshold",
    type=FloatRange(0, 1),
    help="Detections count above this. [default: typical of the file's detector]",
)


def examples(*lines: str) -> str:
    """The text below a command's options."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
