"""Workers in whose processes an hour lasts a minute; started as `tests.hash_worker` is."""

import os

from core.config import read_settings
from tests.slow_hash_detector import load_hash_detector
from tests.torture.hurry import hurry
from workers.factory import create_app

hurry()
app = create_app(read_settings(os.environ), load_hash_detector, module=__name__)
