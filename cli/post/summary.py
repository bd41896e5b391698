"""`megabatch post summary`: what is in a results file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from cli.post.options import examples, results_argument, threshold_option
from cli.summary import tally
from cli.terminal import new_table, print_table, printable
from core.results.reader import open_results
from postprocessing.summary import FolderCount, Summary, summarise
from postprocessing.thresholds import typical

#: Folders that are printed; all stand in the JSON.
_MOST_LINES = 40
_WIDEST_BAR = 20


@click.command(epilog=examples("megabatch post summary results.json"))
@results_argument
@threshold_option
@click.option(
    "--depth",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Count by so many folders of each name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def summary(results: Path, threshold: float | None, depth: int, as_json: bool) -> None:
    """Count what is in a results file.

    By category, folder and confidence; and what failed."""
    opened = open_results(results)
    counted = summarise(opened, typical(opened, threshold), depth)
    if as_json:
        click.echo(msgspec.json.encode(counted))
        return
    for line in _head(counted):
        click.echo(printable(line))
    names = list(counted.histogram)
    _print_folders(counted, names)
    _print_histogram(counted.histogram)


def _head(counted: Summary) -> list[str]:
    lines = [f"{counted.total.images:,} images, counted above {counted.threshold}"]
    if counted.first and counted.last:
        lines.append(f"taken between {counted.first} and {counted.last}, by the cameras' clocks")
    if counted.detections:
        lines.append(f"detections: {tally(counted.detections)}")
    if counted.struck_out:
        lines.append(f"struck out as repeated: {counted.struck_out:,}")
    if counted.failures:
        lines.append(f"failed: {tally(counted.failures)}")
    return lines


def _print_folders(counted: Summary, names: Sequence[str]) -> None:
    most_first = sorted(counted.folders.items(), key=lambda pair: -pair[1].images)
    table = new_table(
        "FOLDER", "IMAGES", *(printable(name).upper() for name in names), "EMPTY", "FAILED"
    )
    for folder, count in [("all", counted.total), *sorted(most_first[:_MOST_LINES])]:
        table.add_row(printable(folder) or "(none)", *_cells(count, names))
    click.echo()
    print_table(table)
    left = len(most_first) - _MOST_LINES
    if left > 0:
        click.echo(f"and {left:,} smaller folders; --json has them all")


def _cells(count: FolderCount, names: Sequence[str]) -> list[str]:
    numbers = count.images, *(count.found[name] for name in names), count.empty, count.failed
    return [f"{number:,}" for number in numbers]


def _print_histogram(histogram: Mapping[str, Sequence[int]]) -> None:
    """A row for each twentieth of 0..1, from the first that holds something to the last."""
    rows = list(zip(*histogram.values(), strict=True))
    filled = [index for index, row in enumerate(rows) if any(row)]
    if not filled:
        return
    most = max(map(max, rows))
    table = new_table("CONFIDENCE", *(printable(name).upper() for name in histogram))
    for index in range(filled[0], filled[-1] + 1):
        cells = (f"{count:>9,} {'#' * round(_WIDEST_BAR * count / most)}" for count in rows[index])
        table.add_row(f"{index / len(rows):.2f}", *cells)
    click.echo()
    print_table(table)
