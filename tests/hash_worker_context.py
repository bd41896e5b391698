"""A worker's context with the hash detector, for tests that run workers in their own process."""

from core.config import Settings
from tests.hash_detector import HashDetector
from workers.context import WorkerContext


def hash_context(settings: Settings, worker: str) -> WorkerContext:
    return WorkerContext(settings, worker, lambda model, folder: HashDetector())
