"""That the files of models are what they were.

Nobody publishes checksums of MegaDetector's files. So the SHA-256 of a file is written down next to
it when it is fetched (or first used), and verified ever after.
"""

import enum
from pathlib import Path

import msgspec

from core.catalog import DEMO, Model
from core.errors import ModelUnavailable
from detection.checksums import note_of, noted_sha256, sha256_of, write_down
from detection.demo_model import DEMO_SHA256
from detection.model_files import ModelFile, frozen_file


class FileState(enum.StrEnum):
    """What a file of a model is, beside its checksum."""

    MISSING = "missing"
    #: Its checksum was never written down.
    UNKNOWN = "no checksum yet"
    AS_IT_WAS = "as it was"
    CHANGED = "changed"


def verified_weights(model: Model, model_folder: Path) -> Path:
    """The file of `model`, after its SHA-256 was compared with the one that is known.

    Raises ModelUnavailable when the file is not there or has changed.
    """
    return verified(frozen_file(model, model_folder))


def verified(file: ModelFile) -> Path:
    """The path of a file, compared likewise; a checksum that is not known yet is written down."""
    if not file.path.is_file():
        raise ModelUnavailable(_missing(file))
    digest = sha256_of(file.path)
    known = known_sha256(file)
    if known is None:
        write_down(file.path, digest)
    elif digest != known:
        raise ModelUnavailable(_changed(file, digest, known))
    return file.path


def state_of(file: ModelFile) -> FileState:
    """How a file compares; writes nothing down."""
    if not file.path.is_file():
        return FileState.MISSING
    known = known_sha256(file)
    if known is None:
        return FileState.UNKNOWN
    return FileState.AS_IT_WAS if sha256_of(file.path) == known else FileState.CHANGED


def known_sha256(file: ModelFile) -> str | None:
    """What the SHA-256 must be; None where nobody has read the file yet."""
    if _is_demo(file):
        return DEMO_SHA256
    return file.model.sha256 or noted_sha256(file.path)


def with_sha256(model: Model, model_folder: Path) -> Model:
    """The model with the checksum of its verified weights, by which results name a file of one's
    own; a model of the catalog is named well enough, and stays as it is.

    Raises ModelUnavailable as `verified_weights` does.
    """
    if model.sha256 or not frozen_file(model, model_folder).is_own:
        return model
    digest = sha256_of(verified_weights(model, model_folder))
    return msgspec.structs.replace(model, sha256=digest)


def _is_demo(file: ModelFile) -> bool:
    return file.model.name == DEMO.name and not file.is_own


def _missing(file: ModelFile) -> str:
    if file.is_own:
        return f"There is no model file {file.path}."
    return (
        f"There are no weights of {file.model.name} at {file.path}. "
        f"Fetch them with `megabatch models fetch {file.model.name}`."
    )


def _changed(file: ModelFile, digest: str, known: str) -> str:
    return f"{file.path} has changed: its SHA-256 is {digest}, and was {known}. {_what_to_do(file)}"


def _what_to_do(file: ModelFile) -> str:
    if file.model.sha256:
        return "Start again with the file as it is now."
    if file.is_own:
        return f"If you replaced the file on purpose, delete {note_of(file.path)}."
    again = f"Delete it and run `megabatch models fetch {file.model.name}`"
    if _is_demo(file):
        return f"{again}."
    return f"{again}; if you replaced the file on purpose, delete {note_of(file.path)} instead."
