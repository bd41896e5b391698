"""One process of a local run: is given images, tells their results, one after another.

It ends by itself with who started it, whatever it is at, so that none outlives a run that was
killed.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from core.errors import MegaBatchError
from core.results.format import ImageResult, encode_image
from core.secrets import RedactingFormatter
from detection.local.work import Detect, Placed, Work


class Assignment(msgspec.Struct, frozen=True):
    """What a member is to do next."""

    placed: tuple[Placed, ...]
    #: One image at a time, each over before the next is begun: so that a death tells which it was.
    careful: bool = False


class Ready(msgspec.Struct, frozen=True):
    """The detector is loaded."""


class Moved(msgspec.Struct, frozen=True):
    """It goes on, though no image is finished."""


class Line(msgspec.Struct, frozen=True):
    """The next image is finished: its line of the results."""

    line: bytes


class Over(msgspec.Struct, frozen=True):
    """All images of the assignment are finished."""


class Gone(msgspec.Struct, frozen=True):
    """It cannot go on: an error that concerns more than one image."""

    error: MegaBatchError | OSError


Message = Ready | Moved | Line | Over | Gone


def run_member(
    connection: Connection, work: Work, environment: Mapping[str, str], log: Path
) -> None:
    """The main function of the process. What libraries print goes to `log`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it
    os.environ.update(environment)
    _write_to(log)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _serve(connection, work)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody listens any more
    except (MegaBatchError, OSError) as error:  # OSError: a disk that takes no more pictures
        _tell(connection, Gone(error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _serve(connection: Connection, work: Work) -> None:
    detect = work.begin()
    connection.send(Ready())
    while (assignment := connection.recv()) is not None:
        for result in _results(detect, assignment, connection):
            connection.send(Line(encode_image(result)))
        connection.send(Over())


def _results(
    detect: Detect, assignment: Assignment, connection: Connection
) -> Iterator[ImageResult]:
    groups: Sequence[Sequence[Placed]] = [assignment.placed]
    if assignment.careful:
        groups = [(one,) for one in assignment.placed]
    for group in groups:
        yield from detect(group, lambda: connection.send(Moved()))


def _tell(connection: Connection, message: Message) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        return


def _write_to(log: Path) -> None:
    """Have everything that this process prints, C libraries too, go to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
