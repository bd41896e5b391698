"""The disks that are written to, and how much is free on them."""

from pathlib import Path

from cli.doctor.case import Case
from cli.doctor.finding import Findings, Part, fault, guarded, ok
from core.config import Settings
from core.room import NoRoom, free_room, written_folders

_PART = Part.SPACE


def examine(case: Case) -> Findings:
    for folder in written_folders(case.settings):
        yield from guarded(_PART, str(folder), _space, folder, case.settings)


def _space(folder: Path, settings: Settings) -> Findings:
    try:
        free = free_room(folder, settings)
    except NoRoom as error:
        yield fault(_PART, str(folder), error.message, "Make room there, or give it a larger disk.")
    else:
        yield ok(_PART, str(folder), f"{free:,} MB free; {settings.least_room:,} are needed")
