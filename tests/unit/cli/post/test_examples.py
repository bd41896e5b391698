"""Each command of `megabatch post` shows examples in its help, and they work as printed."""

from pathlib import Path

import pytest

from tests.pictures import jpeg
from tests.post_examples import COMMANDS, DEPLOYMENTS, examples_of, run_examples
from tests.results_files import detection, failure, image, write_results


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
    (tmp_path / "deployments.csv").write_text(DEPLOYMENTS)
    (tmp_path / "truth.json").write_text(
        '{"images": [{"id": 1, "file_name": "north/1.jpg"}],'
        ' "annotations": [{"image_id": 1, "category_id": 7}],'
        ' "categories": [{"id": 7, "name": "deer"}]}'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("season")
@pytest.mark.parametrize("name", COMMANDS)
def test_examples_work_as_printed(name: str) -> None:
    assert all(line.startswith(f"megabatch {name} ") for line in examples_of(name))
    run_examples(name)
