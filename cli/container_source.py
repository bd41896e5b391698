"""Which container a job is about: named by an argument, or where nobody else reads it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from cli.terminal import printable, say
from core.secrets import has_secret

VARIABLE = "MEGABATCH_CONTAINER_URL"
_FILE_OPTION = "--container-url-file"

url_file_option = click.option(
    _FILE_OPTION,
    "url_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read CONTAINER from this file, so that a SAS URL stands in no process list.",
)


def container_url(
    argument: str | None, file: Path | None, environ: Mapping[str, str]
) -> str | None:
    """The container as the service is told: a URL as it is, a local folder by its whole path.

    `argument` is a URL, a folder, or `-` for standard input; `file` holds a URL or folder. None
    when nothing names a container. Raises click.UsageError when several do, or one names nothing.
    """
    variable = environ.get(VARIABLE, "").strip()
    named = {"CONTAINER": argument, _FILE_OPTION: file, VARIABLE: variable}
    given = [name for name, value in named.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"Name the container once: {' and '.join(given)} both do.")
    if not given:
        return None
    if file is not None:
        return _whole(_from_file(file))
    if variable:
        return _whole(variable)
    if argument == "-":
        return _whole(_from_standard_input())
    _advise(argument or "")
    return _whole(argument or "")


def is_folder(container: str) -> bool:
    """Whether the service takes this for a local folder."""
    return container.startswith(("/", "file:"))


def _from_file(file: Path) -> str:
    try:
        lines = file.expanduser().read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not text; it must hold a container's URL.") from error
    if len(lines) != 1:
        raise click.UsageError(f"{file} must hold one line: the container's URL.")
    return lines[0]


def _from_standard_input() -> str:
    if sys.stdin.isatty():
        url: str = click.prompt("Container URL", hide_input=True, err=True)
    else:
        url = sys.stdin.readline()
    if not url.strip():
        raise click.UsageError("Standard input holds no container URL.")
    return url.strip()


def _advise(argument: str) -> None:
    if "://" in argument and has_secret(argument):
        say(
            "This URL holds a secret, and now stands in the process list and the shell's history. "
            f"Next time give `-` (and paste it), {_FILE_OPTION} or {VARIABLE}."
        )


def _whole(container: str) -> str:
    if "://" in container:
        return container
    folder = Path(container).expanduser()
    if not folder.is_absolute() and not folder.is_dir():
        raise click.UsageError(
            f"There is no folder {printable(container)!r} here; a SAS URL starts with https://."
        )
    return str(folder.resolve())
