"""The settings: that they can be read, and that what they name is there."""

import os
from pathlib import Path

from cli.doctor.case import Case
from cli.doctor.finding import Findings, Part, fault, fault_of, guarded, ok, warning
from core.catalog import find_model
from core.config import Settings
from core.errors import InvalidRequest, MegaBatchError
from core.key_ring import open_key_ring
from core.sealing import Sealer

_PART = Part.SETTINGS


def examine(case: Case) -> Findings:
    yield ok(_PART, "settings", _origin(case))
    for error in case.faults:
        yield fault_of(_PART, "settings", error)
    yield from guarded(_PART, "secret keys", _secret_keys, case)
    if case.settings.storage_url:
        yield from guarded(_PART, "API keys", _api_keys, case)
    yield from guarded(_PART, "allowed roots", _roots, case.settings)
    yield from guarded(_PART, "default model", _default_model, case.settings)
    if case.detects:
        yield from guarded(_PART, "model folder", _model_folder, case.settings.model_folder)
        yield from guarded(_PART, "model files", _model_files, case.settings)


def _origin(case: Case) -> str:
    if case.served:
        return f"of `megabatch serve` in {case.served.path}, as it was started last"
    if case.settings.storage_url:
        return "of the environment"
    return "of the environment: no data folder of `megabatch serve` is here, or named by --data"


def _secret_keys(case: Case) -> Findings:
    keys = case.settings.secret_keys
    if case.served and not keys:
        if not case.faults:  # else they tell
            yield ok(_PART, "secret keys", "none yet: `megabatch serve` makes one")
        return
    Sealer(keys)
    more = f"{len(keys)}: the first seals, all open" if len(keys) > 1 else "one"
    yield ok(_PART, "secret keys", more)


def _api_keys(case: Case) -> Findings:
    try:
        none = _has_no_key(case.settings)
    except (MegaBatchError, FileNotFoundError):
        seen = "cannot be told: our storage does not answer"
        yield warning(_PART, "API keys", seen, "See what is said of the storage.")
        return
    if not none:
        yield ok(_PART, "API keys", "there are some: who has one is served")
    elif case.served:
        yield ok(_PART, "API keys", "none: this machine alone is served")
    else:
        seen = "none: only requests from the API's own machine are answered"
        todo = "Make one with `megabatch keys create --caller NAME`."
        yield warning(_PART, "API keys", seen, todo)


def _has_no_key(settings: Settings) -> bool:
    folder = settings.storage_folder
    # Opening would make it.
    if folder and not folder.exists():
        return True
    return open_key_ring(settings, impatient=True).is_empty()


def _roots(settings: Settings) -> Findings:
    if not settings.allowed_roots:
        yield ok(_PART, "allowed roots", "none: jobs name containers by URLs alone")
    for root in settings.allowed_roots:
        yield from guarded(_PART, "allowed roots", _root, root)


def _root(root: Path) -> Findings:
    try:
        os.scandir(root).close()
    except OSError as error:
        todo = "Mount it, let this user read it, or take it out of MEGABATCH_ALLOWED_ROOTS."
        yield fault(_PART, "allowed roots", f"{root}: {error.strerror}", todo)
    else:
        yield ok(_PART, "allowed roots", f"{root} can be read")


def _default_model(settings: Settings) -> Findings:
    try:
        find_model(settings.default_model, settings.model_files)
    except InvalidRequest as error:
        todo = "Correct MEGABATCH_DEFAULT_MODEL; neither the API nor a worker starts with it."
        yield fault(_PART, "default model", error.message, todo)
    else:
        yield ok(_PART, "default model", settings.default_model)


def _model_folder(folder: Path) -> Findings:
    if folder.is_dir():
        yield ok(_PART, "model folder", str(folder))
    else:
        todo = "Mount it, name another one in MEGABATCH_MODEL_FOLDER, or fetch a model into it."
        yield fault(_PART, "model folder", f"{folder} is no folder", todo)


def _model_files(settings: Settings) -> Findings:
    for file in settings.model_files:
        if not file.is_file():
            todo = "Bring it there, or take it out of MEGABATCH_MODEL_FILES."
            yield fault(_PART, "model files", f"{file} is no file", todo)
