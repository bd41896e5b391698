"""Which webhook a job tells: named by an option, or where nobody else reads it."""

from collections.abc import Mapping
from pathlib import Path

import click

_VARIABLE = "MEGABATCH_WEBHOOK"


def webhook_options(command: click.decorators.FC) -> click.decorators.FC:
    """Adds `--webhook` and `--webhook-file`, given to the command as those names."""
    return click.option(
        "--webhook",
        metavar="URL",
        help="Tell this URL what happens to the job. It is a secret where it holds one: "
        f"--webhook-file and the variable {_VARIABLE} keep it out of process lists.",
    )(
        click.option(
            "--webhook-file",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="Read that URL from this file.",
        )(command)
    )


def webhook_url(url: str | None, file: Path | None, environ: Mapping[str, str]) -> str | None:
    """The URL to tell; None where nothing names one. An option counts before the variable.

    Raises click.UsageError when both options name one, or the file holds something else.
    """
    if url and file:
        raise click.UsageError("Name the webhook once: --webhook and --webhook-file both do.")
    if file is None:
        return url or environ.get(_VARIABLE, "").strip() or None
    try:
        words = file.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError:
        words = []
    if len(words) != 1:
        raise click.UsageError(f"{file} must hold one line: the webhook's URL.")
    return words[0]
