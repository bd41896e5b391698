"""The rules of CONTRIBUTING.md about the size of things, which ruff does not count."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("api", "benchmarks", "cli", "core", "detection", "postprocessing", "workers")
LONGEST_FILE = 300
LONGEST_FUNCTION = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(text: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """From `def` to the last line, the docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return lines
    return lines - ((first.end_lineno or 0) - first.lineno + 1)


def long_functions(text: str) -> list[str]:
    return [one.name for one in functions(text) if lines_of(one) > LONGEST_FUNCTION]


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources(*CODE)}
    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_FILE}
    assert long == {}


def test_functions_are_short() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources(*CODE)
        for name in long_functions(path.read_text())
    }
    assert long == set()


@pytest.mark.parametrize(("lines", "long"), [(39, []), (40, ["f"])])
def test_a_long_function_is_seen(lines: int, long: list[str]) -> None:
    body = "    x = 1\n" * lines
    assert long_functions(f"def f():\n{body}") == long
    assert long_functions(f'def f():\n    """Says\n\n    more.\n    """\n{body}') == long


def test_modules_say_what_they_are_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*CODE)
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
