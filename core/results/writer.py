"""Writes results files, and lists of images, by lines: memory does not grow with the file.

The layout, which `core/results/layout.py` reads back by lines:

    {
    "info": {...},
    "detection_categories": {...},
    "images": [
    {"file":"a.jpg", ...},
    {"file":"b.jpg", ...}
    ]
    }
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from core.catalog import Model
from core.jobs import Preprocessing, TruncatedImages
from core.results.format import FORMAT_VERSION

#: Bytes that are gathered before they are handed on: an object store wants few, large writes.
_CHUNK = 2 * 1024 * 1024

#: What other programs of the MegaDetector family write for a model that is none of theirs.
_NO_MEGADETECTOR = "unknown"


class Sink(Protocol):
    """Where the bytes go: a binary file, an obstore writer."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished writer wrote."""

    images: int
    #: Bytes.
    size: int
    #: SHA-256 of the bytes, hex.
    digest: str


class LinesWriter:
    """Streams lines with commas between them into a sink. Does not close the sink."""

    #: What stands after the last line.
    _closing: bytes

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._images = 0

    def write_line(self, line: bytes) -> None:
        """Write one image, such as `encode_image` made it."""
        self._add(b",\n" + line if self._images else line)
        self._images += 1

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Write many images: the quick way for lines that stand ready."""
        if not lines:
            return
        joined = b",\n".join(lines)
        self._add(b",\n" + joined if self._images else joined)
        self._images += len(lines)

    def end(self) -> Written:
        """Close the JSON, hand on what is left, and tell what was written."""
        self._add(b"\n" + self._closing if self._images else self._closing)
        self._flush()
        return Written(images=self._images, size=self._size, digest=self._hash.hexdigest())

    def _add(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._sink.write(data)
        self._hash.update(data)
        self._size += len(data)
        self._pending, self._pending_size = [], 0


class ResultsWriter(LinesWriter):
    """Streams one results file into a sink: `begin`, lines, `end`."""

    _closing = b"]\n}\n"

    def begin(
        self,
        info: Mapping[str, Any],
        categories: Mapping[str, str],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Write all that stands before the images; `extra` holds further top-level fields."""
        fields = {"info": info, "detection_categories": categories, **(extra or {})}
        opening = b"{\n"
        for name, value in fields.items():
            self._add(opening + _encoder.encode(name) + b": " + _encoder.encode(value))
            opening = b",\n"
        self._add(b',\n"images": [\n')


class ListWriter(LinesWriter):
    """Streams a JSON list into a sink, one entry a line: `begin`, lines, `end`."""

    _closing = b"]\n"

    def begin(self) -> None:
        self._add(b"[\n")


_encoder = msgspec.json.Encoder()


def build_info(
    model: Model,
    *,
    completed_at: datetime,
    detection_threshold: float,
    preprocessing: Preprocessing = "native",
    truncated_images: TruncatedImages = "fail",
    custom: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The `info` of a results file of `model`.

    `completed_at` carries a time zone and is written in UTC. `custom` joins our own entries in
    `custom_metadata`: what else decides the numbers, such as the engine and its version.
    """
    if completed_at.tzinfo is None:
        raise ValueError("completed_at needs a time zone")
    own = {
        "detection_threshold": detection_threshold,
        "preprocessing": preprocessing,
        "truncated_images": truncated_images,
        # A file of one's own has no version by which somebody else could know it.
        **({"model_sha256": model.sha256} if model.sha256 else {}),
    }
    return {
        "format_version": FORMAT_VERSION,
        "detector": model.detector,
        "detection_completion_time": f"{completed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "detector_metadata": _detector_metadata(model),
        "custom_metadata": {"megabatch": {**own, **(custom or {})}},
    }


def _detector_metadata(model: Model) -> dict[str, Any]:
    # A file of one's own may be called so, too, but has no version.
    is_megadetector = model.name.startswith("megadetector-") and model.version
    return {
        "megadetector_version": f"v{model.version}" if is_megadetector else _NO_MEGADETECTOR,
        "typical_detection_threshold": model.typical_threshold,
        "conservative_detection_threshold": model.conservative_threshold,
    }
