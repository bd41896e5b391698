"""What is in a results file: counts by category, folder and confidence, and what failed."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from core.results.reader import Results
from postprocessing.light import LightDetection, LightImage, light_images
from postprocessing.splitting import folder_of
from postprocessing.thresholds import Threshold

#: Bars of a histogram over confidences 0..1.
BARS = 20
#: Folders that are counted apart; the images of all others are counted together.
MOST_FOLDERS = 100_000
OTHERS = "(others)"


class FolderCount(msgspec.Struct):
    """What one folder holds."""

    images: int = 0
    #: Images with a detection above the threshold, by category name.
    found: Counter[str] = msgspec.field(default_factory=Counter)
    empty: int = 0
    failed: int = 0

    def add(self, other: "FolderCount") -> None:
        """Count in what another folder holds."""
        self.images += other.images
        self.found += other.found
        self.empty += other.empty
        self.failed += other.failed


class Summary(msgspec.Struct, kw_only=True):
    """What a results file holds, above one threshold."""

    threshold: Threshold
    #: All images together.
    total: FolderCount = msgspec.field(default_factory=FolderCount)
    #: By the first folders of an image's name; "" for images that lie in none.
    folders: dict[str, FolderCount] = {}
    #: Detections above the threshold, by category name.
    detections: Counter[str] = msgspec.field(default_factory=Counter)
    #: All detections, by category name: how many lie in each twentieth of 0..1.
    histogram: dict[str, list[int]] = {}
    #: Detections that repeat-detection elimination has struck out.
    struck_out: int = 0
    failures: Counter[str] = msgspec.field(default_factory=Counter)
    #: The earliest and the latest time of an image, where the file tells times.
    first: str | None = None
    last: str | None = None


def summarise(results: Results, threshold: Threshold, depth: int = 1) -> Summary:
    """Count what `results` holds. `depth`: how many folders of a name are a folder here.

    Raises InvalidResults, naming the place.
    """
    counting = _Counting(results.detection_categories, threshold, depth)
    counting.add(light_images(results))
    return counting.summary


class _Counting:
    def __init__(self, categories: Mapping[str, str], threshold: Threshold, depth: int) -> None:
        self._categories, self._depth = categories, depth
        self._above = threshold.value
        #: By the whole folder of a name, so that a name is cut up once a folder.
        self._known: dict[str, FolderCount] = {}
        self.summary = Summary(
            threshold=threshold,
            histogram={name: [0] * BARS for name in categories.values()},
        )

    def add(self, images: Iterable[LightImage]) -> None:
        for image in images:
            self._count(image, self._folder(image.file))
            if image.datetime is not None:
                self._note_time(image.datetime)
        for count in self.summary.folders.values():
            self.summary.total.add(count)

    def _count(self, image: LightImage, count: FolderCount) -> None:
        count.images += 1
        found = self._found(image.detections) if image.detections else ()
        for name in found:
            count.found[name] += 1
        if image.failure is not None:
            count.failed += 1
            self.summary.failures[image.failure.rpartition(": ")[2]] += 1
        elif not found:
            count.empty += 1

    def _found(self, detections: Iterable[LightDetection]) -> set[str]:
        """Names of the categories above the threshold; each detection is counted on the way."""
        found = set()
        for detection in detections:
            name = self._categories.get(detection.category, detection.category)
            if detection.conf < 0:
                self.summary.struck_out += 1
                continue
            bars = self.summary.histogram.setdefault(name, [0] * BARS)
            bars[min(BARS - 1, int(detection.conf * BARS))] += 1
            if detection.conf > self._above:
                self.summary.detections[name] += 1
                found.add(name)
        return found

    def _folder(self, name: str) -> FolderCount:
        lies_in = name[: max(name.rfind("/"), name.rfind("\\"), 0)]
        count = self._known.get(lies_in)
        if count is None:
            count = self._folder_count(name)
            if len(self._known) < MOST_FOLDERS:
                self._known[lies_in] = count
        return count

    def _folder_count(self, name: str) -> FolderCount:
        folder = folder_of(name, self._depth)
        folders = self.summary.folders
        if folder not in folders and len(folders) >= MOST_FOLDERS:
            folder = OTHERS
        return folders.setdefault(folder, FolderCount())

    def _note_time(self, time: str) -> None:
        summary = self.summary
        if summary.first is None or time < summary.first:
            summary.first = time
        if summary.last is None or time > summary.last:
            summary.last = time
