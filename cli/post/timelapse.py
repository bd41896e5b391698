"""`megabatch post timelapse`: results files for Timelapse."""

from collections.abc import Sequence
from pathlib import Path

import click

from cli.post.options import examples, results_argument
from cli.terminal import first_of, printable, say, say_warning
from core.results.reader import Results, open_results
from postprocessing.disk import Names, files_below
from postprocessing.saving import save_like
from postprocessing.timelapse import Match, Shift, find_shift, match

_SHOWN = 5


@click.command(epilog=examples("megabatch post timelapse results.json --root photos"))
@results_argument
@click.option(
    "--root",
    "roots",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder that Timelapse opens: the one with the template. Each gets a file.",
)
@click.option("--strip", help="Take this off the front of names. [default: what fits the disk]")
@click.option("--add", help="Put this in front of names. [default: what fits the disk]")
@click.option(
    "--name",
    default="megabatch-results.json",
    show_default=True,
    help="What the new file is called, in each root.",
)
def timelapse(
    results: Path, roots: tuple[Path, ...], strip: str | None, add: str | None, name: str
) -> None:
    """Write results that fit Timelapse's folder.

    Each image is called as the disk spells it, from that folder.

    Says which results have no file and which files have no results. Images that failed are left
    out, because to Timelapse they would look empty, and listed beside the file.
    """
    opened = open_results(results)
    for root in roots:
        disk = Names(files_below(root))
        given = strip is not None or add is not None
        shift = Shift(strip or "", add or "") if given else find_shift(opened, disk)
        _write(opened, root / name, disk, shift)


def _write(results: Results, target: Path, disk: Names, shift: Shift) -> None:
    found = Match(shift=shift)
    written = save_like(results, target, match(results, disk, shift, found))
    say(f"{target}: {written.images:,} images")
    if shift.strip or shift.add:
        say(
            printable(
                f"  in front of names, {shift.strip or 'nothing'!r} gave way to {shift.add!r}"
            )
        )
    _list("results without a file", found.missing)
    _list("files without results", found.extra)
    if found.failed:
        failures = target.with_suffix(".failed.txt")
        lines = (f"{file}\t{why}\n" for file, why in found.failed)
        failures.write_text("".join(lines), encoding="utf-8")
        say(f"  failed and left out: {len(found.failed):,}, listed in {failures.name}")
    if not found.matched:
        say_warning("no name fits a file. Is this the root, and are these its results?")


def _list(what: str, names: Sequence[str]) -> None:
    if names:
        say(f"  {what}: {len(names):,} ({first_of(names, _SHOWN)})")
