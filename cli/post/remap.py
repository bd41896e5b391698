"""`megabatch post remap` and `by-size`: other categories for detections."""

from collections.abc import Mapping
from pathlib import Path

import click

from cli.numbers import FloatRange
from cli.post.options import examples, output_option, results_argument
from cli.terminal import printable, say
from core.results.reader import open_results
from postprocessing.remap import BySize
from postprocessing.remap import remap as remapped
from postprocessing.saving import save_like


@click.command(
    epilog=examples("megabatch post remap results.json --to vehicle=machine -o remapped.json")
)
@results_argument
@click.option(
    "--to",
    "pairs",
    metavar="OLD=NEW",
    multiple=True,
    required=True,
    help="Call a category anew; two with one new name become one.",
)
@output_option
def remap(results: Path, pairs: tuple[str, ...], output: Path) -> None:
    """Call categories by other names.

    Two with one new name become one."""
    names = {}
    for pair in pairs:
        old, sign, new = pair.partition("=")
        if not (old and sign and new):
            raise click.BadParameter(f"{pair!r} is not OLD=NEW.", param_hint="--to")
        names[old] = new
    opened = open_results(results)
    found = remapped(opened, names)
    written = save_like(opened, output, found.images(opened), categories=found.categories)
    _tell(output, written.images, found.categories)


@click.command(
    "by-size",
    epilog=examples('megabatch post by-size results.json --large "large animal" -o sized.json'),
)
@results_argument
@click.option("--category", default="animal", show_default=True, help="The category to divide.")
@click.option("--large", required=True, help="What large ones are called.")
@click.option(
    "--area",
    type=FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Share of the picture above which a box is large.",
)
@output_option
def by_size(results: Path, category: str, large: str, area: float, output: Path) -> None:
    """Give large boxes a category of their own.

    Boxes as large as the picture are often wrong."""
    opened = open_results(results)
    categories, images = BySize(category=category, large=large, area=area).apply(opened)
    written = save_like(opened, output, images, categories=categories)
    _tell(output, written.images, categories)


def _tell(output: Path, images: int, categories: Mapping[str, str]) -> None:
    names = printable(", ".join(categories.values()))
    say(f"{output}: {images:,} images, with {names}")
