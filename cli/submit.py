"""`megabatch submit`: a new job."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli import exit_codes
from cli.client import Client, ServedJob
from cli.container_source import container_url, is_folder, url_file_option
from cli.ending import wait_for
from cli.metadata_source import metadata_option
from cli.numbers import FloatRange
from cli.report import report_lines
from cli.service import (
    advised,
    connected,
    json_option,
    output_option,
    print_json,
    service_option,
)
from cli.terminal import say, say_warning
from cli.webhook_source import webhook_options, webhook_url
from core.errors import InvalidRequest, UrlNotAllowed

_Command = TypeVar("_Command", bound=Callable[..., Any])
_KEY = re.compile(r"[!#-~]{1,128}", re.ASCII)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


def _key(_context: click.Context, _parameter: click.Parameter, key: str | None) -> str | None:
    if key is not None and not _KEY.fullmatch(key):
        raise click.BadParameter("a key has 1 to 128 visible ASCII letters, without quotes")
    return key


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
    url_file_option,
    click.option(
        "--previous-job",
        metavar="ID",
        help="Take over what succeeded in this earlier job on CONTAINER, of the same settings, and "
        "has not changed since.",
    ),
)
_FILTERS = (
    click.option("--prefix", help="Only images whose names start so, from the container's root."),
    click.option(
        "--strip-prefix",
        help="Take this off the front of every name in the results; --prefix must start with it.",
    ),
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
        type=FloatRange(0, 1),
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
    metadata_option("Given back with the job as it is. Can be given several times."),
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
@click.option(
    "--validate-only",
    "validates",
    is_flag=True,
    help="Submit nothing: tell what the job would find, how long it would take, what may go wrong.",
)
@click.option(
    "--idempotency-key",
    "key",
    callback=_key,
    help="With the same key and the same words, the same job: for scripts that may run twice.",
)
@webhook_options
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
    validates, key = options.pop("validates"), options.pop("key")
    url = container_url(container, url_file, os.environ)
    with connected(service) as client:
        body = _body(url, options)
        if validates:
            _report(client, body, as_json=as_json)
            return
        with _advice(body):
            job = client.submit(body, key)
        waiting = waits or target is not None
        if not as_json:
            click.echo(job.id)
        elif not waiting:
            print_json(job)
        _warn_of_waiting(client, job)
        if waiting:
            wait_for(client, job.id, target, answered=True, as_json=as_json)
        say(f"Accepted. Follow it with {advised('wait', job.id)}.")


def _body(url: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /v1/jobs`: what was given, and nothing that was not.

    Raises click.UsageError when nothing names images, or two things do.
    """
    given = {name: value for name, value in options.items() if value not in (None, "", (), {})}
    told = webhook_url(given.pop("webhook", None), given.pop("webhook_file", None), os.environ)
    if told:
        given["webhook"] = {"url": told}
    if url:
        given["container_url"] = url
    if not given.keys() & {"container_url", "images", "images_url"}:
        raise click.UsageError("Name images: give CONTAINER, --images or --images-url.")
    return given


def _report(client: Client, body: Mapping[str, Any], *, as_json: bool) -> None:
    with _advice(body):
        report = client.report(body)
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    for line in report_lines(report):
        click.echo(line)
    for warning in report.warnings:
        say_warning(warning.detail)
    say("Nothing was submitted.")


@contextmanager
def _advice(body: Mapping[str, Any]) -> Iterator[None]:
    """Adds to a refused folder what helps whoever runs the service themselves."""
    try:
        yield
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
