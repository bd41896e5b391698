"""What is written to the terminal, and how text that others wrote is made safe for it."""

import io
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.secrets import redact

# Wider than any table of ours, so that rich fits no column into what a pipe pretends to be.
_WIDEST = 10_000
_NAME = "megabatch"


def open_standard_streams() -> None:
    """Have standard streams that were closed lead nowhere, before other files take their places."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115, as it stays
            setattr(sys, name, nowhere)


def write_anything() -> None:
    """Have what the terminal's encoding lacks written as `\\u010d`, where Python would raise.

    Names of files hold any character, and a console or a pipe of Windows may know but 256 of them.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where there is no console at all
            stream.reconfigure(errors="backslashreplace")


def program() -> str:
    """The command as it was typed: `megabatch`, or a path such as `.venv/bin/megabatch`."""
    typed = Path(sys.argv[0])
    if typed.name != _NAME:  # started as `python -m cli.main`, or from a test
        return _NAME
    found = shutil.which(_NAME)
    if found and Path(found).resolve() == typed.resolve():
        return _NAME
    return shlex.quote(sys.argv[0])


def output() -> Console:
    """Where answers go: standard output."""
    return Console(markup=False, emoji=False, highlight=False)


def messages() -> Console:
    """Where progress and errors go: standard error, so that a pipe gets answers alone."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def new_table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, header_style="bold")


def print_table(table: Table) -> None:
    """Print a table at its own width: a terminal may wrap its lines, but no cell is cut off."""
    console = output()
    console.width = _WIDEST
    with console.capture() as captured:
        console.print(table, soft_wrap=True)
    # No blanks at the ends of lines: tables are pasted into other texts.
    for line in captured.get().splitlines():
        print(line.rstrip())


def printable(text: str) -> str:
    """The text, on one line: every character that could steer a terminal, end a line or turn the
    direction of writing is replaced, and secrets are hidden.
    """
    return _plain(redact(text), "")


def first_of(names: Sequence[str], most: int) -> str:
    """The first of these names, on one line."""
    more = ", ..." if len(names) > most else ""
    return printable(", ".join(names[:most])) + more


def _plain(text: str, kept: str) -> str:
    return "".join(
        mark if mark.isprintable() or mark in kept else "\N{REPLACEMENT CHARACTER}" for mark in text
    )


def told_of(error: OSError) -> str:
    """What the system said, and of which file."""
    return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)


def say_error(text: str) -> None:
    messages().print(_as_typed(text), style="red", soft_wrap=True)


def say_warning(text: str) -> None:
    messages().print(_as_typed(f"Warning: {text}"), style="yellow", soft_wrap=True)


def say(text: str) -> None:
    messages().print(_as_typed(text), soft_wrap=True)


def _as_typed(text: str) -> str:
    """The text made safe, with the commands that it advises written as this one was typed.

    Messages may take several lines; whoever puts a name into one makes it `printable` first.
    """
    return _typed(_plain(redact(text), "\n"))


def advice(text: str) -> str:
    """The text made `printable`, with its commands written likewise."""
    return _typed(printable(text))


def _typed(text: str) -> str:
    return text.replace(f"`{_NAME} ", f"`{program()} ")
