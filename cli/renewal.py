"""`megabatch container-url`: a fresh SAS for a job that has not ended."""

import os
from pathlib import Path

import click

from cli.container_source import container_url, url_file_option
from cli.service import advised, connected, job_argument, service_option
from cli.terminal import say


@click.command("container-url")
@job_argument
@click.argument("container", required=False)
@url_file_option
@service_option
def renew_container(
    job_id: str, container: str | None, url_file: Path | None, service: str
) -> None:
    """Give the job ID a fresh SAS URL of its container.

    A paused job goes on with it; a running one takes it up when its SAS ends. Without CONTAINER,
    or with `-`, the URL is asked for, or read from standard input; --container-url-file and the
    variable MEGABATCH_CONTAINER_URL name it too.
    """
    url = container_url(container, url_file, os.environ) or container_url("-", None, {}) or ""
    with connected(service) as client:
        job = client.renew_container(job_id, url)
    ends = f" until {job.sas_expires_at:%Y-%m-%d %H:%M} UTC" if job.sas_expires_at else ""
    say(
        f"{job.id}: {job.status}, with a fresh URL of its container{ends}. "
        f"Follow it with {advised('wait', job.id)}."
    )
