"""`megabatch submit`: a new job."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli import exit_codes
from cli.client import Client, ServedJob
from cli.container_source import container_url, is_folder
from cli.ending import wait_for
from cli.failed_images import fields_of_failed
from cli.service import (
    advised,
    connected,
    json_option,
    output_option,
    print_json,
    service_option,
)
from cli.terminal import say, say_warning
from core.errors import InvalidRequest, UrlNotAllowed

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


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


_SOURCES = (
    click.option(
        "--container-url-file",
        "url_file",
        type=_FILE,
        help="Read CONTAINER from this file, so that a SAS URL stands in no process list.",
    ),
    click.option(
        "--failed-of",
        metavar="ID",
        help="Only the images that failed in this job, with its model and settings. Its container "
        "need not be named again where that is a folder.",
    ),
)
_FILTERS = (
    click.option("--prefix", help="Only images whose names start so, from the container's root."),
    click.option("--strip-prefix", help="Take this off the front of every name in the results."),
    click.option("--first-n", type=click.IntRange(1), help="Only the first so many images."),
    click.option("--sample-n", type=click.IntRange(1), help="So many images at random."),
    click.option("--sample-seed", type=click.IntRange(0), help="Makes the same sample again."),
    click.option(
        "--images",
        type=_FILE,
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


@click.command(epilog=exit_codes.EPILOG)
@click.argument("container", required=False)
@_with(*_SOURCES, *_PROCESSING, *_FILTERS)
@click.option("--wait", "waits", is_flag=True, help="Wait until the job has ended.")
@output_option("Wait, then write the results file.")
@json_option
@service_option
def submit(container: str | None, url_file: Path | None, service: str, **options: Any) -> None:
    """Submit a job over the images of CONTAINER.

    Prints the job's id. CONTAINER is a container's SAS URL or a local folder. A SAS URL is a
    secret: with `-` it is asked for, or read from standard input; --container-url-file and the
    variable MEGABATCH_CONTAINER_URL keep it out of process lists too.
    """
    waits, target, as_json = (options.pop(name) for name in ("waits", "target", "as_json"))
    url = container_url(container, url_file, os.environ)
    with connected(service) as client:
        job = _submitted(client, _body(client, url, options))
        waiting = waits or target is not None
        if not as_json:
            click.echo(job.id)
        elif not waiting:
            print_json(job)
        _warn_of_waiting(client, job)
        if waiting:
            wait_for(client, job.id, target, answered=True, as_json=as_json)
        say(f"Accepted. Follow it with {advised('wait', job.id)}.")


def _body(client: Client, url: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /v1/jobs`: what was given, and nothing that was not.

    Raises click.UsageError when nothing names images, or two things do.
    """
    given = {name: value for name, value in options.items() if value not in (None, "", (), {})}
    failed_of = given.pop("failed_of", None)
    if url:
        given["container_url"] = url
    if failed_of:
        return _body_of_failed(client, failed_of, given)
    if not given.keys() & {"container_url", "images", "images_url"}:
        raise click.UsageError("Name images: give CONTAINER, --images or --images-url.")
    return given


def _body_of_failed(client: Client, failed_of: str, given: dict[str, Any]) -> dict[str, Any]:
    twice = given.keys() & {"images", "images_url", "prefix", "strip_prefix"}
    if twice:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(twice))
        raise click.UsageError(f"--failed-of says already what {words} would say.")
    body = {**fields_of_failed(client, failed_of), **given}
    named_by_urls = all("://" in _name(entry) for entry in body["images"])
    if "container_url" not in body and not named_by_urls:
        raise click.UsageError(
            "The service gives no SAS URL back: name the container of that job again, as CONTAINER "
            "or with --container-url-file."
        )
    return body


def _name(entry: str | list[str]) -> str:
    return entry if isinstance(entry, str) else entry[0]


def _submitted(client: Client, body: Mapping[str, Any]) -> ServedJob:
    try:
        return client.submit(body)
    except InvalidRequest as error:
        folder = body.get("container_url", "")
        if error.code != UrlNotAllowed.code or not is_folder(folder):
            raise
        raise InvalidRequest(
            f"{error.message}\nIf you start the service yourself: "
            f"`megabatch serve --allow-root {folder}`"
        ) from error


def _warn_of_waiting(client: Client, job: ServedJob) -> None:
    if not job.waiting_for_workers:
        return
    served = ", ".join(model.name for model in client.models() if model.workers)
    say_warning(
        f"no live worker serves {job.model}, so the job waits for one. "
        + (f"Served now: {served}." if served else "No model is served now.")
    )
