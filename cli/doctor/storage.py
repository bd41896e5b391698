"""Our own storage: one probe file goes through all that the service does with files."""

import secrets
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from cli.doctor.case import Case
from cli.doctor.clock import compared
from cli.doctor.finding import Finding, Findings, Part, fault, guarded, ok, warning
from core.config import Settings
from core.errors import JobFolderTrouble
from core.jobs import utc_now
from core.secrets import without_secrets
from core.storage import Storage, open_storage

_PART = Part.STORAGE
#: Where the probe file lies; nothing else does.
_FOLDER = "doctor/"
_FIRST, _SECOND = b"what megabatch doctor wrote first", b"what megabatch doctor wrote second"
_READS = 3
#: HTTP tells when a file was written in whole seconds.
_EXACT_TO = timedelta(seconds=1)
_RIGHTS = "See that the credentials are right, and allow to read, write, list and delete."


class Probe(msgspec.Struct, frozen=True):
    """A file of the doctor's own in the storage that is examined."""

    storage: Storage
    path: str


def examine(case: Case) -> Findings:
    if case.settings.storage_url:  # else the settings' part tells
        yield from guarded(_PART, "storage", _open, case.settings)


def _open(settings: Settings) -> Findings:
    folder = settings.storage_folder
    if folder and not folder.exists():
        # Opening would make it, perhaps where a disk is to be mounted.
        todo = "The API makes it when it starts; if a disk is to be mounted there, mount it first."
        yield warning(_PART, "storage", f"{folder} is not there", todo)
        return
    storage = open_storage(settings, impatient=True)
    probe = Probe(storage, _FOLDER + secrets.token_hex(16))
    try:
        yield from _written(probe, settings)
    finally:
        with suppress(JobFolderTrouble):
            storage.delete(probe.path)


def _written(probe: Probe, settings: Settings) -> Findings:
    shown = without_secrets(settings.storage_url)
    before = utc_now()
    try:
        probe.storage.create(probe.path, _FIRST)
    except FileNotFoundError:  # so it is where there is no such container
        todo = "Create it, or correct MEGABATCH_STORAGE_URL."
        yield fault(_PART, "write", f"{shown} does not exist", todo)
        return
    except JobFolderTrouble as error:
        yield fault(_PART, "write", error.message, _RIGHTS)
        return
    after = utc_now()
    yield ok(_PART, "write", f"{shown} takes files")
    for what, look in _LOOKS:
        yield from _tried(what, look, probe)
    if settings.storage_folder is None:  # a folder's clock is this host's
        yield from guarded(Part.CLOCK, "storage", _clock, probe, before, after)
    yield from _tried("delete", _delete, probe)


def _tried(what: str, look: Callable[[Probe], Finding], probe: Probe) -> Findings:
    try:
        yield look(probe)
    except FileNotFoundError:
        seen = "a file that was written a moment ago is not found"
        yield fault(_PART, what, seen, "Take a storage that shows at once what was written.")
    except JobFolderTrouble as error:
        yield fault(_PART, what, error.message, _RIGHTS)


def _create_only(probe: Probe) -> Finding:
    if probe.storage.create(probe.path, _SECOND) == _FIRST == probe.storage.read(probe.path):
        seen = "the first to write a name wins, and a second one is given what it wrote"
        return ok(_PART, "create-only", seen)
    seen = "a second file of the same name takes the place of the first: jobs may lose results"
    todo = "Take a storage that heeds conditional writes (If-None-Match)."
    return fault(_PART, "create-only", seen, todo)


def _read(probe: Probe) -> Finding:
    times = []
    for _ in range(_READS):
        start = time.perf_counter()
        data = probe.storage.read(probe.path)
        times.append(1000 * (time.perf_counter() - start))
    if data not in (_FIRST, _SECOND):
        todo = "Look for what changes files there: a proxy, another program."
        return fault(_PART, "read", "gives other bytes than were written", todo)
    return ok(_PART, "read", f"a round trip takes {statistics.median(times):.1f} ms")


def _list(probe: Probe) -> Finding:
    if probe.storage.names(_FOLDER).count(probe.path.removeprefix(_FOLDER)) == 1:
        return ok(_PART, "list", "a listing has the file")
    todo = "Take a storage whose listings show at once what was written."
    return fault(_PART, "list", "a listing lacks a file that was written a moment ago", todo)


def _delete(probe: Probe) -> Finding:
    probe.storage.delete(probe.path)
    if not probe.storage.exists(probe.path):
        return ok(_PART, "delete", "the file is gone again")
    todo = "Take a storage that deletes at once."
    return fault(_PART, "delete", "a file is still there after it was deleted", todo)


def _clock(probe: Probe, before: datetime, after: datetime) -> Findings:
    yield compared("storage", probe.storage.written_at(probe.path), before, after, _EXACT_TO)


#: What is tried with the file once it is written, each by itself.
_LOOKS = (("create-only", _create_only), ("read", _read), ("list", _list))
