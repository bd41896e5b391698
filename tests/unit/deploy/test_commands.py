"""Whether a command that stands in `deploy/` is one of ours, with its options."""

from collections.abc import Sequence

import pytest

import api.__main__
import workers.__main__
from core.catalog import find_model
from tests.unit.test_docs import problem

_PARSERS = {"api": api.__main__.command_parser, "workers": workers.__main__.command_parser}


def check_command(words: Sequence[str]) -> None:
    """Raises AssertionError for a command that is not ours, or would not start."""
    first, *rest = words
    if first == "megabatch":
        assert problem(rest) is None
        if rest[:2] == ["models", "fetch"]:
            find_model(rest[2])
        return
    assert (first, rest[0]) == ("python", "-m"), words
    try:
        chosen = _PARSERS[rest[1]]().parse_args(rest[2:])
    except (KeyError, SystemExit) as error:
        raise AssertionError(f"no such command: {' '.join(words)}") from error
    if getattr(chosen, "model", None):
        find_model(chosen.model)


@pytest.mark.parametrize(
    "line",
    [
        "python -m worker control",
        "python -m workers controls",
        "python -m workers detection",
        "python -m api --hosts x",
        "megabatch model fetch demo",
        "sh -c true",
    ],
)
def test_a_wrong_command_is_seen(line: str) -> None:
    with pytest.raises(AssertionError):
        check_command(line.split())
