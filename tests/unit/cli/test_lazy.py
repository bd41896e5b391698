import click
import pytest

from cli.lazy import LazyCommand
from cli.main import COMMANDS, megabatch
from cli.post.group import TOOLS


@pytest.mark.parametrize("row", [*COMMANDS, *TOOLS], ids=lambda row: row[0])
def test_the_table_says_what_the_command_says(row: tuple[str, ...]) -> None:
    command = LazyCommand(*row).load()
    assert (command.name, command.get_short_help_str(200)) == (row[0], row[2])


def test_no_command_is_in_the_table_twice() -> None:
    assert len(megabatch.commands) == len(COMMANDS)


def test_a_command_is_what_is_run_and_completed() -> None:
    context = megabatch.commands["jobs"].make_context("jobs", ["--json"])
    assert context.command is LazyCommand("jobs", "cli.jobs:list_jobs", "").load()
    assert context.params["as_json"] is True


def test_a_command_that_does_not_exist_gets_near_names() -> None:
    with pytest.raises(click.UsageError, match="submit"):
        megabatch.main(["submitt"], standalone_mode=False)
