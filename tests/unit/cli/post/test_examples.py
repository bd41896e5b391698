"""Each command of `megabatch post` shows examples in its help, and they work as printed."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.lazy import LazyCommand
from cli.main import run
from cli.post.group import post
from tests.pictures import jpeg
from tests.results_files import detection, failure, image, write_results


def commands(group: click.Group, path: str = "post") -> Iterator[tuple[str, click.Command]]:
    for name, stand_in in group.commands.items():
        command = stand_in.load() if isinstance(stand_in, LazyCommand) else stand_in
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(post))


#: What a user runs before it.
BEFORE = {
    "post repeats remove": "megabatch post repeats find results.json --images photos -o review"
}


def examples_of(command: click.Command) -> list[str]:
    lines = (line.strip() for line in (command.epilog or "").splitlines())
    return [line for line in lines if line.startswith("megabatch ")]


@pytest.fixture
def season(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos` and their `results.json`, as a user would have it."""
    for name in ("photos/north/1.jpg", "photos/north/2.jpg", "photos/south/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    write_results(
        tmp_path / "results.json",
        image("north/1.jpg", detection(), width=64, height=48, datetime="2026-05-02 06:11:54"),
        image("north/2.jpg", width=64, height=48, datetime="2026-05-02 06:12:10"),
        image("south/1.jpg", detection("2", 0.7), width=64, height=48),
        failure("south/2.jpg"),
    )
    write_results(tmp_path / "more.json", image("west/1.jpg"), image("south/2.jpg"))
    (tmp_path / "deployments.csv").write_text(
        "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
        "north,-1.5,36.75,2026-05-01,2026-05-31\n"
    )
    (tmp_path / "truth.json").write_text(
        '{"images": [{"id": 1, "file_name": "north/1.jpg"}],'
        ' "annotations": [{"image_id": 1, "category_id": 7}],'
        ' "categories": [{"id": 7, "name": "deer"}]}'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_work_as_printed(season: Path, name: str) -> None:
    examples = examples_of(COMMANDS[name])
    assert examples
    before = (season / "results.json").read_bytes()
    if name in BEFORE:
        assert run(shlex.split(BEFORE[name])[1:]) == 0
    for example in examples:
        assert example.startswith(f"megabatch {name} ")
        assert run(shlex.split(example)[1:]) == 0, example
    assert (season / "results.json").read_bytes() == before
