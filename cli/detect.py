"""`megabatch detect`: images put through a detector on this machine, without a service."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli import exit_codes, local_words
from cli.dry_run import dry_run
from cli.local_options import LocalOptions, local_options
from cli.local_setup import Setup, finished_before, new_run, room, set_up
from cli.local_watchers import LocalWatcher, display_of, tell_event, tell_finished
from cli.terminal import printable, say, say_warning
from core.errors import MegaBatchError
from core.results.format import decode_image
from detection.local.merging import Merged
from detection.local.run import LocalRun

#: With a results file, what was found in each image is printed of so many images, not of more.
_FEW = 50

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(MegaBatchError):
    """The disk is full. Nothing of what is done is lost: make room, and give the same command
    again.
    """

    code = "disk_full"


_EPILOG = f"""\b
Examples:
  megabatch detect photo.jpg
  megabatch detect photos --output results.json
  megabatch detect photos --render boxes --blur person

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
    try:
        setup = set_up(options, dict(os.environ))
        if options.dry_run:
            dry_run(setup)
            return
        with _output(setup) as output:
            merged = _run(setup, output)
    except MegaBatchError as error:
        if options.progress == "json":
            tell_event("error", message=printable(error.message))
        raise
    failed = sum(merged.failures.values()) if merged else 0
    click.get_current_context().exit(exit_codes.SOME_FAILED if failed else exit_codes.DONE)


@contextmanager
def _output(setup: Setup) -> Iterator[Path]:
    """Where the results are written: to be kept, or for this run alone."""
    if setup.options.output is not None:
        yield setup.options.output
        return
    with tempfile.TemporaryDirectory(prefix="megabatch-") as folder:
        yield Path(folder) / "results.json"


def _run(setup: Setup, output: Path) -> Merged | None:
    options = setup.options
    run = new_run(setup, output)
    if options.overwrite:
        run.journal.discard()
    elif not options.in_place and finished_before(setup, output):
        say(
            f"{output} is complete; there is nothing to do. Add what is new with --previous, try "
            "failed images again with --retry-failed, or begin anew with --overwrite."
        )
        return None
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    merged = _watched(setup, run)
    _tell(setup, merged)
    return merged


def _watched(setup: Setup, run: LocalRun) -> Merged:
    """Do the run, and show how it goes."""
    display = display_of(setup.options.progress)
    folders = list(run.leave_out)
    watcher = LocalWatcher(display, lambda: room(run.output, folders), _each(setup))
    try:
        return run.run(watcher)
    except KeyboardInterrupt:
        display.close()
        _tell_stopped(setup, watcher)
        raise
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFull() from error
    finally:
        display.close()


def _each(setup: Setup) -> Callable[[bytes], None] | None:
    """What is done with each line: with few images, or no results file, it is printed."""
    if setup.options.progress == "json":
        return None
    left = _FEW if setup.options.output else float("inf")

    def show(line: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            return
        image = decode_image(line)
        found = local_words.found(image, setup.show_above, setup.model.categories)
        click.echo(printable(f"{image.file}: {found}"))

    return show


def _tell_stopped(setup: Setup, watcher: LocalWatcher) -> None:
    standing = watcher.standing
    if setup.options.progress == "json":
        tell_event("stopped", images=standing.images, done=standing.done)
    elif setup.options.output is not None:
        say(f"Stopped at {standing.text()}. To go on, give the same command again.")


def _tell(setup: Setup, merged: Merged) -> None:
    options = setup.options
    if options.progress == "json":
        tell_finished(merged, options.output, setup.model.categories)
        return
    for line in local_words.summary(merged, setup.model):
        say(line)
    if not merged.images:
        say_warning("there were no images. Was the right folder named?")
    for what, path in (
        ("Results", options.output),
        ("Boxes", options.render),
        ("Crops", options.crop),
    ):
        if path is not None:
            say(f"{what}: {path}")
    if merged.failures and options.output is not None:
        say("Try failed images again with the same command and --retry-failed.")
