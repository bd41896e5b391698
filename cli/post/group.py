"""The group `megabatch post` and its commands."""

import click

from cli import exit_codes
from cli.post import combine, compare, events, remap, subset, summary, timelapse, validate


@click.group(epilog=exit_codes.EPILOG)
def post() -> None:
    """Tools that work on a results file.

    They read every version of the MegaDetector format, and never change the file that they read.
    """


for command in (
    *(validate.validate, summary.summary, combine.combine, compare.compare),
    *(timelapse.timelapse, events.events),
    *(subset.subset, remap.remap, remap.by_size),
):
    post.add_command(command)
