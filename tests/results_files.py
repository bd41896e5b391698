"""Results files for tests of what reads them."""

from pathlib import Path
from typing import Any

import msgspec

from core.catalog import DEMO
from core.jobs import utc_now
from core.results.reader import Results, open_results
from core.results.writer import ResultsWriter, build_info

CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}


def detection(category: str = "1", conf: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"category": category, "conf": conf, "bbox": [0.1, 0.2, 0.3, 0.4], **more}


def image(file: str, *detections: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"file": file, "detections": list(detections), **more}


def failure(file: str, code: str = "truncated") -> dict[str, Any]:
    return {"file": file, "detections": None, "failure": f"image access failure: {code}"}


def write_results(
    path: Path, *images: dict[str, Any], info: dict[str, Any] | None = None, **top: Any
) -> Results:
    """A results file in our own layout."""
    told = build_info(DEMO, completed_at=utc_now(), detection_threshold=0.1)
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(told if info is None else info, CATEGORIES, top)
        for one in images:
            writer.write_line(msgspec.json.encode(one))
        writer.end()
    return open_results(path)
