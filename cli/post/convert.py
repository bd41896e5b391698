"""`megabatch post convert`: results to and from what other programs read."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from cli.extras import require
from cli.numbers import FloatRange
from cli.post.options import examples
from cli.terminal import printable, say, say_warning
from core.results.reader import open_results
from core.results.versions import known_version
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.formats import (
    RESULTS,
    SOURCES,
    TARGETS,
    convert_from,
    convert_to,
    with_threshold,
)
from postprocessing.thresholds import Threshold

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
#: What only reading, or only writing, asks for, by the name of its option.
_WORDS = {
    "threshold": "--threshold",
    "folder_columns": "--folder-columns",
    "images": "--images",
    "scores": "--scores",
    "deployments": "--deployments",
    "timezone": "--timezone",
    "gap": "--events",
    "metadata": "--metadata",
    "version": "--format-version",
}


def _zone(context: click.Context, option: click.Parameter, value: str | None) -> tzinfo | None:
    """A time zone by its name, or an offset from UTC."""
    if value is None:
        return None
    if match := _OFFSET.fullmatch(value):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if offset < timedelta(hours=24):
            return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise click.BadParameter(
            f"{value!r} is no time zone; give an offset such as +02:00, or a name such as "
            "Africa/Nairobi."
        ) from error


@click.command(
    epilog=examples(
        "megabatch post convert results.json --to csv -o images.csv",
        "megabatch post convert results.json --to coco --threshold 0.5 -o coco.json",
        "megabatch post convert results.json --to camtrap-dp --deployments deployments.csv "
        "--timezone +02:00 -o package",
        "megabatch post convert results.json --to results --format-version 1.3 -o older.json",
        "megabatch post convert images.csv --from csv -o again.json",
    )
)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--to", "target", type=click.Choice(list(TARGETS)), help="What to write.")
@click.option("--from", "origin", type=click.Choice(list(SOURCES)), help="What SOURCE is.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Where to write."
)
@click.option(
    "--threshold",
    type=FloatRange(0, 1),
    help="Leave out detections that are not above this. [default: for csv, yolo, labelme and "
    "camtrap-dp, typical of the file's detector; else all are kept]",
)
@click.option(
    "--folder-columns",
    type=click.IntRange(0, 20),
    metavar="N",
    help="Columns of a table for the first folders of a name. [default: 2]",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the images, where the file does not tell their sizes.",
)
@click.option("--scores", is_flag=True, help="Write confidences into YOLO's lines, the sixth word.")
@click.option(
    "--deployments", type=_FILE, help="CSV of Camtrap DP's deployments, with a column `folder`."
)
@click.option("--timezone", callback=_zone, help="What the cameras' clocks showed, such as +02:00.")
@click.option(
    "--events",
    "gap",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Also write events into a Camtrap DP: images of a deployment at most so long after one "
    "another.",
)
@click.option(
    "--metadata", type=_FILE, help="JSON with the contributors, project ... of a Camtrap DP."
)
@click.option("--format-version", "version", help="Version of the results, 1.0 to 1.6.")
def convert(
    source: Path, target: str | None, origin: str | None, output: Path, **given: Any
) -> None:
    """Convert results to and from other formats.

    --to writes a results file as other programs read it, --from makes one of their files. What has
    no place in the target is counted and said.
    """
    if (target is None) == (origin is None):
        raise click.UsageError("Give --to FORMAT for results, or --from FORMAT to get results.")
    chosen = {name: one for name, one in given.items() if one is not None and one is not False}
    if "images" in chosen or "parquet" in {target, origin}:
        require("post", "`megabatch post convert`, with --images or parquet,")
    notes = Notes()
    if origin is not None:
        _refuse(chosen, SOURCES[origin].options, origin)
        if source.is_dir() != SOURCES[origin].folder:
            raise click.UsageError(f"{origin} is a {'folder' if source.is_file() else 'file'}.")
        count = convert_from(origin, source, output, _options(chosen), notes)
    else:
        count = _write(target or RESULTS, source, output, chosen, notes)
    say(f"{output}: {count:,} images")
    _say_notes(notes.counts)
    if not count:
        say_warning(f"There is no image in {output}.")


def _write(name: str, source: Path, output: Path, chosen: dict[str, Any], notes: Notes) -> int:
    _refuse(chosen, TARGETS[name].options, name)
    if source.is_dir():
        raise click.UsageError(f"{source} is a folder; give a results file.")
    results = open_results(source)
    options = with_threshold(results, name, _options(chosen))
    if options.threshold is not None:
        say(f"detections above {options.threshold}")
    return convert_to(name, results, output, options, notes)


def _refuse(chosen: Iterable[str], read: frozenset[str], name: str) -> None:
    """No option is given in vain."""
    for option in chosen:
        if option not in read:
            raise click.UsageError(f"{_WORDS[option]} says nothing to {name}.")


def _options(chosen: Mapping[str, Any]) -> Options:
    values = dict(chosen)
    if "threshold" in values:
        values["threshold"] = Threshold(values["threshold"], "given")
    if "version" in values:
        try:
            values["version"] = known_version(values["version"])
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--format-version") from error
    return Options(**values)


def _say_notes(counts: Mapping[str, int]) -> None:
    if counts:
        say("What is not as it was:")
    for what, count in counts.items():
        say(f"{count:>9,} {printable(what)}")
