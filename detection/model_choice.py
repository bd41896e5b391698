"""From what a person names, the model and its weights: a name of the catalog, or a file."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from core.catalog import DEMO, MODELS, Model, Part, find_model, model_of_file
from core.errors import InvalidRequest, ModelUnavailable
from detection.checksums import sha256_of
from detection.demo_model import build_demo_model
from detection.graph_file import fault_of
from detection.quiet import quiet_standard_error
from detection.weights import verified_weights

_SUFFIX = ".pb"

#: Is told what takes a while.
Say = Callable[[str], object]


def choose_model(name_or_file: str, model_folder: Path, say: Say) -> tuple[Model, Path]:
    """The model of that name or file, and where its weights lie; the demo model is built where it
    is missing.

    A file is known by its SHA-256, so that whoever loads the model loads this very file, in another
    process too. Raises InvalidRequest for a name or file that there is not, and ModelUnavailable
    for weights that are missing, have changed, or are no graph that a detector can run.
    """
    if not is_model_file(name_or_file):
        model = find_model(name_or_file)
        return model, weights_of(model, model_folder, say)
    path = Path(name_or_file).expanduser().resolve()
    _check_own(path)
    return model_of_file(path, sha256_of(path)), path


def is_model_file(name_or_file: str) -> bool:
    """Whether a file is meant, and not a name of the catalog, which goes before a file's."""
    if name_or_file in MODELS:
        return False
    separators = [mark for mark in (os.sep, os.altsep) if mark]
    return (
        any(mark in name_or_file for mark in separators)
        or name_or_file.lower().endswith(_SUFFIX)
        or Path(name_or_file).is_file()
    )


def _check_own(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InvalidRequest(f"The model file {path} {what}.", code="unknown_model")
    fault = fault_of(path, Part.FROZEN)
    if fault:
        raise ModelUnavailable(
            f"{path} is {fault}. A frozen TensorFlow graph with MegaDetector's inputs and outputs "
            "is needed; docs/models.md tells which they are."
        )


def weights_of(model: Model, folder: Path, say: Say) -> Path:
    """The model's verified weights; the demo model is built where it is missing.

    Raises as `choose_model` does, saying how to get them.
    """
    if Path(model.file).is_absolute():
        _check_own(Path(model.file))
    try:
        return verified_weights(model, folder)
    except ModelUnavailable:
        if model is not DEMO:
            raise
    say("Building the demo model; this is done once.")
    try:
        # In a process of its own: building imports TensorFlow, hundreds of megabytes that would
        # stay in this one as long as it runs.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            return apart.submit(_build_quietly, folder).result()
    except BrokenProcessPool as error:
        raise ModelUnavailable(
            "Building the demo model was ended from outside; is there enough memory?"
        ) from error


def _build_quietly(folder: Path) -> Path:
    with quiet_standard_error():
        return build_demo_model(folder)
