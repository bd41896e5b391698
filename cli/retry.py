"""`megabatch retry-failed`: a new job that tries a job's failed images again."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cli import exit_codes
from cli.container_source import container_url, url_file_option
from cli.ending import wait_for
from cli.metadata_source import metadata_option
from cli.service import (
    advised,
    connected,
    job_argument,
    json_option,
    output_option,
    print_json,
    service_option,
)
from cli.terminal import say
from cli.webhook_source import webhook_options, webhook_url


@click.command("retry-failed", epilog=exit_codes.EPILOG)
@job_argument
@click.argument("container", required=False)
@url_file_option
@click.option(
    "--truncated-images",
    type=click.Choice(["accept"]),
    help="Pad images that were cut off, and mark them.",
)
@click.option("--name", help="A name for the new job, in place of the old one's.")
@metadata_option("In place of the old job's. Can be given several times.")
@webhook_options
@click.option("--wait", "waits", is_flag=True, help="Wait until the new job has ended.")
@output_option("Wait, then write the new job's results file, which is whole.")
@json_option
@service_option
def retry_failed(
    job_id: str, container: str | None, url_file: Path | None, service: str, **options: Any
) -> None:
    """Try the failed images of the job ID again.

    Prints the id of the new job, whose results hold what succeeded before, too. CONTAINER is a
    fresh URL of the same container, where the SAS of the job has expired; with `-` it is asked for,
    or read from standard input. --container-url-file and the variable MEGABATCH_CONTAINER_URL name
    it too. What is not said anew is as in the old job, its webhook as well.
    """
    waits, target, as_json = (options.pop(name) for name in ("waits", "target", "as_json"))
    fields = _fields(container_url(container, url_file, os.environ), options)
    with connected(service) as client:
        job = client.retry_failed(job_id, fields)
        waiting = waits or target is not None
        if not as_json:
            click.echo(job.id)
        elif not waiting:
            print_json(job)
        if waiting:
            wait_for(client, job.id, target, answered=True, as_json=as_json)
        say(f"Accepted. Follow it with {advised('wait', job.id)}.")


def _fields(url: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request: what is said anew, and nothing else."""
    given = {name: value for name, value in options.items() if value not in (None, {})}
    told = webhook_url(given.pop("webhook", None), given.pop("webhook_file", None), os.environ)
    if told:
        given["webhook"] = {"url": told}
    return given | ({"container_url": url} if url else {})
