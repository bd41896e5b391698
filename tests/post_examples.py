"""The commands of `megabatch post`, and the examples that their help shows."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from cli.lazy import LazyCommand
from cli.main import run
from cli.post.group import post

#: The folder that an example needs, and what a user runs to get it.
_NEEDED = {
    "post repeats remove": (
        "review",
        "megabatch post repeats find results.json --images photos -o review",
    )
}
DEPLOYMENTS = """deploymentID,latitude,longitude,deploymentStart,deploymentEnd
north,-1.5,36.75,2026-05-01,2026-05-31
"""


def _commands(group: click.Group, path: str = "post") -> Iterator[tuple[str, click.Command]]:
    for name, stand_in in group.commands.items():
        command = stand_in.load() if isinstance(stand_in, LazyCommand) else stand_in
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(post))


def examples_of(name: str) -> list[str]:
    """The command lines in the help of a command; they are there."""
    lines = (line.strip() for line in (COMMANDS[name].epilog or "").splitlines())
    found = [line for line in lines if line.startswith("megabatch ")]
    assert found, f"the help of {name} has no example"
    return found


def run_examples(name: str) -> None:
    """Run them, where `results.json` and what else they name lie in the current folder."""
    before = Path("results.json").read_bytes()
    folder, before_it = _NEEDED.get(name, (".", ""))
    lines = examples_of(name) if Path(folder).exists() else [before_it, *examples_of(name)]
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "megabatch"
        assert run(words) == 0, line
    assert Path("results.json").read_bytes() == before
