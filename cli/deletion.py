"""`megabatch delete`: a job that has ended goes, with all that it owned."""

import sys

import click

from cli.client import Client
from cli.service import connected, job_argument, service_option
from cli.terminal import printable, say


@click.command()
@job_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@service_option
def delete(job_id: str, yes: bool, service: str) -> None:
    """Delete the job ID, with all that it owns.

    Its results and its image list go too. The job must have ended; `megabatch cancel` ends it.
    One that was deleted already stays so.
    """
    with connected(service) as client:
        if not yes:
            _confirm(client, job_id)
        client.delete(job_id)
    say(f"{printable(job_id)} is deleted.")


def _confirm(client: Client, job_id: str) -> None:
    """Raises click.Abort when the answer is no, and click.UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: give --yes to delete the job.")
    job = client.job(job_id)
    name = f" ({printable(job.name)})" if job.name else ""
    what = f"Delete {job.id}{name}, of {job.progress.images:,} images, with its results?"
    if not click.confirm(what, err=True):
        say("Nothing was deleted.")
        raise click.Abort
