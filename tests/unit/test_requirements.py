"""The pinned files hold what pyproject.toml asks for, and all that this needs in turn."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.azurite_server import VERSION

ROOT = Path(__file__).parents[2]
#: Declared nowhere: only the demo shows them.
PHOTOGRAPHS = {"scikit-image"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]


def read(name: str) -> list[Requirement]:
    text = (ROOT / name).read_text()
    kept = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in kept if line and not line.startswith(("#", "-r "))]


RUN = read("requirements.txt")
ALL = [*RUN, *read("requirements-dev.txt")]


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def declared() -> list[Requirement]:
    groups = [
        PROJECT["dependencies"],
        BUILD["requires"],
        *PROJECT["optional-dependencies"].values(),
    ]
    asked = [Requirement(line) for group in groups for line in group]
    return [one for one in asked if one.name != PROJECT["name"]]  # extras include each other


def test_every_line_pins_one_version() -> None:
    loose = [str(one) for one in ALL if not re.fullmatch(r"==[^*,]+", str(one.specifier))]
    assert loose == []


def test_no_distribution_is_pinned_twice() -> None:
    names = [canonicalize_name(one.name) for one in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_what_is_declared_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pinned = {canonicalize_name(one.name): str(one.specifier) for one in RUN}
    version = pinned[canonicalize_name(requirement.name)].removeprefix("==")
    assert requirement.specifier.contains(version)


def test_what_is_pinned_is_closed() -> None:
    """Nothing that a pinned distribution needs is left for the installer to choose."""
    pinned = {canonicalize_name(one.name) for one in ALL if applies(one)}
    needed = {
        f"{name} needs {one.name}"
        for name in pinned
        for one in map(Requirement, importlib.metadata.requires(name) or [])
        if applies(one) and canonicalize_name(one.name) not in pinned
    }
    assert needed == set()


def test_nothing_is_pinned_that_nothing_needs() -> None:
    pinned = {canonicalize_name(one.name) for one in RUN}
    needed = {canonicalize_name(one.name) for one in declared()} | PHOTOGRAPHS
    for one in RUN:
        if applies(one):
            needs = importlib.metadata.requires(one.name) or []
            needed |= {canonicalize_name(Requirement(need).name) for need in needs}
    assert pinned - needed == set()


def test_pythons_of_the_set_up_are_those_of_the_project() -> None:
    script = (ROOT / "scripts/check-machine").read_text()
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= sys.version_info < (3, 14)" in script


def test_set_up_installs_the_azurite_that_the_tests_start() -> None:
    pinned = re.findall(r"^AZURITE_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned == [VERSION]
