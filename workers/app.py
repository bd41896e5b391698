"""The Celery app of the workers, made from the environment. Started by `python -m workers`."""

import os

from core.config import read_settings
from detection.detector import load_detector
from workers.factory import create_app

app = create_app(read_settings(os.environ), load_detector, module=__name__)
