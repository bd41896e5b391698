"""The group `megabatch post` and its commands."""

import click

from cli import exit_codes
from cli.post import summary, validate


@click.group(epilog=exit_codes.EPILOG)
def post() -> None:
    """Tools that work on a results file.

    They read every version of the MegaDetector format, and never change the file that they read.
    """


for command in (summary.summary, validate.validate):
    post.add_command(command)
