"""`megabatch post compare`: where two results files agree."""

from pathlib import Path

import click
import msgspec

from cli.numbers import FloatRange
from cli.post.options import examples
from cli.terminal import new_table, print_table, printable, say, say_warning
from core.results.reader import open_results
from postprocessing.compare import Comparison
from postprocessing.compare import compare as compared
from postprocessing.saving import refuse_input
from postprocessing.thresholds import typical

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_THRESHOLD = FloatRange(0, 1)


@click.command(epilog=examples("megabatch post compare results.json more.json -o differences.json"))
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--threshold", type=_THRESHOLD, help="Of the first file. [default: typical of it]")
@click.option("--second-threshold", type=_THRESHOLD, help="Of the second. [default: typical of it]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all of it as JSON: each image of which they say different things.",
)
def compare(
    first: Path,
    second: Path,
    threshold: float | None,
    second_threshold: float | None,
    output: Path | None,
) -> None:
    """Compare what two files say of each image.

    That is, which categories are above a threshold, each file's own."""
    one, two = open_results(first), open_results(second)
    if output is not None:
        refuse_input(output, first, second)
    found = compared(one, two, typical(one, threshold), typical(two, second_threshold))
    say(f"{first}: above {found.first_threshold}")
    say(f"{second}: above {found.second_threshold}")
    _print(found)
    if not found.both:
        say_warning("No image is in both files. Do the names in them begin in the same way?")
    if output is not None:
        output.write_bytes(msgspec.json.format(_json(found), indent=1))
        say(f"{output}: {len(found.differences):,} differences")


def _print(found: Comparison) -> None:
    share = f" ({found.agree / found.both:.1%})" if found.both else ""
    click.echo(f"{found.both:,} images in both, {found.agree:,} the same{share}")
    if found.only_first or found.only_second:
        alone = f"{len(found.only_first):,} in the first alone"
        click.echo(f"{alone}, {len(found.only_second):,} in the second alone")
    table = new_table("FIRST SAYS", "SECOND SAYS", "IMAGES")
    for (first, second), count in found.said.most_common():
        table.add_row(printable(first), printable(second), f"{count:,}")
    print_table(table)


def _json(found: Comparison) -> bytes:
    said = [
        {"first": first, "second": second, "images": count}
        for (first, second), count in found.said.most_common()
    ]
    return msgspec.json.encode({**msgspec.structs.asdict(found), "said": said})
