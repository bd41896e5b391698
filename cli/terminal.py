"""What is written to the terminal, and how text that others wrote is made safe for it."""

from rich.console import Console
from rich.table import Table

from core.secrets import redact

# Wider than any table of ours, so that rich fits no column into what a pipe pretends to be.
_WIDEST = 10_000


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
    console.print(table, soft_wrap=True)


def printable(text: str) -> str:
    """The text with every character that could steer a terminal replaced, and secrets hidden."""
    return "".join(
        mark if mark.isprintable() or mark == "\n" else "\N{REPLACEMENT CHARACTER}"
        for mark in redact(text)
    )


def say_error(text: str) -> None:
    messages().print(printable(text), style="red", soft_wrap=True)


def say(text: str) -> None:
    messages().print(printable(text), soft_wrap=True)
