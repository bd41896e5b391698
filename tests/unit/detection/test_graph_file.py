from pathlib import Path

import pytest

from core.catalog import Part
from detection.graph_file import fault_of
from tests.graphs import NODES, graph


def fault(tmp_path: Path, content: bytes, part: Part = Part.FROZEN) -> str | None:
    path = tmp_path / "file"
    path.write_bytes(content)
    return fault_of(path, part)


def test_the_demo_model_is_a_graph(demo_model: Path) -> None:
    assert fault_of(demo_model, Part.FROZEN) is None


def test_a_graph_that_was_cut_off_is_told(demo_model: Path, tmp_path: Path) -> None:
    data = demo_model.read_bytes()
    for size in (1, 2, 1000, len(data) // 2, len(data) - 1):
        assert fault(tmp_path, data[:size]), size


def test_a_large_graph_is_one(tmp_path: Path) -> None:
    assert fault(tmp_path, graph(padding=bytes(3_000_000))) is None


def test_a_graph_with_other_tensors_is_told(tmp_path: Path) -> None:
    assert fault(tmp_path, graph(NODES[1:])) == "a graph without image_tensor"
    assert fault(tmp_path, graph(NODES[:2])) == (
        "a graph without detection_scores, detection_classes, num_detections"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\xef\xbb\xbf\n <html>", "a web page"),
        (b"PK\x03\x04rest", "a zip archive"),
        (bytes(1000), "no TensorFlow graph, or one that was cut off"),
        (b"\x08\x01\x12\x00", "no TensorFlow graph, or one that was cut off"),  # a SavedModel
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "no TensorFlow graph, or one that"),
        (b"\x0a\x08\x0a\xff\xff\xff\x7f\x0a\x0a\x0a", "no TensorFlow graph, or one that"),
    ],
)
def test_what_is_no_graph_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    assert (fault(tmp_path, content) or "").startswith(told)


def test_configs_are_text(tmp_path: Path) -> None:
    assert fault(tmp_path, b"model { faster_rcnn {", Part.CONFIG) is None
    assert fault(tmp_path, b"\x0a\x00", Part.CONFIG) == "no text"
    assert fault(tmp_path, b"<html>", Part.CONFIG) == "a web page"


def test_checkpoints_are_zip_archives(tmp_path: Path) -> None:
    empty = b"PK\x05\x06" + bytes(18)
    assert fault(tmp_path, empty, Part.CHECKPOINT) is None
    assert "cut off" in (fault(tmp_path, b"PK\x03\x04", Part.CHECKPOINT) or "")
