"""Jobs with a model given as a file: their results name it by its SHA-256, whoever merges them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config import Settings
from tests.factories import accepted_job
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench, J
from workers.aggregator import merge_job
from workers.planner import plan_job
from workers.shard_runner import run_shard

CHILD = "c" * 32
OLD, NEW = b"weights of old", b"weights of new"


def sha256(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "own.pb"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def own_settings(settings: Settings, weights: Path) -> Settings:
    return msgspec.structs.replace(settings, model_files=(weights,))


@pytest.fixture
def own(own_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Two shards of 16 pictures, planned for the model `own`."""
    monkeypatch.setattr("workers.shard_cutting._FIRST", 16)
    bench = Bench(own_settings, tmp_path / "pictures")
    for n in range(32):
        bench.add(f"{n:02d}.jpg", content=jpeg(n))
    bench.accept(model="own")
    plan_job(bench.context, J)
    return bench


def replace(weights: Path) -> None:
    """Put another file in its place, on purpose."""
    weights.write_bytes(NEW)
    Path(f"{weights}.sha256").unlink()


def info(bench: Bench, job_id: str = J) -> dict[str, Any]:
    path = bench.folder.read_final(job_id).results
    assert path
    pieces = bench.folder.results_pieces(path, 0, bench.folder.results_size(path))
    told: dict[str, Any] = json.loads(b"".join(pieces))["info"]
    return told


def test_results_name_the_file_and_its_checksum(own: Bench, weights: Path) -> None:
    run_shard(own.context, J, 0)
    run_shard(own.context, J, 1)
    weights.unlink()  # as on a machine that only merges
    merge_job(own.context, J)
    told = info(own)
    assert told["detector"] == "own.pb"
    assert told["custom_metadata"]["megabatch"]["model_sha256"] == sha256(OLD)
    assert told["detector_metadata"].keys() == {
        "megadetector_version",
        "typical_detection_threshold",
        "conservative_detection_threshold",
    }


def test_a_model_of_the_catalog_needs_no_checksum(bench: Bench) -> None:
    bench.add("a.jpg", content=jpeg(1))
    bench.accept()
    plan_job(bench.context, J)
    run_shard(bench.context, J, 0)
    merge_job(bench.context, J)
    assert "model_sha256" not in info(bench)["custom_metadata"]["megabatch"]


def test_workers_with_different_files_are_told(
    own: Bench, own_settings: Settings, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_shard(own.context, J, 0)
    replace(weights)
    run_shard(own.another_worker("other", own_settings), J, 1)
    merge_job(own.context, J)
    both = ", ".join(sorted([sha256(OLD), sha256(NEW)]))
    assert info(own)["custom_metadata"]["megabatch"]["model_sha256"] == both
    assert "different files of own" in caplog.text


@pytest.mark.parametrize("kept", [True, False])
def test_results_that_are_taken_over_bring_the_checksum_of_theirs(
    own: Bench, own_settings: Settings, weights: Path, kept: bool
) -> None:
    own.add("31.jpg", content=b"not a picture")
    run_shard(own.context, J, 0)
    run_shard(own.context, J, 1)
    merge_job(own.context, J)
    replace(weights)
    worker = own.another_worker("other", own_settings)
    if not kept:
        for n in range(32):
            own.add(f"{n:02d}.jpg", content=jpeg(100 + n))
    job = accepted_job(CHILD, container_url=str(own.pictures), model="own", previous_job=J)
    own.folder.accept(job)
    own.store.create(job)
    plan_job(worker, CHILD)
    for index in range(2):
        run_shard(worker, CHILD, index)
    merge_job(worker, CHILD)
    expected = {sha256(OLD), sha256(NEW)} if kept else {sha256(NEW)}
    told = info(own, CHILD)["custom_metadata"]["megabatch"]["model_sha256"]
    assert set(told.split(", ")) == expected
