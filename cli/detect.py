"""`megabatch detect`: images put through a detector on this machine, without a service."""

from typing import Any

import click

from cli import exit_codes
from cli.dry_run import dry_run
from cli.image_setup import set_up_images
from cli.local_options import LocalOptions, local_options
from cli.local_run import errors_as_events, run_local

_EPILOG = f"""\b
Examples:
  megabatch detect photo.jpg --model demo
  megabatch detect photos --model demo --output results.json
  megabatch detect photos --model demo --render boxes --blur person

{exit_codes.EPILOG}"""


@click.command(epilog=_EPILOG)
@click.argument("sources", metavar="IMAGE_OR_FOLDER_OR_LIST...", nargs=-1, required=True)
@local_options
def detect(**given: Any) -> None:
    """Find animals, people and vehicles in images on this machine.

    Takes images, folders with all that lies below them, URLs, and lists: text files (.txt) with a
    path or URL a line, and JSON lists. What was found is printed; --output writes a results file.
    A run that was interrupted goes on where it was when the same command is given again.
    """
    options = LocalOptions(**given)
    options.check()
    with errors_as_events(options.progress):
        setup = set_up_images(options)
        if options.dry_run:
            dry_run(setup)
            return
        click.get_current_context().exit(run_local(setup))
