"""How a command that waited for a job ends: its summary, its results file, its exit code."""

from pathlib import Path
from typing import NoReturn

import click

from cli import exit_codes
from cli.client import Client, ServedJob
from cli.container_source import is_folder
from cli.progress import watch
from cli.service import advised, print_json
from cli.summary import share, summary
from cli.terminal import say, say_warning
from core.errors import JobNotFound
from core.jobs import JobStatus


def wait_for(
    client: Client, job_id: str, target: Path | None, *, answered: bool, as_json: bool
) -> NoReturn:
    """Wait for the job's end, fetch its results if asked to, and exit with what it means.

    `answered` tells that the service has answered before, and so deserves patience.
    """
    try:
        job = watch(client, job_id, answered=answered)
    except KeyboardInterrupt:
        output = ("-o", target) if target else ()
        say(f"The job goes on. Wait for it again with {advised('wait', job_id, *output)}.")
        raise
    for line in summary(job):
        say(line)
    _fetch(client, job, target)
    _advise(job)
    if as_json:
        print_json(job)
    click.get_current_context().exit(exit_codes.of_job(job))


def _fetch(client: Client, job: ServedJob, target: Path | None) -> None:
    if target is None:
        say(f"Get the results file with {advised('results', job.id)}.")
        return
    try:
        download(client, job, target)
    except JobNotFound as error:  # a job that failed at once leaves no results file
        say(error.message)


def download(client: Client, job: ServedJob, target: Path) -> None:
    """Write the results file, and say how much of the job it holds."""
    size = client.download_results(job.id, target)
    say(f"{target}: {size:,} bytes, {share(job)}")


def _advise(job: ServedJob) -> None:
    """What a person should look at, or do next."""
    if job.status is JobStatus.COMPLETED and not job.progress.images:
        say_warning("the job found no images, so its results are empty. Check what it was given.")
    if job.terminal and job.progress.images_failed:
        again = advised("submit", _container_of(job), "--failed-of", job.id)
        say(f"Try the failed images again with {again}.")


def _container_of(job: ServedJob) -> str:
    container = job.asked_for.get("container_url") or ""
    return container if is_folder(container) else "CONTAINER"
