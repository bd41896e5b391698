"""Which targets there are, and what of the code each is about."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType

#: Name of the module to the packages in which the fuzzer follows its way.
TARGETS: Mapping[str, tuple[str, ...]] = {
    "image_gate": ("core", "detection", "PIL"),
    "image_lists": ("core", "detection"),
    "results_files": ("core",),
    "foreign_files": ("core", "postprocessing"),
    "urls": ("core",),
    "cursors": ("api", "core"),
    "bodies": ("api", "core"),
}

#: The longest input that is made up, bytes.
LONGEST = 4096


def load(name: str) -> ModuleType:
    """The module of a target."""
    return importlib.import_module(f"tests.fuzz.{name}")


def check_of(target: ModuleType) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = target.check
    return check


def seeds_of(target: ModuleType) -> Iterable[bytes]:
    seeds: Callable[[], Iterable[bytes]] = target.seeds
    return seeds()
