"""Writes files that are there whole or not at all, in place of what was there."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# On Windows a file cannot be replaced while another program has it open, as scanners for viruses
# and indexes for searching do with each new file, for moments. Seconds between the tries.
_PAUSES: Sequence[float] = (0.1, 0.2, 0.5, 1, 2) if os.name == "nt" else ()


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` when the block ends without an error.

    Several processes may write one target: whoever ends last is read. Raises OSError.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        replace(part, target)
    except OSError as error:
        if error.filename == str(part):  # nobody knows that name
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        part.unlink(missing_ok=True)


def replace(partial: Path, target: Path) -> None:
    """Put `partial` in the place of `target`; whoever reads sees the one or the other, whole."""
    insist(lambda: partial.replace(target), _PAUSES)


def insist(action: Callable[[], object], pauses: Sequence[float]) -> None:
    """Do it again after each pause as long as it raises PermissionError; then raise that."""
    for pause in pauses:
        try:
            action()
        except PermissionError:
            time.sleep(pause)
        else:
            return
    action()
