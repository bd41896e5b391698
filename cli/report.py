"""What the service expects of a job that is not submitted, in words."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from rich.filesize import decimal

from cli.pace import duration
from cli.summary import tally
from cli.terminal import printable


class ReadImage(msgspec.Struct, frozen=True):
    """The image that the service read."""

    name: str
    format: str
    bytes: int


class ReportWarning(msgspec.Struct, frozen=True):
    """What to know before submitting."""

    code: str
    detail: str


class ServedReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the service found; None is what it does not know."""

    model: str
    can_list: bool | None
    can_read: bool | None
    read: ReadImage | None
    names: list[str]
    images: int | None
    images_known: bool
    skipped: dict[str, int]
    sas_expires_at: datetime | None
    waiting_for_workers: bool
    seconds: int | None
    results_bytes: int | None
    warnings: list[ReportWarning]


def report_lines(report: ServedReport) -> list[str]:
    """The report for people, a line a fact; warnings are apart."""
    return [printable(line) for line in _lines(report)]


def _lines(report: ServedReport) -> Iterator[str]:
    yield f"model: {report.model}"
    if report.images is not None:
        least = "" if report.images_known else "at least "
        yield f"images: {least}{report.images:,}"
    if report.names:
        yield f"such as: {', '.join(report.names)}"
    if report.read:
        size = decimal(report.read.bytes)
        yield f"read as a trial: {report.read.name} ({report.read.format}, {size})"
    if report.skipped:
        yield f"files passed over, which are no images: {tally(report.skipped)}"
    if report.sas_expires_at:
        yield f"SAS valid until: {report.sas_expires_at:%Y-%m-%d %H:%M} UTC"
    yield from _expectations(report)


def _expectations(report: ServedReport) -> Iterator[str]:
    so_far = "" if report.images_known else ", for the images counted here"
    if report.seconds is not None:
        yield f"will take about: {duration(report.seconds)}{so_far}"
    if report.results_bytes is not None:
        yield f"results file: about {decimal(report.results_bytes)}{so_far}"
