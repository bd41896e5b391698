from pathlib import Path

import pytest

from core.replacing import insist, replace


class Held:
    """A file that another program holds for so many tries."""

    def __init__(self, tries: int) -> None:
        self.tries, self.left = 0, tries

    def __call__(self) -> None:
        self.tries += 1
        if self.tries <= self.left:
            raise PermissionError("held")


def test_a_file_is_put_in_the_place_of_another(tmp_path: Path) -> None:
    partial, target = tmp_path / ".a.part", tmp_path / "a"
    partial.write_text("new")
    target.write_text("old")
    replace(partial, target)
    assert (target.read_text(), partial.exists()) == ("new", False)


@pytest.mark.parametrize("held", [0, 1, 2])
def test_a_file_that_is_held_for_a_moment_is_replaced(held: int) -> None:
    action = Held(held)
    insist(action, [0, 0])
    assert action.tries == held + 1


@pytest.mark.parametrize("pauses", [[], [0], [0, 0]])
def test_a_file_that_stays_held_is_not_tried_for_ever(pauses: list[float]) -> None:
    action = Held(10)
    with pytest.raises(PermissionError):
        insist(action, pauses)
    assert action.tries == len(pauses) + 1


def test_other_troubles_are_raised_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        insist(lambda: Path("/nowhere/a").replace("/nowhere/b"), [60])
