"""What a file of a model holds, told without TensorFlow: a frozen graph, or something else.

A frozen graph is a GraphDef in the wire format of protocol buffers: nodes one after another, each
with its name first. Names are read and all else is passed over, so that a look takes milliseconds.
Source: tensorflow/core/framework/graph.proto and node_def.proto.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.catalog import Part

#: The tensors of MegaDetector v2, v3 and v4.
INPUT = "image_tensor:0"
# Source: the TensorFlow Object Detection API, `exporter.py`, which wrote MegaDetector's graphs.
OUTPUTS = ("detection_boxes:0", "detection_scores:0", "detection_classes:0", "num_detections:0")
_NODES = tuple(tensor.partition(":")[0] for tensor in (INPUT, *OUTPUTS))

# Of GraphDef and NodeDef: the number of a field and how it is written, as one byte.
_NODE, _LIBRARY, _VERSION, _VERSIONS, _DEBUG_INFO = b"\x0a", b"\x12", b"\x18", b"\x22", b"\x2a"
_NAME = b"\x0a"
_MORE = 0x80  # a bit of each byte of a number
_MOST_NAME = 10_000
_START = 512


class _NoGraph(Exception):
    """The file does not follow the format of a graph."""


def fault_of(path: Path, part: Part) -> str | None:
    """What the file is, where it cannot be that part of a model; None where it may be.

    Of a frozen graph all nodes are looked at; of a config and a checkpoint only what kind of file
    it is.
    """
    with path.open("rb") as file:
        start = file.read(_START)
    if not start:
        return "an empty file"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a web page"
    if part is Part.CONFIG:
        return "no text" if b"\0" in start else None
    if part is Part.CHECKPOINT:
        return None if zipfile.is_zipfile(path) else "no zip archive, or one that was cut off"
    return "a zip archive" if start.startswith(b"PK") else _fault_of_graph(path)


def _fault_of_graph(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            names = set(_node_names(file, path.stat().st_size))
    except _NoGraph:
        return "no TensorFlow graph, or one that was cut off"
    lacking = [name for name in _NODES if name not in names]
    return f"a graph without {', '.join(lacking)}" if lacking else None


def _node_names(file: BinaryIO, size: int) -> Iterator[str]:
    while tag := file.read(1):
        if tag == _VERSION:
            _varint(file)
            continue
        if tag not in (_NODE, _LIBRARY, _VERSIONS, _DEBUG_INFO):
            raise _NoGraph
        length = _varint(file)
        end = file.tell() + length
        if end > size:
            raise _NoGraph
        if tag == _NODE:
            yield _node_name(file)
        file.seek(end)


def _node_name(file: BinaryIO) -> str:
    if file.read(1) != _NAME:
        raise _NoGraph
    length = _varint(file)
    if length > _MOST_NAME:
        raise _NoGraph
    return file.read(length).decode(errors="replace")


def _varint(file: BinaryIO) -> int:
    """A number in groups of seven bits, the lowest first; the eighth says that more follow."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise _NoGraph
        number |= (byte[0] & ~_MORE) << shift
        if not byte[0] & _MORE:
            return number
    raise _NoGraph
