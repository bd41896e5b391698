"""SHA-256 of the files of models, each written down next to its file as `sha256sum` writes it."""

import hashlib
import logging
from pathlib import Path

from core.replacing import whole_file

_log = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_of(path: Path) -> Path:
    """Where the checksum of a file is written down."""
    return path.with_name(f"{path.name}.sha256")


def noted_sha256(path: Path) -> str | None:
    """What was written down for the file; None where nothing was."""
    try:
        words = note_of(path).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return None
    return words[0] if words else None


def write_down(path: Path, digest: str) -> None:
    """Keep the digest for the next time. A folder that cannot be written is used as it is."""
    target = note_of(path)
    try:
        with whole_file(target) as part:
            # On Windows, too: `sha256sum` would take a carriage return for a letter of the name.
            part.write_text(f"{digest}  {path.name}\n", encoding="ascii", newline="\n")
    except OSError as error:
        _log.warning("cannot write %s, so %s is not verified: %s", target, path, error.strerror)
