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

threshold_option = click.option(
    "--threshold",
    type=FloatRange(0, 1),
    help="Detections count above this. [default: typical of the file's detector]",
)


def examples(*lines: str) -> str:
    """The text below a command's options."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
