"""`megabatch post preview`: pages of sampled pictures with boxes, to be looked at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn

from cli import exit_codes
from cli.container_source import container_url, is_folder, url_file_option
from cli.numbers import FloatRange
from cli.post.options import examples, results_argument, threshold_option
from cli.terminal import first_of, messages, new_table, print_table, printable, say, say_warning
from core.results.reader import Results, open_results
from postprocessing.preview.options import SAMPLE, SIZE, TARGET_RECALL, Options, Order, thresholds
from postprocessing.preview.sources import Images, open_images
from postprocessing.preview.truth import Truth, read_truth
from postprocessing.preview.writing import Preview, Watcher, write_preview

_SHARE = FloatRange(0, 1)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_SHOWN = 5


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    results: Path
    images: str | None
    url_file: Path | None
    output: Path
    threshold: float | None
    almost_above: float | None
    sample: int
    seed: int
    order: Order
    blur: tuple[str, ...]
    hide: tuple[str, ...]
    size: int
    threads: int
    ground_truth: Path | None
    treat: tuple[str, ...]
    target_recall: float

    def options(self, results: Results) -> Options:
        return Options(
            **thresholds(results, self.threshold, self.almost_above),
            sample=self.sample,
            seed=self.seed,
            order=self.order,
            blur=frozenset(self.blur),
            hide=frozenset(self.hide),
            size=self.size,
            threads=self.threads,
            target_recall=self.target_recall,
        )

    def open_images(self) -> Images:
        named = self.images or self.url_file
        where = container_url(self.images, self.url_file, {} if named else os.environ)
        if where is None:
            raise click.UsageError("Name the folder or container of the images with --images.")
        if is_folder(where) and not Path(where).is_dir():
            raise click.UsageError(f"There is no folder {printable(where)}.")
        return open_images(where)

    def truth(self, results: Results) -> Truth | None:
        if self.ground_truth is None:
            return None
        return read_truth(self.ground_truth, results, self._treated())

    def _treated(self) -> dict[str, str]:
        treated = {}
        for pair in self.treat:
            name, sign, meaning = pair.rpartition("=")
            if not (name and sign and meaning):
                raise click.BadParameter(f"{pair!r} is not NAME=AS.", param_hint="--treat")
            treated[name] = meaning
        return treated


@click.command(
    epilog=examples(
        "megabatch post preview results.json --images photos -o preview",
        "megabatch post preview results.json --images photos --blur person -o preview",
        "megabatch post preview results.json --images photos --ground-truth truth.json -o preview",
    )
)
@results_argument
@click.option("--images", metavar="FOLDER|URL", help="Where the images are; a URL has a SAS.")
@url_file_option
@click.option("-o", "--output", required=True, type=_FOLDER, help="The folder of the pages.")
@threshold_option
@click.option(
    "--almost-above", type=_SHARE, help="Above it is almost. [default: 0.05 below the threshold]"
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=SAMPLE,
    show_default=True,
    help="Images of each group, at most.",
)
@click.option("--seed", default=0, show_default=True, help="Another one chooses other images.")
@click.option(
    "--order",
    type=click.Choice(get_args(Order)),
    default="name",
    show_default=True,
    help="The order of pictures, the surest first with `confidence`.",
)
@click.option("--blur", metavar="CATEGORY", multiple=True, help="Blur what is in its boxes.")
@click.option("--hide", metavar="CATEGORY", multiple=True, help="Show no image that has it.")
@click.option(
    "--size",
    type=click.IntRange(200, 8000),
    default=SIZE,
    show_default=True,
    help="Pixels of the longer side of large pictures.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Pictures at a time.",
)
@click.option("--ground-truth", type=_FILE, help="COCO Camera Traps JSON: tell how right it is.")
@click.option(
    "--treat",
    metavar="NAME=AS",
    multiple=True,
    help="What a category of the truth means: one of the results, `empty` or `ignored`.",
)
@click.option(
    "--target-recall",
    type=FloatRange(0, 1, min_open=True),
    default=TARGET_RECALL,
    show_default=True,
    help="Find the threshold that gives it.",
)
def preview(**given: Any) -> None:
    """Make pages of sampled pictures to look at.

    By category and combination, with boxes, and with what almost counts, is empty or failed.

    The pages work from a disk, without a network. With a ground truth they tell precision, recall
    and average precision, and show what was found wrongly or missed.
    """
    asked = _Given(**given)
    results = open_results(asked.results)
    options, truth = asked.options(results), asked.truth(results)
    say(f"counted above {options.threshold}, almost above {options.almost}")
    if options.blur or options.hide:
        say(f"blurred and hidden above {options.private}")
    images = asked.open_images()
    try:
        with _bar() as watcher:
            made = write_preview(
                results, images, asked.output, options, truth=truth, watcher=watcher
            )
    finally:
        images.close()
    _tell(made, truth)
    click.get_current_context().exit(exit_codes.SOME_FAILED if made.missing else exit_codes.DONE)


@contextmanager
def _bar() -> Iterator[Watcher]:
    """A bar on a terminal, and nothing elsewhere."""
    console = messages()
    columns = TextColumn("drawing"), BarColumn(), TextColumn("{task.completed} of {task.total}")
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("")
        yield lambda drawn, total: bar.update(task, completed=drawn, total=total)


def _tell(made: Preview, truth: Truth | None) -> None:
    table = new_table("GROUP", "IMAGES", "SHOWN")
    for one in made.sections:
        table.add_row(printable(one.title), f"{one.images:,}", f"{len(one.items):,}")
    if made.failures:
        table.add_row("failed", f"{sum(made.failures.values()):,}", "")
    print_table(table)
    if truth is not None:
        _tell_accuracy(made, truth)
    if made.missing:
        names = first_of(made.missing, _SHOWN)
        say_warning(f"pictures that cannot be shown: {len(made.missing):,} ({names})")
    say(f"{made.page}: {made.images:,} images")


def _tell_accuracy(made: Preview, truth: Truth) -> None:
    if truth.shift.strip or truth.shift.add:
        say(f"in front of names, {truth.shift.strip!r} gave way to {truth.shift.add!r}")
    if made.accuracy is None:
        return
    table = new_table("FOUND", "THERE", "PRECISION", "RECALL", "F1", "AVERAGE", "TARGET ABOVE")
    for one in made.accuracy.measures:
        at = one.at_threshold
        shares = (
            _share(value) for value in (at.precision, at.recall, at.f1, one.average_precision)
        )
        target = "-" if one.at_target is None else f"{one.at_target.threshold:g}"
        table.add_row(printable(one.name), f"{one.present:,}", *shares, target)
    click.echo()
    print_table(table)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
