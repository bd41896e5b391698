"""The weights of a model on the disk of a host for detection, beside their checksum."""

from cli.doctor.case import Case
from cli.doctor.finding import Findings, Part, guarded, ok, warning
from cli.extras import require
from core.catalog import find_model, known_models
from core.config import Settings
from detection.model_files import frozen_file
from detection.weights import known_sha256, verified

_PART = Part.MODEL


def examine(case: Case) -> Findings:
    if not case.detects:
        yield ok(_PART, "weights", "not a detection host: skipped")
        return
    yield from guarded(_PART, "libraries", _libraries)
    name = case.model or case.settings.default_model
    if name in known_models(case.settings.model_files):  # else the settings' part tells
        yield from guarded(_PART, name, _weights, name, case.settings)


def _libraries() -> Findings:
    require("worker", "A detection worker")
    yield ok(_PART, "libraries", "all that a detection worker needs is installed")


def _weights(name: str, settings: Settings) -> Findings:
    file = frozen_file(find_model(name, settings.model_files), settings.model_folder)
    if file.path.is_file() and known_sha256(file) is None:
        # Comparing would write one down.
        todo = f"`megabatch models verify {name}` writes it down, as the first worker does."
        yield warning(_PART, name, f"{file.path} has no checksum yet", todo)
    else:
        yield ok(_PART, name, f"{verified(file)} is as it was")
