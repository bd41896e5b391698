"""What a merge writes beside the results file: what failed, the image list, another version."""

import hashlib
import io
import json
from typing import Any

import pytest

from core.containers.image_list_source import parse_image_list
from core.failures import FailureCode, ImageFailure
from core.image_list import decode_image_list
from core.jobs import FileKind, JobStatus, RequestedImage
from core.results.format import Detection, ImageResult, failed
from core.results.reader import open_results
from core.results.rewriting import write_version
from core.results.versions import known_version, version_text
from tests.unit.workers.conftest import Bench, J
from workers.aggregator import merge_job
from workers.planner import plan_job
from workers.shard_output import encode_output, file_name, tally_of

NAMES = [f"s/{n:02d}.jpg" for n in range(20)]
FAILED = {"s/03.jpg", "s/17.jpg", "s/18.jpg"}


def result(name: str, shown: str, meta: str | None) -> ImageResult:
    if name in FAILED:
        return failed(shown, ImageFailure(FailureCode.TRUNCATED), meta=meta)
    found = [Detection("1", 0.5, (0.1, 0.2, 0.3, 0.4)), Detection("2", 0.25, (0.0, 0.0, 1.0, 1.0))]
    return ImageResult(file=shown, detections=found, meta=meta)


def run(bench: Bench, *indices: int, strip: str = "") -> None:
    for index in indices or range(bench.folder.read_plan(J).shards):
        images = decode_image_list(bench.folder.read_image_list(J, index))
        output = encode_output(
            [result(image.name, file_name(image, strip), image.meta) for image in images]
        )
        bench.folder.write_shard_output(J, index, output)
        bench.store.done(J, index, tally_of(output))


def merged(bench: Bench, **request: Any) -> None:
    bench.add(*NAMES)
    bench.accept(**request)
    plan_job(bench.context, J)
    run(bench, strip=request.get("strip_prefix", ""))
    merge_job(bench.context, J)


def content(bench: Bench, path: str, size: int) -> bytes:
    assert bench.folder.results_size(path) == size
    return b"".join(bench.folder.results_pieces(path, 0, size))


def handed_out(bench: Bench, kind: FileKind) -> Any:
    file = bench.folder.read_final(J).file(kind)
    assert file
    data = content(bench, file.path, file.bytes)
    assert hashlib.sha256(data).hexdigest() == file.digest
    return json.loads(data)


def stored(bench: Bench) -> set[str]:
    root = bench.pictures.parent / "storage"
    return {str(path.relative_to(root)) for path in root.rglob("results/*") if path.is_file()}


def test_lists_hold_names_in_list_order(bench: Bench) -> None:
    merged(bench)
    assert handed_out(bench, FileKind.IMAGE_LIST) == NAMES
    assert handed_out(bench, FileKind.FAILED_IMAGES) == sorted(FAILED)
    final = bench.folder.read_final(J)
    assert final.files[FileKind.RESULTS].path == final.results
    assert stored(bench) == final.paths and len(final.paths) == 3


@pytest.mark.parametrize("stripped", ["", "s/"])
def test_what_failed_can_be_submitted_again(bench: Bench, stripped: str) -> None:
    merged(bench, prefix=stripped, strip_prefix=stripped)
    again = parse_image_list(json.dumps(handed_out(bench, FileKind.FAILED_IMAGES)).encode())
    assert {image.name for image in again} == FAILED
    assert handed_out(bench, FileKind.IMAGE_LIST) == NAMES


def test_texts_of_the_submitter_stand_beside_what_failed(bench: Bench) -> None:
    merged(bench, images=tuple(RequestedImage(n, f"about {n}") for n in NAMES))
    expected = [[name, f"about {name}"] for name in sorted(FAILED)]
    assert handed_out(bench, FileKind.FAILED_IMAGES) == expected
    assert handed_out(bench, FileKind.IMAGE_LIST) == [[name, f"about {name}"] for name in NAMES]


def test_a_signed_url_is_listed_without_its_signature(bench: Bench) -> None:
    names = [f"https://x.blob.core.windows.net/c/{n}.jpg" for n in range(3)]
    signed = tuple(RequestedImage(f"{name}?sig=CANARY") for name in names)
    bench.accept(container_url=None, images=signed)
    plan_job(bench.context, J)
    run(bench)
    merge_job(bench.context, J)
    assert handed_out(bench, FileKind.IMAGE_LIST) == names


def test_an_empty_job_has_empty_lists(bench: Bench) -> None:
    bench.accept()
    plan_job(bench.context, J)
    merge_job(bench.context, J)
    assert handed_out(bench, FileKind.IMAGE_LIST) == []
    assert handed_out(bench, FileKind.FAILED_IMAGES) == []


def test_a_cancelled_job_lists_what_was_merged(bench: Bench) -> None:
    bench.add(*NAMES)
    bench.accept()
    plan_job(bench.context, J)
    run(bench, 1)
    bench.store.cancel(J)
    merge_job(bench.context, J)
    assert bench.folder.read_final(J).status is JobStatus.CANCELLED
    names = handed_out(bench, FileKind.IMAGE_LIST)
    assert names == NAMES[16:]
    assert [image["file"] for image in handed_out(bench, FileKind.RESULTS)["images"]] == names
    assert set(handed_out(bench, FileKind.FAILED_IMAGES)) == FAILED & set(names)


def test_results_of_2019_leave_failures_out(bench: Bench) -> None:
    merged(bench, format_version="1.0")
    results = handed_out(bench, FileKind.RESULTS)
    assert results["info"]["format_version"] == "1.0"
    assert [image["file"] for image in results["images"]] == [n for n in NAMES if n not in FAILED]
    assert all(image["max_detection_conf"] == 0.5 for image in results["images"])
    assert set(handed_out(bench, FileKind.FAILED_IMAGES)) == FAILED


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(6)])
def test_results_in_another_version_stand_beside_the_newest(bench: Bench, version: str) -> None:
    merged(bench, format_version=version)
    final = bench.folder.read_final(J)
    older = final.files[FileKind.RESULTS]
    assert final.results and older.path != final.results
    assert stored(bench) == final.paths and len(final.paths) == 4
    root = bench.pictures.parent / "storage"
    newest = open_results(root / final.results)
    assert version_text(newest.version) == "1.6"
    assert [image.file for image in newest.images()] == NAMES
    expected = io.BytesIO()
    write_version(newest, expected, known_version(version))
    assert content(bench, older.path, older.bytes) == expected.getvalue()


def test_a_record_of_before_hands_out_its_results_alone(bench: Bench) -> None:
    merged(bench)
    fields = json.loads((bench.pictures.parent / f"storage/jobs/{J}/final.json").read_bytes())
    del fields["files"]
    (bench.pictures.parent / f"storage/jobs/{J}/final.json").write_text(json.dumps(fields))
    assert len(handed_out(bench, FileKind.RESULTS)["images"]) == len(NAMES)
    assert bench.folder.read_final(J).file(FileKind.IMAGE_LIST) is None
