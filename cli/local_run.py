"""Doing a local run for somebody at a prompt, and telling how it goes and ends."""

import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli import exit_codes, local_words
from cli.local_setup import Setup, finished_before, new_run, room
from cli.local_watchers import LocalWatcher, display_of, tell_event, tell_finished
from cli.terminal import printable, say, say_warning, told_of
from core.errors import MegaBatchError
from core.results.format import decode_image
from core.results.reader import open_results
from detection.local.merging import Merged, merged_before
from detection.local.run import LocalRun

#: With a results file, what was found in each image is printed of so many images, not of more.
_FEW = 50

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(MegaBatchError):
    """The disk is full. Nothing of what is done is lost: make room, and give the same command
    again.
    """

    code = "disk_full"


@contextmanager
def errors_as_events(progress: str) -> Iterator[None]:
    """Tell a program that drives this why it cannot go on; the error goes its way."""
    try:
        yield
    except MegaBatchError as error:
        _tell_error(progress, error.message)
        raise
    except OSError as error:
        _tell_error(progress, told_of(error))
        raise


def _tell_error(progress: str, message: str) -> None:
    if progress == "json":
        tell_event("error", message=printable(message))


def run_local(setup: Setup) -> int:
    """Do the run, from where it was. Returns the exit code."""
    with _output(setup) as output:
        merged = _run(setup, output)
    return exit_codes.SOME_FAILED if merged.failures else exit_codes.DONE


@contextmanager
def _output(setup: Setup) -> Iterator[Path]:
    """Where the results are written: to be kept, or for this run alone."""
    if setup.options.output is not None:
        yield setup.options.output
        return
    with tempfile.TemporaryDirectory(prefix="megabatch-") as folder:
        yield Path(folder) / "results.json"


def _run(setup: Setup, output: Path) -> Merged:
    options = setup.options
    run = new_run(setup, output)
    run.journal.end_discarding()
    if options.overwrite:
        run.journal.discard()
    elif not options.in_place and finished_before(setup, output):
        say(
            f"{output} is complete; there is nothing to do. Add what is new with --previous, try "
            "what failed again with --retry-failed, or begin anew with --overwrite."
        )
        return _told_again(setup, output)
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    merged = _watched(setup, run)
    _tell(setup, merged)
    return merged


def _told_again(setup: Setup, output: Path) -> Merged:
    """What results hold that were complete before; a program is told it as at their end."""
    merged = merged_before(open_results(output), setup.model.typical_threshold)
    if setup.options.progress == "json":
        tell_finished(merged, output, setup.model.categories)
    return merged


def _watched(setup: Setup, run: LocalRun) -> Merged:
    """Do the run, and show how it goes."""
    display = display_of(setup.options.progress, setup.noun)
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
        found = local_words.found(image, setup.chosen.show_above, setup.model.categories)
        print(printable(f"{image.file}: {found}"))  # not by click, which passes the bar by

    return show


def _tell_stopped(setup: Setup, watcher: LocalWatcher) -> None:
    standing = watcher.standing
    if setup.options.progress == "json":
        tell_event("stopped", images=standing.images, done=standing.done)
    elif setup.options.output is not None:
        say(f"Stopped at {standing.text(setup.noun)}. To go on, give the same command again.")


def _tell(setup: Setup, merged: Merged) -> None:
    options = setup.options
    if options.progress == "json":
        tell_finished(merged, options.output, setup.model.categories)
        return
    for line in local_words.summary(merged, setup.model, setup.noun):
        say(line)
    if not merged.images:
        say_warning(f"there were no {setup.noun}s. Was the right folder named?")
    if options.output is not None:
        say(f"Results: {options.output}")
    for what, path in options.picture_folders.items():
        say(f"{what.capitalize()}: {path}")
    if merged.failures and options.output is not None:
        say("Try what failed again with the same command and --retry-failed.")
