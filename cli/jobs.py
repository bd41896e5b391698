"""Commands on the jobs of a running service."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli.client import DEFAULT_SERVICE, Client
from cli.progress import exit_code, follow, show_progress, summary
from cli.terminal import messages, new_table, output, print_table, printable, say
from core.errors import JobNotFound
from core.jobs import Job

_Command = TypeVar("_Command", bound=Callable[..., Any])
_NEW_FILE = click.Path(path_type=Path, dir_okay=False)

_service = click.option(
    "--service",
    envvar="MEGABATCH_SERVICE",
    default=DEFAULT_SERVICE,
    show_default=True,
    show_envvar=True,
    help="URL of the running service.",
)
_job_id = click.argument("job_id", metavar="ID")
_output = click.option(
    "-o", "--output", "target", type=_NEW_FILE, help="Write the results file there."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@contextmanager
def _client(service: str) -> Iterator[Client]:
    client = Client(service)
    try:
        yield client
    finally:
        client.close()


def _metadata(
    _context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    """Reads KEY=VALUE options."""
    split = [pair.partition("=") for pair in pairs]
    for key, sign, _value in split:
        if not (key and sign):
            raise click.BadParameter("write KEY=VALUE, such as site=north")
    return {key: value for key, _sign, value in split}


def _image_entries(
    _context: click.Context, _parameter: click.Parameter, file: Path | None
) -> list[Any] | None:
    """The entries of an image list: a JSON list, or one name a line."""
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8-sig")
        if not text.lstrip().startswith("["):
            return [line for line in text.splitlines() if line.strip()]
        return msgspec.json.decode(text, type=list[Any])
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise click.BadParameter(f"{file} is neither a JSON list nor lines of UTF-8") from error


_FILTERS = (
    click.option("--prefix", help="Only images whose names start so, from the container's root."),
    click.option("--strip-prefix", help="Take this off the front of every name in the results."),
    click.option("--first-n", type=click.IntRange(1), help="Only the first so many images."),
    click.option("--sample-n", type=click.IntRange(1), help="So many images at random."),
    click.option("--sample-seed", type=click.IntRange(0), help="Makes the same sample again."),
    click.option(
        "--images",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        callback=_image_entries,
        help="Only the images in this file: a name a line, or a JSON list of names and [name, "
        "meta] pairs. Without CONTAINER the names are URLs.",
    ),
    click.option("--images-url", help="Such a JSON list, read by the service from this URL."),
)
_PROCESSING = (
    click.option("--model", help="Name of a model; see `megabatch models list`."),
    click.option(
        "--detection-threshold",
        type=click.FloatRange(0, 1),
        help="Detections must score strictly above it to stand in the results file.",
    ),
    click.option(
        "--truncated-images",
        type=click.Choice(["fail", "accept"]),
        help="What to do with a file that was cut off: a failure, or pad what is missing.",
    ),
    click.option(
        "--preprocessing",
        type=click.Choice(["native", "legacy-2019"]),
        help="How images are brought to the model; legacy-2019 does as the service of 2019 did.",
    ),
    click.option(
        "--include",
        type=click.Choice(["gps"]),
        multiple=True,
        help="Add this to each image of the results.",
    ),
    click.option("--name", help="A name for the job."),
    click.option(
        "--metadata",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_metadata,
        help="Given back with the job as it is. Can be given several times.",
    ),
)


def _with(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """A decorator that adds all `options`, shown by --help in their order."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command()
@click.argument("container", required=False)
@_with(*_PROCESSING, *_FILTERS)
@click.option("--wait", "waits", is_flag=True, help="Wait until the job has ended.")
@click.option("-o", "--output", "target", type=_NEW_FILE, help="Wait, then write the results file.")
@_service
def submit(
    container: str | None, waits: bool, target: Path | None, service: str, **fields: Any
) -> None:
    """Submit a job over the images of CONTAINER.

    Prints the job's id. CONTAINER is a container's SAS URL or a local folder. With `-` it is read
    from standard input, so that a SAS URL stands in no process list and no shell history.
    """
    body = request_body(_container_url(container), fields)
    with _client(service) as client:
        job = client.submit(body)
        click.echo(job.id)
        if waits or target:
            _end(client, job.id, target)
        say(f"Accepted. Follow it with `megabatch wait {job.id}`.")


def request_body(container_url: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /v1/jobs`: what was given, and nothing that was not.

    Raises click.UsageError when nothing names images.
    """
    body = {"container_url": container_url, **fields}
    if not (body["container_url"] or body.get("images") or body.get("images_url")):
        raise click.UsageError("Name images: give CONTAINER, --images or --images-url.")
    return {name: value for name, value in body.items() if value not in (None, "", (), {})}


def _container_url(container: str | None) -> str | None:
    """The container as the service is told: a URL as it is, a local folder by its whole path."""
    if container == "-":
        container = sys.stdin.readline().strip()
    if not container or "://" in container:
        return container or None
    folder = Path(container).expanduser()
    if not folder.is_absolute() and not folder.is_dir():
        raise click.UsageError(
            f"There is no folder {printable(container)!r} here; a SAS URL starts with https://."
        )
    return str(folder.resolve())


@click.command()
@_job_id
@_as_json
@_service
def status(job_id: str, as_json: bool, service: str) -> None:
    """Show how far the job ID is."""
    with _client(service) as client:
        job = client.job(job_id)
    if as_json:
        click.echo(msgspec.json.encode(job))
        return
    title = printable(f"{job.id}  {job.name}".strip())
    output().print(title, *summary(job), sep="\n", soft_wrap=True)


@click.command("list")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="So many jobs at most."
)
@_as_json
@_service
def list_jobs(limit: int, as_json: bool, service: str) -> None:
    """List jobs, newest first."""
    with _client(service) as client:
        jobs = list(islice(client.jobs(), limit))
    if as_json:
        for job in jobs:
            click.echo(msgspec.json.encode(job))
        return
    table = new_table("ID", "SUBMITTED (UTC)", "STATUS", "IMAGES", "FAILED", "MODEL", "NAME")
    for job in jobs:
        table.add_row(*(printable(cell) for cell in _cells(job)))
    print_table(table)


def _cells(job: Job) -> Iterator[str]:
    yield job.id
    yield f"{job.created_at:%Y-%m-%d %H:%M}"
    yield job.status.value
    yield f"{job.progress.images_done:,}/{job.progress.images:,}"
    yield f"{job.progress.images_failed:,}"
    yield job.model
    yield job.name


@click.command()
@_job_id
@_output
@_service
def wait(job_id: str, target: Path | None, service: str) -> None:
    """Wait until the job ID has ended.

    Exits with 0 when it completed, 4 when single images failed, 3 when it failed, 5 when it was
    cancelled, 6 when the service has not answered for ten minutes.
    """
    with _client(service) as client:
        _end(client, job_id, target)


def _end(client: Client, job_id: str, target: Path | None) -> None:
    """Wait for the job's end, fetch its results if asked to, and exit with what it means."""
    try:
        job = show_progress(follow(client, job_id), messages())
    except KeyboardInterrupt:
        say(f"Not waiting any longer; the job goes on. See `megabatch status {job_id}`.")
        raise
    for line in summary(job):
        say(line)
    if target:
        try:
            _download(client, job_id, target)
        except JobNotFound as error:  # a job that failed at once leaves no results file
            say(error.message)
    else:
        say(f"Get the results file with `megabatch results {job_id}`.")
    click.get_current_context().exit(exit_code(job))


@click.command()
@_job_id
@_service
def cancel(job_id: str, service: str) -> None:
    """Cancel the job ID.

    What is finished by then gets a results file.
    """
    with _client(service) as client:
        job = client.cancel(job_id)
    say(f"{job.id}: {job.status}. What is finished is merged into a results file.")


@click.command()
@_job_id
@_output
@_service
def results(job_id: str, target: Path | None, service: str) -> None:
    """Download the results file of the job ID.

    It is written to ID.json in this folder unless --output names a file.
    """
    with _client(service) as client:
        _download(client, job_id, target or Path(f"{job_id}.json"))


def _download(client: Client, job_id: str, target: Path) -> None:
    size = client.download_results(job_id, target)
    say(f"{target}: {size:,} bytes")
