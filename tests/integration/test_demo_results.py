"""What `megabatch demo` finds goes through every tool of `megabatch post`.

Each results file that a tool writes is read by the public package `megadetector`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import run
from core.results.validator import validate
from tests.post_examples import COMMANDS, DEPLOYMENTS, run_examples

pytestmark = pytest.mark.integration

#: Reads the results files that are named: what its validator says, and how many images it loads.
READ_BY_PEER = """
import json, sys
from megadetector.postprocessing.load_api_results import load_api_results
from megadetector.postprocessing.validate_batch_results import validate_batch_results

said = {}
for path in sys.argv[1:]:
    found = validate_batch_results(path)["validation_results"]
    said[path] = [found["errors"], len(load_api_results(path)[0])]
print("\\n" + json.dumps(said))
"""


@pytest.fixture(scope="module")
def demo(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo: its results, and their photographs in `photos/north`."""
    folder = tmp_path_factory.mktemp("demo")
    made = folder / "made"
    command = [sys.executable, "-m", "cli.main", "demo", "--output", str(made)]
    environment = {**os.environ, "MEGABATCH_MODEL_FOLDER": str(demo_model.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(made / "photographs", folder / "photos/north")
    renaming = ["--replace-prefix", "=north/", "-o", str(folder / "results.json")]
    assert run(["post", "subset", str(made / "results.json"), *renaming]) == 0
    _write_what_else_examples_name(folder)
    return folder


def _write_what_else_examples_name(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    images = results["images"]
    labels = [{"id": n, "file_name": image["file"]} for n, image in enumerate(images)]
    said = [{"image_id": n, "category_id": 7} for n in range(len(images))]
    animal = [{"id": 7, "name": "animal"}]
    truth = {"images": labels, "annotations": said, "categories": animal}
    (folder / "truth.json").write_text(json.dumps(truth))
    elsewhere = [{**image, "file": f"west/{n}.jpg"} for n, image in enumerate(images)]
    (folder / "more.json").write_text(json.dumps({**results, "images": elsewhere}, indent=1))
    (folder / "deployments.csv").write_text(DEPLOYMENTS)


@pytest.mark.timeout(300)  # the first time the public package is fetched
def test_every_tool_takes_them_and_others_read_what_it_writes(
    demo: Path, peer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo)
    for name in COMMANDS:
        run_examples(name)
    written = sorted(str(path) for path in demo.rglob("*.json") if _is_results(path))
    assert len(written) > len(COMMANDS) / 2
    assert {path: validate(Path(path)).faults for path in written} == {path: [] for path in written}
    done = subprocess.run(
        [peer, "-c", READ_BY_PEER, *written], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {path: [[], validate(Path(path)).images] for path in written}


def _is_results(path: Path) -> bool:
    content = json.loads(path.read_text())
    return isinstance(content, dict) and {"info", "detection_categories"} <= content.keys()
