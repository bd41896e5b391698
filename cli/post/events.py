"""`megabatch post events`: images of a camera within a short time, as one event."""

import csv
from pathlib import Path

import click

from cli.post.options import examples, output_option, results_argument, threshold_option
from cli.terminal import say
from core.results.reader import open_results
from postprocessing.cells import safe_cell
from postprocessing.events import GAP, Event, camera_folder
from postprocessing.events import events as found_events
from postprocessing.saving import refuse_input
from postprocessing.thresholds import typical

_COLUMNS = ("camera", "start", "end", "images", "failed", "first_image")


@click.command(epilog=examples("megabatch post events results.json -o events.csv"))
@results_argument
@threshold_option
@click.option(
    "--gap",
    type=click.IntRange(1),
    default=GAP,
    show_default=True,
    help="Seconds between two images of one event, at most.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="A camera is so many folders of a name. [default: the whole folder]",
)
@output_option
def events(
    results: Path, threshold: float | None, gap: int, depth: int | None, output: Path
) -> None:
    """Write a CSV with a row for each event.

    An event is images of one camera without a long gap between.

    Times are those of the cameras' clocks. A category's count is the most of it that one image of
    the event shows. For Camtrap DP see `megabatch post convert --to camtrap-dp --events`.
    """
    opened = open_results(results)
    refuse_input(output, results)
    above = typical(opened, threshold)
    found, undated = found_events(opened, above.value, gap=gap, camera_of=camera_folder(depth))
    names = list(opened.detection_categories.values())
    with output.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*_COLUMNS, *map(safe_cell, names)])
        rows.writerows(_row(event, names) for event in found)
    say(f"{output}: {len(found):,} events with gaps of at most {gap} s, counted above {above}")
    if undated.images:
        say(f"  without a time, and in no event: {undated.images:,} images")


def _row(event: Event, names: list[str]) -> list[object]:
    counts = [event.counts.get(name, 0) for name in names]
    camera, first = safe_cell(event.camera), safe_cell(event.images[0])
    return [camera, event.start, event.end, len(event.images), event.failed, first, *counts]
