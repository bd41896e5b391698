"""What the commands on a running service share: options, a client, and the commands they advise."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from click.core import ParameterSource

from cli.client import DEFAULT_SERVICE, Client, ServedJob
from cli.problems import API_KEY
from core.errors import ConfigError

_Command = TypeVar("_Command", bound=Callable[..., Any])

service_option = click.option(
    "--service",
    envvar="MEGABATCH_SERVICE",
    default=DEFAULT_SERVICE,
    show_default=True,
    show_envvar=True,
    help="URL of the running service.",
)
job_argument = click.argument("job_id", metavar="ID")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def output_option(text: str) -> Callable[[_Command], _Command]:
    """Adds `--output`, given to the command as `target` and known to be writable."""
    return click.option(
        "-o",
        "--output",
        "target",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_writable,
        help=text,
    )


def _writable(
    _context: click.Context, _parameter: click.Parameter, target: Path | None
) -> Path | None:
    """Finds out before any work is done whether the file can be written."""
    if target is None:
        return None
    folder = target.expanduser().parent
    if not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}; make it first")
    # Asking for permissions is not enough: root has them all, on a read-only disk too.
    probe = folder / f".{target.name}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise click.BadParameter(f"{target} cannot be written: {error.strerror}") from error
    return target.expanduser()


@contextmanager
def connected(service: str) -> Iterator[Client]:
    """A client of the service, with the key that MEGABATCH_API_KEY holds, if any.

    Raises click.UsageError when one of the two cannot be what it should be.
    """
    try:
        client = Client(service, os.environ.get(API_KEY, "").strip())
    except ConfigError as error:
        raise click.UsageError(error.message) from error
    try:
        yield client
    finally:
        client.close()


def advised(*words: object) -> str:
    """A command line to type next, between backticks, for the service that was named here."""
    context = click.get_current_context()
    line = shlex.join(["megabatch", *map(str, words)])
    if context.get_parameter_source("service") is ParameterSource.COMMANDLINE:
        line += f" --service {shlex.quote(context.params['service'])}"
    return f"`{line}`"


def print_json(job: ServedJob) -> None:
    """The job in one line, as the service tells of it."""
    click.echo(msgspec.json.encode(job))
