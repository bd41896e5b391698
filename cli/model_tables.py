"""How `megabatch models` shows models and their files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.filesize import decimal
from rich.table import Table

from cli.terminal import new_table
from core.catalog import Model, Part
from detection.model_files import ModelFile
from detection.weights import FileState

#: Of each file, by its path.
States = Mapping[Path, FileState]


def model_table(files: Iterable[ModelFile], states: States) -> Table:
    """A row for each model; HERE is about its frozen graph, which is what detectors need."""
    table = new_table("MODEL", "VERSION", "FINDS", "TYPICAL", "CONSERVATIVE", "LICENCE", "HERE")
    for file in files:
        if file.part is Part.FROZEN:
            model, here = file.model, states[file.path] is not FileState.MISSING
            table.add_row(
                *(model.name, model.version, ", ".join(model.categories.values())),
                *(str(model.typical_threshold), str(model.conservative_threshold)),
                *(model.licence, "yes" if here else "no"),
            )
    return table


def file_table(files: Iterable[ModelFile], states: States) -> Table:
    """A row for each file."""
    table = new_table("MODEL", "PART", "SIZE", "STATE", "FILE")
    for file in files:
        size = decimal(file.path.stat().st_size) if file.path.is_file() else ""
        state = str(states[file.path])
        table.add_row(file.model.name, str(file.part), size, state, file.path.name)
    return table


def told_model(model: Model, files: Iterable[ModelFile], states: States) -> dict[str, Any]:
    """A model for programs: its fields, and under `files` what of it is on this machine."""
    told = {str(file.part): _told_file(file, states[file.path]) for file in files}
    frozen = told[str(Part.FROZEN)]
    fields = msgspec.structs.asdict(model)
    return {**fields, "file": frozen["file"], "here": frozen["here"], "files": told}


def _told_file(file: ModelFile, state: FileState) -> dict[str, Any]:
    here = state is not FileState.MISSING
    size = file.path.stat().st_size if here else None
    return {"file": str(file.path), "here": here, "bytes": size, "state": state}
