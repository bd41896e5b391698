"""Results files with boxes that recur."""

from pathlib import Path
from typing import Any

from core.results.reader import Results
from postprocessing.repeats.finding import Limits
from tests.results_files import image, write_results

STONE, BRANCH = [0.4, 0.5, 0.1, 0.12], [0.1, 0.1, 0.2, 0.05]
THREE = Limits(least_conf=0.1, least_images=3)


def box(bbox: list[float] = STONE, conf: float = 0.9, category: str = "1", **more: Any) -> Any:
    return {"category": category, "conf": conf, "bbox": bbox, **more}


def season(path: Path) -> Results:
    """A stone at one camera in four images, a branch there in three, an animal in one of them."""
    animal = box([0.6, 0.2, 0.3, 0.5], 0.95)
    return write_results(
        path,
        image("north/1.jpg", box(conf=0.5), box(BRANCH, 0.3)),
        image("north/2.jpg", box(conf=0.7), box(BRANCH, 0.4)),
        image("south/1.jpg", box(conf=0.99)),
        image("north/3.jpg", animal, box(conf=0.6)),
        {"file": "north/5.jpg", "detections": None, "failure": "image access failure: truncated"},
        image("north/4.jpg", box(BRANCH, 0.2), box(conf=0.7), mine="kept"),
    )
