"""Other categories for detections: by their names, or by the size of their boxes."""

from collections.abc import Iterator, Mapping

import msgspec

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.categories import ids_of


class Remapped(msgspec.Struct, frozen=True):
    """Categories of a file, and which of them each old one becomes."""

    #: Id to name, as the new file has them.
    categories: dict[str, str]
    #: Old id to new id.
    ids: dict[str, str]

    def images(self, results: Results) -> Iterator[ImageResult]:
        """The images of `results` with the new categories."""
        for image in results.images():
            yield with_detections(image, [self._of(one) for one in image.detections or ()])

    def _of(self, detection: Detection) -> Detection:
        new = self.ids.get(detection.category, detection.category)
        return msgspec.structs.replace(detection, category=new)


def remap(results: Results, names: Mapping[str, str]) -> Remapped:
    """Categories called anew. `names`: old name to new; two with one new name become one.

    The first id with a name keeps it. Raises InvalidRequest for a name that the file does not have.
    """
    categories = results.detection_categories
    ids_of(results, names)
    ids: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for number, name in categories.items():
        ids[number] = by_name.setdefault(names.get(name, name), number)
    return Remapped({number: name for name, number in by_name.items()}, ids)


class BySize(msgspec.Struct, frozen=True, kw_only=True):
    """A category of its own for large boxes of another."""

    #: Name of the category that is divided, and of the new one.
    category: str
    large: str
    #: Share of the picture's area above which a box is large, 0..1.
    area: float

    def apply(self, results: Results) -> tuple[dict[str, str], Iterator[ImageResult]]:
        """The new categories and images. Raises InvalidRequest where there is no such category."""
        ids_of(results, [self.category])
        ids = {name: number for number, name in results.detection_categories.items()}
        large = ids.get(self.large) or _free_id(results.detection_categories)
        categories = {**results.detection_categories, large: self.large}
        return categories, self._images(results, ids[self.category], large)

    def _images(self, results: Results, small: str, large: str) -> Iterator[ImageResult]:
        def sized(detection: Detection) -> Detection:
            _, _, width, height = detection.bbox
            if detection.category == small and width * height > self.area:
                return msgspec.structs.replace(detection, category=large)
            return detection

        for image in results.images():
            yield with_detections(image, [sized(one) for one in image.detections or ()])


def with_detections(image: ImageResult, detections: list[Detection]) -> ImageResult:
    """The image with these detections in place of its own; a failure as it is."""
    if image.detections is None or image.failure is not None or image.detections == detections:
        return image
    return msgspec.structs.replace(image, detections=detections)


def _free_id(categories: Mapping[str, str]) -> str:
    numbers = [int(number) for number in categories if number.isdecimal()]
    return str(max(numbers, default=0) + 1)
