"""Commands that are imported when they are used, so that none waits for the libraries of others."""

from importlib import import_module
from typing import Any

import click

from cli.extras import require


class LazyCommand(click.Command):
    """Stands for a command of which only name and short help are known yet."""

    def __init__(self, name: str, target: str, short_help: str, extra: str = "") -> None:
        """`target` is a module, a colon and a name in it; `extra` is what all of it needs."""
        super().__init__(name, short_help=short_help)
        self.target = target
        self.extra = extra

    def load(self) -> click.Command:
        """The command itself. Raises NotInstalled."""
        if self.extra:
            require(self.extra, f"`megabatch {self.name}`")
        module, _, name = self.target.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of the command itself, which is what click goes on with."""
        return self.load().make_context(info_name, args, parent, **extra)
