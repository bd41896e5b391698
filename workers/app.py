"""The Celery app of the workers, made from the environment. Started by `python -m workers`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalog import Model
from core.config import read_settings
from workers.factory import create_app

if TYPE_CHECKING:
    from detection.detector import Detector


def _load_detector(model: Model, model_folder: Path) -> "Detector":
    # NumPy and what decodes pictures are no part of a control worker.
    from detection.detector import load_detector

    return load_detector(model, model_folder)


app = create_app(read_settings(os.environ), _load_detector, module=__name__)
