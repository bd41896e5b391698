"""`megabatch post repeats`: boxes that recur at one place of a camera, and are no animals."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from cli.numbers import FloatRange
from cli.post.options import (
    examples,
    images_option,
    new_folder_option,
    output_option,
    results_argument,
)
from cli.terminal import first_of, say, say_warning
from core.results.reader import open_results
from postprocessing.repeats.finding import IOU, LEAST_IMAGES, MOST_AREA, Limits
from postprocessing.repeats.removing import remove_repeats
from postprocessing.repeats.reviewing import Reviewed, write_review
from postprocessing.thresholds import conservative

_SHARE = FloatRange(0, 1)
_SHOWN = 5


@click.group()
def repeats() -> None:
    """Strike out boxes that recur at one place.

    A stone that looks like an animal is found in each picture of its camera, at the same place.
    `find` makes a picture of each such place; delete the pictures that show real animals, and
    `remove` strikes out what is left.
    """


@repeats.command(
    epilog=examples("megabatch post repeats find results.json --images photos -o review")
)
@results_argument
@images_option(required=True)
@click.option(
    "--iou",
    type=FloatRange(0.1, 1),
    default=IOU,
    show_default=True,
    help="Boxes that share so much of their area with a place's box are there.",
)
@click.option(
    "--least-images",
    type=click.IntRange(2),
    default=LEAST_IMAGES,
    show_default=True,
    help="A box recurs that is in so many images of a camera.",
)
@click.option(
    "--least-conf",
    type=_SHARE,
    help="Look at detections of this confidence at least. [default: conservative of the file's "
    "detector]",
)
@click.option("--most-conf", type=_SHARE, default=1.0, show_default=True, help="And at most.")
@click.option(
    "--least-area",
    type=_SHARE,
    default=0.0,
    show_default=True,
    help="Look at boxes of this share of the picture at least.",
)
@click.option("--most-area", type=_SHARE, default=MOST_AREA, show_default=True, help="And at most.")
@click.option("--exclude", multiple=True, metavar="CATEGORY", help="Leave out this category.")
@click.option(
    "--levels",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="A camera is the folder so many levels above an image's own; 1 for folders such as "
    "camera-07/100RECNX.",
)
@new_folder_option("pictures")
def find(results: Path, images: Path, output: Path, least_conf: float | None, **given: Any) -> None:
    """Make a picture of each place where boxes recur.

    Boxes are compared within one camera and one category. Look at the pictures in any program, or
    in index.html, and delete those that show real animals.
    """
    opened = open_results(results)
    threshold = conservative(opened, least_conf)
    limits = Limits(least_conf=threshold.value, excluded=given.pop("exclude"), **given)
    say(f"looking at detections from {threshold} on")
    found = write_review(opened, limits, images, output)
    _tell(found, results, output)
    if found.grey:
        say_warning(
            f"{found.grey:,} pictures show no image: it is not in {images}, cannot be read, or is "
            "a video. Each of them says which."
        )


def _tell(found: Reviewed, results: Path, output: Path) -> None:
    say(
        f"{output}: {found.pictures:,} pictures, for {found.detections:,} detections of "
        f"{len(found.cameras_with_repeats):,} cameras; {found.cameras:,} were looked at"
    )
    if found.pictures:
        say(
            "Delete the pictures that show real animals, then run "
            f"`megabatch post repeats remove {quote(str(results))} {quote(str(output))} -o OUTPUT`."
        )


@repeats.command(
    epilog=examples("megabatch post repeats remove results.json review -o cleaned.json")
)
@results_argument
@click.argument(
    "review", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False, exists=True)
)
@output_option
def remove(results: Path, review: Path, output: Path) -> None:
    """Strike out what the pictures that are left stand for.

    The confidence of each such detection is made negative, which other programs take for less than
    any threshold. FOLDER is one that `find` made for these results.
    """
    removal = remove_repeats(open_results(results), review, output)
    say(
        f"{output}: struck out {removal.detections:,} detections in {removal.images:,} images, "
        f"for {removal.left:,} of {removal.pictures:,} pictures"
    )
    if removal.foreign:
        say_warning(
            f"{len(removal.foreign):,} pictures count as nothing, for they were not made with "
            f"this folder, or lie in a folder of their own: {first_of(removal.foreign, _SHOWN)}"
        )
