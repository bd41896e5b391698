"""A detector that does nothing, for benchmarks of everything else."""

from collections.abc import Mapping, Sequence

from core.catalog import DEMO
from core.results.format import Detection
from detection.detector import RgbImage


class RestingDetector:
    """Finds nothing, at once."""

    @property
    def categories(self) -> Mapping[str, str]:
        return DEMO.categories

    @property
    def batch_size(self) -> int:
        return 1

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        return [[] for _ in batch]
