"""Workers whose detector is `tests.hash_detector`: the product's app, given another detector.

Started by `celery -A tests.hash_worker worker --queues=detect.demo --concurrency=1`; see
`tests.slow_hash_detector` for how slow it can be.
"""

import os

from core.config import read_settings
from tests.slow_hash_detector import load_hash_detector
from workers.factory import create_app

app = create_app(read_settings(os.environ), load_hash_detector, module=__name__)
