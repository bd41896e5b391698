"""`megabatch doctor`."""

import os
from pathlib import Path

import click
import msgspec

from cli import exit_codes
from cli.data_folder import data_option
from cli.doctor.case import case_of
from cli.doctor.examination import examined
from cli.doctor.finding import Verdict
from cli.doctor.showing import findings_table, summary, told_findings, worst_of
from cli.terminal import messages, print_table, say
from core.catalog import find_model


@click.command(epilog=exit_codes.EPILOG)
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="The model whose weights to look at. [default: that of jobs which name none]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@data_option
def doctor(model: str, as_json: bool, data_folder: Path | None) -> None:
    """Examine what a service needs, as seen from here.

    Looks at the settings, Redis, the workers, the storage, clocks, disks, a model and GPUs, and
    says of each whether it is ok, and if not, what to do. Run it at any time, on each kind of host
    or in each kind of container: it changes nothing, but writes one small file into the storage and
    deletes it again. It fails where there is a fault.
    """
    case = case_of(data_folder, model, os.environ)
    if model:
        find_model(model, case.settings.model_files)
    with messages().status("") as status:
        found = examined(case, lambda part: status.update(f"Examining: {part}"))
    if as_json:
        click.echo(msgspec.json.encode(told_findings(found)))
    else:
        print_table(findings_table(found))
        say(summary(found))
    fails = worst_of(found) is Verdict.FAULT
    click.get_current_context().exit(exit_codes.FAILED if fails else exit_codes.DONE)
