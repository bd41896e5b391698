"""The Dockerfiles: linted, and about things that exist. They are built nowhere here."""

import json
import re
import tomllib
from fnmatch import fnmatch

import pytest
from flask import Flask
from packaging.requirements import Requirement

from tests.unit.deploy.reading import DEPLOY, ROOT, dockerfile, program
from tests.unit.deploy.test_commands import check_command
from tests.unit.test_imports import declared
from tests.unit.test_requirements import RUN

FILES = ("api.Dockerfile", "worker.Dockerfile")
TARGETS = (" AS cpu", " AS gpu")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def words(name: str, instruction: str) -> list[str]:
    return [rest for word, rest in dockerfile(name) if word == instruction]


@pytest.mark.parametrize("name", FILES)
def test_hadolint_has_nothing_to_say(name: str) -> None:
    program("hadolint", name, folder=DEPLOY)


def test_hadolint_says_something_where_it_should() -> None:
    bad = DEPLOY / "compose.yaml"
    with pytest.raises(AssertionError):
        program("hadolint", bad.name, folder=DEPLOY)


@pytest.mark.parametrize("name", FILES)
def test_what_is_started_is_ours(name: str, app: Flask) -> None:
    assert words(name, "ENTRYPOINT") == ['["tini", "--"]']
    for command in words(name, "CMD"):
        check_command(json.loads(command))
    (health,) = words(name, "HEALTHCHECK")
    command = json.loads(health.partition("CMD ")[2])
    if name == "worker.Dockerfile":
        check_command(command)
    else:
        compile(command[2], name, "exec")
        (path,) = re.findall(r"127\.0\.0\.1:8080(/\w+)", command[2])
        assert app.url_map.bind("x").match(path)
        assert json.loads(words(name, "CMD")[0])[-2:] == ["--port", *words(name, "EXPOSE")]


@pytest.mark.parametrize("name", FILES)
def test_nobody_is_root_at_the_end(name: str) -> None:
    text = "\n".join(f"{word} {rest}" for word, rest in dockerfile(name))
    stages = [stage.partition("\n") for stage in text.split("FROM ")[1:]]
    # Those that are an image in the end: the last, and what is asked for by its name.
    images = [body for head, _, body in stages if " AS " not in head or head.endswith(TARGETS)]
    assert len(images) == (2 if name == "worker.Dockerfile" else 1)
    for image in images:
        assert re.findall(r"^USER (.+)$", image, re.MULTILINE) == ["10001:10001"]


@pytest.mark.parametrize("name", FILES)
def test_all_packages_are_copied_and_pass_the_ignore_file(name: str) -> None:
    copied = {
        word for line in words(name, "COPY") if "--from" not in line for word in line.split()[:-1]
    }
    packages = {
        one
        for one in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
        if "." not in one
    }
    assert packages <= copied
    for path in copied:
        assert (ROOT / path).exists() and f"!{path}" in IGNORED


def test_nothing_else_passes_the_ignore_file() -> None:
    assert "*" in IGNORED
    passing = {line[1:] for line in IGNORED if line.startswith("!")}
    assert not [path for path in passing if fnmatch(path, "*.env*") or "key" in path]
    assert all((ROOT / path).exists() for path in passing)


@pytest.mark.parametrize(
    ("name", "extra"), [("api.Dockerfile", "api"), ("worker.Dockerfile", "worker")]
)
def test_what_is_installed_is_an_extra_and_pinned(name: str, extra: str) -> None:
    text = "\n".join(words(name, "RUN"))
    assert f'--constraint requirements.txt --no-build-isolation ".[{extra}]"' in text
    assert re.findall(r'"\.\[(\w+)\]"', text) == [extra]


def test_the_image_of_the_api_has_nothing_that_detects() -> None:
    assert declared("api").isdisjoint(declared("detect") - declared(""))


@pytest.mark.parametrize("name", FILES)
def test_pythons_are_those_of_the_project(name: str) -> None:
    (version,) = [line.partition("=")[2] for line in words(name, "ARG")]
    assert Requirement(f"x{PROJECT['project']['requires-python']}").specifier.contains(version)
    images = {line.split()[0] for line in words(name, "FROM") if ":" in line}
    assert images == {"python:${PYTHON}-slim-bookworm"}


def test_the_tensorflow_of_a_gpu_is_the_pinned_one() -> None:
    lines = (DEPLOY / "requirements-gpu.txt").read_text().splitlines()
    asked = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*,]+", str(one.specifier)) for one in asked)
    (gpu,) = (one for one in asked if one.name == "tensorflow")
    assert gpu.extras == {"and-cuda"}
    assert {str(one.specifier) for one in RUN if one.name.startswith("tensorflow")} == {
        str(gpu.specifier)
    }
