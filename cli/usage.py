"""`megabatch usage`: what a service did in a month. Works on its storage, as `keys` does."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli.data_folder import DataFolder, data_option
from cli.service import json_option
from cli.storage_source import storage_settings
from cli.terminal import new_table, print_table, printable, say, say_warning
from core.jobs import utc_now
from core.usage import Month, Usage

if TYPE_CHECKING:
    from core.ended_jobs import EndedJob

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def _month(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Month:
    """A month that has begun; the current one where none is named."""
    now = Month.of(utc_now())
    if text is None:
        return now
    match = _MONTH.fullmatch(text)
    if not match or match[1] == "0000":
        raise click.BadParameter(f"{text!r} is no month; write it as {now}.")
    month = Month(int(match[1]), int(match[2]))
    if month > now:
        raise click.BadParameter(f"{month} has not begun; in UTC it is {now}.")
    return month


class _Counted(msgspec.Struct, frozen=True):
    """What the jobs of a month came to."""

    #: By what was asked for, the most worker seconds first.
    rows: dict[str, Usage]
    total: Usage
    #: Jobs that may belong to this month, of which nothing is known.
    unknown_jobs: int


@click.command()
@click.option(
    "--by",
    type=click.Choice(["caller", "model"]),
    default="caller",
    show_default=True,
    help="A row for each of these.",
)
@click.option(
    "--month",
    metavar="YYYY-MM",
    callback=_month,
    help="The month, in UTC. [default: the current one]",
)
@json_option
@data_option
def usage(by: str, month: Month, as_json: bool, data_folder: Path | None) -> None:
    """Tell what a service did in a month, and for whom.

    A job counts in the month in which it ended, also if it was deleted since; one that has not
    ended counts in none yet. Worker seconds are those that workers spent on images: by them the
    cost of the GPUs can be shared.
    """
    counted = _count(_ended_jobs(data_folder, month), by)
    if as_json:
        click.echo(msgspec.json.encode(_told(counted, by, month)))
        return
    _print(counted, by, month)


def _ended_jobs(data_folder: Path | None, month: Month) -> Iterable["EndedJob"]:
    if data_folder and not DataFolder(data_folder, made=False).storage.is_dir():
        raise click.UsageError(f"{data_folder} is no data folder; check what --data names.")
    settings = storage_settings(data_folder, os.environ, "Usage of which service?")
    # Storage is a heavy library, which the commands that talk HTTP do without.
    from core.ended_jobs import ended_in
    from core.job_folder import open_job_folder
    from core.sealing import new_secret_key

    # Nothing secret is opened here, so any key does.
    settings = msgspec.structs.replace(settings, secret_keys=(new_secret_key(),))
    return ended_in(open_job_folder(settings), month)


def _count(jobs: Iterable["EndedJob"], by: str) -> _Counted:
    rows: defaultdict[str, Usage] = defaultdict(Usage)
    total, unknown = Usage(), 0
    for job in jobs:
        if job.usage is None:
            unknown += 1
            continue
        name = job.caller if by == "caller" else job.usage.model
        rows[name] = rows[name].plus(job.usage)
        total = total.plus(job.usage)
    ordered = sorted(rows.items(), key=lambda row: (-row[1].worker_seconds, row[0]))
    return _Counted(dict(ordered), total, unknown)


def _told(counted: _Counted, by: str, month: Month) -> dict[str, Any]:
    """The same for programs."""
    return {
        "month": str(month),
        "by": by,
        "rows": [{by: name, **_numbers(one)} for name, one in counted.rows.items()],
        "total": _numbers(counted.total),
        "unknown_jobs": counted.unknown_jobs,
    }


def _numbers(one: Usage) -> dict[str, float]:
    # Milliseconds are what was noted; the rest of a sum is the noise of its fractions.
    rounded = msgspec.structs.replace(one, worker_seconds=round(one.worker_seconds, 3))
    return msgspec.structs.asdict(rounded)


def _print(counted: _Counted, by: str, month: Month) -> None:
    if counted.rows:
        headings = ("JOBS", "IMAGES", "WORKER SECONDS", "BYTES READ", "BYTES OF RESULTS")
        table = new_table(by.upper(), *headings)
        for column in table.columns[1:]:
            column.justify = "right"
        for name, one in [*counted.rows.items(), ("(all)", counted.total)]:
            table.add_row(printable(name), *_cells(one))
        print_table(table)
    else:
        click.echo(f"No job ended in {month} (UTC).")
    say(f"Jobs that ended in {month} (UTC). Those that have not ended are not counted.")
    if counted.unknown_jobs:
        say_warning(
            f"jobs that may belong to {month}, and of which it is not known what they came to: "
            f"{counted.unknown_jobs:,}. They were deleted before that was kept, or their records "
            "are damaged."
        )


def _cells(one: Usage) -> list[str]:
    numbers = f"{one.worker_seconds:,.1f}", f"{one.bytes_read:,}", f"{one.results_bytes:,}"
    return [f"{one.jobs:,}", f"{one.images:,}", *numbers]
