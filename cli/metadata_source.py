"""Which metadata a job carries: pairs that are given as options."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def metadata_option(text: str) -> Callable[[_Command], _Command]:
    """Adds `--metadata`, given to the command as a mapping; `text` is its help."""
    return click.option(
        "--metadata", metavar="KEY=VALUE", multiple=True, callback=_pairs, help=text
    )


def _pairs(
    _context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for key, sign, _value in split:
        if not (key and sign):
            raise click.BadParameter("write KEY=VALUE, such as site=north")
    return {key: value for key, _sign, value in split}
