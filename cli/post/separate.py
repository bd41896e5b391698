"""`megabatch post separate`: images into folders by what was found in them."""

from pathlib import Path
from shlex import quote
from typing import Any

import click
import msgspec
from rich.filesize import decimal

from cli import exit_codes
from cli.numbers import FloatRange
from cli.post.options import examples, images_option
from cli.terminal import first_of, new_table, print_table, printable, say, say_warning
from core.errors import InvalidRequest
from core.file_systems import folds_names, is_folding
from core.results.reader import Results, open_results
from postprocessing.disk import Names, files_below
from postprocessing.saving import refuse_input, save_like
from postprocessing.separate import RECORD, How, Separation, Separator, check_room
from postprocessing.separate import undo as take_back
from postprocessing.sorting import new_sorter
from postprocessing.thresholds import conservative, typical

_SHARE = FloatRange(0, 1)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 10


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    results: Path | None
    images: Path | None
    output: Path | None
    how: How
    threshold: float | None
    uncertain_above: float | None
    category_threshold: tuple[str, ...]
    results_to: Path | None
    dry_run: bool
    undo: Path | None

    def special(self) -> dict[str, float]:
        """Thresholds of single categories."""
        chosen = {}
        for text in self.category_threshold:
            name, _, number = text.rpartition("=")
            try:
                chosen[name] = _SHARE(number)
            except click.BadParameter as error:
                raise click.BadParameter(
                    f"{text!r} is not NAME=NUMBER, with a number between 0 and 1.",
                    param_hint="--category-threshold",
                ) from error
        return chosen


@click.command(
    epilog=examples(
        "megabatch post separate results.json --images photos --dry-run",
        "megabatch post separate results.json --images photos -o sorted",
        f"megabatch post separate --undo sorted/{RECORD}",
    )
)
@click.argument("results", metavar="[RESULTS]", required=False, type=_FILE)
@images_option(required=False)
@click.option("-o", "--output", type=_FOLDER, help="Where the folders are made.")
@click.option(
    "--how",
    type=click.Choice(["link", "copy", "move"]),
    default="link",
    show_default=True,
    help="link takes no room where the disk knows links, and copies elsewhere.",
)
@click.option("--threshold", type=_SHARE, help="Above it something is there. [default: typical]")
@click.option(
    "--uncertain-above", type=_SHARE, help="Above it something may be. [default: conservative]"
)
@click.option(
    "--category-threshold",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Above it this category is there, such as person=0.5.",
)
@click.option("--results-to", type=_FILE, help="Write results with the new names here.")
@click.option("--dry-run", is_flag=True, help="Count, and touch nothing.")
@click.option("--undo", type=_FILE, help="Take back what this record says.")
def separate(**given: Any) -> None:
    """Put images into folders by what was found.

    The folders are called by categories, `animal_person` where several are there; `uncertain` where
    nothing is sure, `empty` where nothing was found at all, and `failed`. Sub-folders are kept, and
    originals stay, unless they are moved.
    """
    options = _Options(**given)
    if options.undo is not None:
        _undo(options.undo)
        return
    if options.results is None or options.images is None:
        raise click.UsageError("Name the results file, and the folder --images.")
    if options.output is None and not options.dry_run:
        raise click.UsageError("Name the folder --output, or look first with --dry-run.")
    _separate(options, open_results(options.results), options.images)


def _separate(options: _Options, results: Results, images: Path) -> None:
    if options.results_to is not None:
        refuse_input(options.results_to, results.path)
    sure = typical(results, options.threshold)
    unsure = conservative(results, options.uncertain_above)
    say(f"sure above {sure}, uncertain above {unsure}")
    sorter = new_sorter(results, sure, unsure, options.special())
    separator = Separator(results, images, Names(files_below(images)), sorter)
    looked = separator.look(options.output or images / "unnamed", options.how)
    _print(looked)
    if not looked.images and not _has_record(options.output):
        raise InvalidRequest(
            f"None of the results has a file in {images}. Their names start from --images; "
            "`megabatch post subset --replace-prefix` changes how they begin."
        )
    if options.dry_run or options.output is None:
        return
    check_room(looked, options.how, images)
    done = separator.run(options.output, options.how)
    record = quote(str(options.output / RECORD))
    say(
        f"{options.output}: {done.images.total():,} images. "
        f"Undo it with `megabatch post separate --undo {record}`."
    )
    if options.results_to is not None:
        folds = not is_folding(images) and folds_names(options.output)
        written = save_like(results, options.results_to, separator.renamed(options.output, folds))
        say(f"{options.results_to}: {written.images:,} images")


def _has_record(output: Path | None) -> bool:
    """Whether the folder was sorted before: then all files may have been moved there."""
    return output is not None and (output / RECORD).exists()


def _print(separation: Separation) -> None:
    table = new_table("FOLDER", "IMAGES", "SIZE")
    for folder in sorted(separation.images):
        count, room = separation.images[folder], decimal(separation.sizes[folder])
        table.add_row(printable(folder), f"{count:,}", room)
    print_table(table)
    if separation.missing:
        names = first_of(separation.missing, _SHOWN)
        say_warning(f"{len(separation.missing):,} results have no file: {names}")


def _undo(record: Path) -> None:
    taken_back, left = take_back(record)
    say(f"{taken_back:,} files taken back")
    for line in left:
        say_warning(f"left as it is: {printable(line)}")
    click.get_current_context().exit(exit_codes.SOME_FAILED if left else exit_codes.DONE)
