"""`megabatch post subset`: some of a results file, or one file for each folder."""

from pathlib import Path
from typing import Any

import click
import msgspec

from cli.numbers import FloatRange
from cli.post.options import examples, results_argument
from cli.terminal import new_table, print_table, printable, say, say_warning
from core.results.reader import Results, open_results
from detection.local.lists import read_list
from postprocessing.saving import refuse_input, save_like
from postprocessing.splitting import split
from postprocessing.subset import Choice, Renaming
from postprocessing.subset import subset as chosen

_SHARE = FloatRange(0, 1)


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    results: Path
    output: Path
    under: tuple[str, ...]
    matching: tuple[str, ...]
    list_file: Path | None
    above: float | None
    category: tuple[str, ...]
    least_area: float
    most_area: float
    no_empty: bool
    no_failed: bool
    replace_prefix: tuple[str, ...]
    split_depth: int | None

    def choice(self) -> Choice:
        listed = None if self.list_file is None else read_list(self.list_file)
        return Choice(
            under=self.under,
            matching=self.matching,
            listed=None if listed is None else frozenset(entry.name for entry in listed),
            above=self.above,
            categories=self.category,
            least_area=self.least_area,
            most_area=self.most_area,
            empty=not self.no_empty,
            failed=not self.no_failed,
        )

    def renaming(self) -> Renaming | None:
        return Renaming(tuple(map(_prefixes, self.replace_prefix))) if self.replace_prefix else None


def _prefixes(text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not sign or old == new:
        raise click.BadParameter("give OLD=NEW, such as card1/=.", param_hint="--replace-prefix")
    return old, new


@click.command(
    epilog=examples(
        "megabatch post subset results.json --under north/ -o north.json",
        "megabatch post subset results.json --category animal --no-empty -o animals.json",
        "megabatch post subset results.json --split-depth 1 -o by-folder",
    )
)
@results_argument
@click.option("--under", multiple=True, metavar="PREFIX", help="Only names that start so.")
@click.option(
    "--matching", multiple=True, metavar="PATTERN", help="Only names like this, such as '*/IMG*'."
)
@click.option(
    "--list",
    "list_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Only names in this file: a name a line, or a JSON list.",
)
@click.option("--above", type=_SHARE, help="Only detections that score above this.")
@click.option("--category", multiple=True, help="Only detections of this category.")
@click.option("--least-area", type=_SHARE, default=0.0, help="Only boxes of this share at least.")
@click.option("--most-area", type=_SHARE, default=1.0, help="Only boxes of this share at most.")
@click.option("--no-empty", is_flag=True, help="Leave out images with no detection that is kept.")
@click.option("--no-failed", is_flag=True, help="Leave out images that failed.")
@click.option(
    "--replace-prefix",
    multiple=True,
    metavar="OLD=NEW",
    help="Begin names with NEW in place of OLD; of several, the first one that fits.",
)
@click.option(
    "--split-depth",
    type=click.IntRange(1),
    metavar="N",
    help="Write a file for each folder, N folders deep, into the folder --output.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Where to write."
)
def subset(**given: Any) -> None:
    """Write some images, with some of their detections.

    Conditions of several kinds must all hold; of one kind, given several times, any.
    """
    options = _Options(**given)
    results = open_results(options.results)
    if options.list_file is not None:
        refuse_input(options.output, options.list_file)
    if options.split_depth is None:
        images = chosen(results, options.choice(), options.renaming())
        written = save_like(results, options.output, images)
        say(f"{options.output}: {written.images:,} images")
        if not written.images:
            _explain_none(results)
    else:
        _split(options, results, options.split_depth)


def _explain_none(results: Results) -> None:
    first = next(results.images(), None)
    if first is not None:
        say_warning(printable(f"No image fits. Names in {results.path} are such as {first.file}"))


def _split(options: _Options, results: Results, depth: int) -> None:
    images = chosen(results, options.choice(), options.renaming())
    written = split(results, images, depth, options.output)
    table = new_table("FOLDER", "FILE")
    for name, path in written.items():
        table.add_row(printable(name) or "(none)", str(path))
    print_table(table)
