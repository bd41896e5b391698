"""From what a job names to the container that it means."""

import importlib
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from core.config import Settings
from core.containers.folder import LocalFolder, folder_of
from core.containers.guard import Guard
from core.containers.listing import Container
from core.containers.patience import QUICK, Patience
from core.containers.sas import check_sas
from core.containers.url_list import UrlList
from core.errors import (
    AccessRevoked,
    ContainerError,
    InvalidRequest,
    StorageTrouble,
)
from core.sealing import Sealer

_POINTER = "/container_url"
# Somebody waits for the answer to a submission.
_CHECK_SECONDS = 2.5

_T = TypeVar("_T")


def open_container(
    container_url: str | None,
    settings: Settings,
    sealer: Sealer,
    *,
    patience: Patience | None = None,
) -> Container:
    """The container of a job; without a URL, that of a job whose images are URLs themselves.

    Raises UrlNotAllowed for a URL that this service may not reach, ContainerError for one that
    does not name a container, and StorageTrouble where a folder is not there.
    """
    if container_url is None:
        return UrlList(Guard(settings), sealer, patience=patience)
    if is_folder(container_url):
        return _open_folder(container_url, settings)
    # Here and below not before it is needed; `load_azure` tells why.
    from core.containers.azure import AzureContainer

    return AzureContainer(container_url, Guard(settings), patience=patience)


def load_azure() -> None:
    """Import now what is imported with the first container of Azure's.

    That takes a third of the time in which a worker starts, and other jobs need none of it; but
    whoever has to answer in three seconds has none to spare for it.
    """
    importlib.import_module("core.containers.azure")


def is_folder(container_url: str) -> bool:
    """Whether this names a local folder: by `/path` or `file:///path`."""
    return container_url.startswith("/") or container_url.lower().startswith("file:")


def check_container(container_url: str, settings: Settings) -> None:
    """What is cheap to know at submission: the URL, its SAS, and one page of its listing.

    Takes 2.5 seconds at most. Raises InvalidRequest (UrlNotAllowed, ContainerError) with the
    pointer `/container_url`, or StorageTrouble.
    """
    try:
        _check(container_url, settings)
    except InvalidRequest as error:
        error.pointer = _POINTER
        raise
    except AccessRevoked as error:
        raise ContainerError(error.message, pointer=_POINTER, code="sas_refused") from error


def _check(container_url: str, settings: Settings) -> None:
    if is_folder(container_url):
        within(_CHECK_SECONDS, lambda: _check_folder(container_url, settings))
        return
    from core.containers.azure_lister import AzureLister

    lister = AzureLister(container_url, Guard(settings), patience=QUICK, page_size=1)
    check_sas(container_url, datetime.now(UTC))
    within(_CHECK_SECONDS, lambda: lister.list_page("", None))


def _open_folder(container_url: str, settings: Settings) -> LocalFolder:
    folder = folder_of(container_url, settings.allowed_roots)
    return LocalFolder(folder, settings.allowed_roots)


def _check_folder(container_url: str, settings: Settings) -> None:
    # One image is enough: a whole page of a network drive may take longer than somebody waits.
    folder = folder_of(container_url, settings.allowed_roots)
    # Once a job is accepted, this is trouble that may pass: a disk is not mounted at the moment.
    if not os.path.isdir(folder):
        raise ContainerError(f"There is no folder {folder}.", code="container_not_found")
    next(LocalFolder(folder, settings.allowed_roots, page_size=1).pages())


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Do this work in a thread of its own, and wait for what it returns so long at most.

    Looking a name up, and a dead network drive, know no time limit of their own. Raises what the
    work raises, and StorageTrouble when it is not over in time.
    """
    returned: list[_T] = []
    raised: list[BaseException] = []
    over = threading.Event()

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:  # raised again, by who waits
            raised.append(error)
        over.set()

    # What the log says of the request, it says of this thread, too.
    bound = partial(copy_context().run, run)
    threading.Thread(target=bound, name="check-container", daemon=True).start()
    if not over.wait(seconds):
        raise StorageTrouble("The storage takes too long to answer; try again later.")
    if raised:
        raise raised[0]
    return returned[0]
