"""`megabatch post crops`: each detection as a picture of its own."""

from pathlib import Path

import click

from cli import exit_codes
from cli.numbers import FloatRange
from cli.post.options import (
    examples,
    images_option,
    new_folder_option,
    results_argument,
    threshold_option,
)
from cli.terminal import first_of, say, say_warning
from core.results.reader import open_results
from postprocessing.categories import ids_of
from postprocessing.crops import TABLE, CropOptions, crop_all
from postprocessing.disk import Names, files_below
from postprocessing.thresholds import typical

_SHOWN = 10


@click.command(epilog=examples("megabatch post crops results.json --images photos -o crops"))
@results_argument
@images_option(required=True)
@new_folder_option("crops")
@threshold_option
@click.option("--category", multiple=True, help="Only detections of this category.")
@click.option(
    "--margin",
    type=FloatRange(0, 2),
    default=0.0,
    show_default=True,
    help="Add so much of a box's size on each side.",
)
def crops(
    results: Path,
    *,
    images: Path,
    output: Path,
    threshold: float | None,
    category: tuple[str, ...],
    margin: float,
) -> None:
    """Cut each detection out as a picture of its own.

    Sub-folders are kept, and crops.csv says what each picture is of. Crops have neither EXIF data
    nor GPS.
    """
    opened = open_results(results)
    above = typical(opened, threshold)
    options = CropOptions(threshold=above.value, categories=ids_of(opened, category), margin=margin)
    done = crop_all(opened, images, Names(files_below(images)), output, options)
    say(f"{output}: {done.crops:,} crops above {above}, and {TABLE}")
    for what, names in (("have no file", done.missing), ("cannot be read", done.unreadable)):
        if names:
            say_warning(f"{len(names):,} images {what}: {first_of(names, _SHOWN)}")
    left_out = bool(done.missing or done.unreadable)
    click.get_current_context().exit(exit_codes.SOME_FAILED if left_out else exit_codes.DONE)
