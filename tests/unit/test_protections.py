"""That `python -m tests.bite` has not fallen behind the code: what it switches off is there."""

from pathlib import Path

import pytest

from tests.bite.__main__ import goes_red
from tests.bite.protections import PROTECTIONS, Protection

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda one: one.name)
def test_protection_is_where_it_is_said_to_be(protection: Protection) -> None:
    assert (ROOT / protection.file).read_text().count(protection.old) == 1
    assert all((ROOT / name).exists() for name in protection.tests)


def test_names_differ() -> None:
    assert len({protection.name for protection in PROTECTIONS}) == len(PROTECTIONS)


@pytest.mark.parametrize(("new", "red"), [("2", True), ("1", False)])
def test_a_missing_protection_is_seen(tmp_path: Path, new: str, red: bool) -> None:
    (tmp_path / "one.py").write_text("ONE = 1\n")
    (tmp_path / "test_one.py").write_text("from one import ONE\n\ndef test(): assert ONE == 1\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    protection = Protection("one", "one.py", "1", new, ("test_one.py",))
    assert goes_red(tmp_path, protection) is red
    assert (tmp_path / "one.py").read_text() == "ONE = 1\n"
