"""That docs/reliability.md leaves no fault out, and that every test which it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text()
ROWS = {
    match[1]: match[2] for match in re.finditer(r"^\| ([FJISM]\d+) \|(.*)$", PAGE, re.MULTILINE)
}
FAULTS = [
    *(f"F{number}" for number in range(1, 31)),
    *(f"J{number}" for number in range(31, 45)),
    *(f"I{number}" for number in range(45, 51)),
    *(f"S{number}" for number in range(51, 61)),
    *(f"M{number}" for number in range(61, 65)),
]


def functions_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_its_row() -> None:
    assert list(ROWS) == FAULTS


@pytest.mark.parametrize("fault", FAULTS)
def test_every_row_names_tests_that_are_there(fault: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS[fault])
    assert named
    for file, name in named:
        assert name in functions_in(ROOT / file), f"{file} has no {name}"
