"""Puts a file that was written beside another in that one's place."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# On Windows a file cannot be replaced while another program has it open, as scanners for viruses
# and indexes for searching do with each new file, for moments. Seconds between the tries.
_PAUSES: Sequence[float] = (0.1, 0.2, 0.5, 1, 2) if os.name == "nt" else ()


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
