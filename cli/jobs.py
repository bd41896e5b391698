"""Commands on the jobs of a running service."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from cli import exit_codes
from cli.client import Client, ServedJob
from cli.ending import download, wait_for
from cli.progress import watch
from cli.service import (
    advised,
    connected,
    job_argument,
    json_option,
    output_option,
    print_json,
    service_option,
)
from cli.summary import WAITING, summary
from cli.terminal import new_table, output, print_table, printable, say
from core.jobs import FileKind, Job, JobStatus

_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


@click.command()
@job_argument
@click.option("--watch", "watches", is_flag=True, help="Show its progress until it has ended.")
@json_option
@service_option
def status(job_id: str, watches: bool, as_json: bool, service: str) -> None:
    """Show how far the job ID is.

    Exits with 0 however the job stands; `megabatch wait` tells its end by the exit code.
    """
    with connected(service) as client:
        job = _watched(client, job_id) if watches else client.job(job_id)
    if as_json:
        print_json(job)
        return
    title = printable(f"{job.id}  {job.name}".strip())
    output().print(title, *summary(job), sep="\n", soft_wrap=True)


def _watched(client: Client, job_id: str) -> ServedJob:
    try:
        return watch(client, job_id)
    except KeyboardInterrupt:
        say(f"The job goes on. Watch it again with {advised('status', job_id, '--watch')}.")
        raise


@click.command("jobs")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="So many jobs at most."
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([status.value for status in JobStatus]),
    multiple=True,
    help="Only jobs that stand so. Can be given several times.",
)
@click.option("--name", default="", help="Only jobs whose name holds this, in any case.")
@click.option("--since", type=_MOMENT, help="Only jobs submitted at this time or later, in UTC.")
@click.option("--until", type=_MOMENT, help="Only jobs submitted before this time, in UTC.")
@json_option
@service_option
def list_jobs(limit: int, as_json: bool, service: str, **wanted: Any) -> None:
    """List jobs, newest first."""
    filters = {
        "status": ",".join(wanted["statuses"]),
        "name": wanted["name"],
        "created_after": _written(wanted["since"]),
        "created_before": _written(wanted["until"]),
    }
    with connected(service) as client:
        jobs = list(islice(client.jobs(**filters), limit))
    if as_json:
        for job in jobs:
            print_json(job)
        return
    if not jobs:
        click.echo("No such jobs." if any(filters.values()) else "No jobs yet.")
        return
    table = new_table("ID", "SUBMITTED (UTC)", "STATUS", "IMAGES", "FAILED", "MODEL", "NAME")
    for job in jobs:
        table.add_row(*(printable(cell) for cell in _cells(job)))
    print_table(table)


def _written(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _cells(job: Job) -> Iterator[str]:
    yield job.id
    yield f"{job.created_at:%Y-%m-%d %H:%M}"
    yield WAITING if job.waiting_for_workers and not job.terminal else job.status.value
    yield f"{job.progress.images_done:,}/{job.progress.images:,}"
    yield f"{job.progress.images_failed:,}"
    yield job.model
    yield job.name


@click.command(epilog=exit_codes.EPILOG)
@job_argument
@output_option("Then write the results file there.")
@json_option
@service_option
def wait(job_id: str, target: Path | None, as_json: bool, service: str) -> None:
    """Wait until the job ID has ended.

    Outlives outages of the service of up to ten minutes.
    """
    with connected(service) as client:
        wait_for(client, job_id, target, answered=False, as_json=as_json)


@click.command()
@job_argument
@service_option
def cancel(job_id: str, service: str) -> None:
    """Cancel the job ID.

    What is finished by then gets a results file.
    """
    with connected(service) as client:
        job = client.cancel(job_id)
    say(f"{job.id}: {job.status}. What is finished is merged into a results file.")


@click.command()
@job_argument
@click.option(
    "--failed-images",
    "kind",
    flag_value=FileKind.FAILED_IMAGES,
    help="The list of the images that failed instead.",
)
@click.option(
    "--image-list",
    "kind",
    flag_value=FileKind.IMAGE_LIST,
    help="The list of the images in the results instead.",
)
@output_option("Write it there, in place of ID.json in this folder.")
@service_option
def results(job_id: str, kind: str | None, target: Path | None, service: str) -> None:
    """Download the results file of the job ID.

    Goes on where a broken connection left it, and checks what came by its SHA-256.
    """
    what = FileKind(kind or FileKind.RESULTS)
    name = job_id if what is FileKind.RESULTS else f"{job_id}_{what}"
    with connected(service) as client:
        download(client, client.job(job_id), target or Path(f"{name}.json"), what)
