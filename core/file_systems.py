"""What file systems take for the same name."""

import os
import secrets
import unicodedata
from pathlib import Path


def folds_names(folder: Path) -> bool:
    """Whether the file system takes names for the same that differ in case, or as NFC from NFD.

    Writes a file there, and removes it. Raises OSError where that cannot be.
    """
    probe = folder / f".\u00e9{secrets.token_hex(8)}.part"
    probe.touch(exist_ok=False)
    try:
        spellings = (probe.name.upper(), unicodedata.normalize("NFD", probe.name))
        return any((folder / spelling).exists() for spelling in spellings)
    finally:
        probe.unlink()


def is_folding(folder: Path) -> bool:
    """The same of a folder that is only read; False also where its own name does not tell.

    Where this is so, no two names meet that lie below.
    """
    other = folder.with_name(folder.name.swapcase())
    return other.name != folder.name and other.exists() and os.path.samefile(folder, other)
