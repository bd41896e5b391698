"""`megabatch post validate`: does a results file keep to the format?"""

from pathlib import Path

import click
import msgspec

from cli import exit_codes
from cli.post.options import examples, results_argument
from cli.terminal import printable, say
from core.results.validator import validate as check


@click.command(epilog=examples("megabatch post validate results.json"))
@results_argument
@click.option("--json", "as_json", is_flag=True, help="Print a fault a line, as JSON.")
def validate(results: Path, as_json: bool) -> None:
    """Check a results file, fault by fault.

    Every fault is printed with its place: what breaks the rules of the format, and what makes
    other programs fail, such as boxes that leave the picture and files that stand twice. Ends with
    3 where the file is not valid.
    """
    report = check(results)
    for fault in report.faults:
        click.echo(msgspec.json.encode(fault) if as_json else printable(str(fault)))
    counted = f"{report.errors:,} errors, {report.warnings:,} warnings"
    say(f"{results}: {report.images:,} images, {counted}")
    click.get_current_context().exit(exit_codes.DONE if report.valid else exit_codes.FAILED)
