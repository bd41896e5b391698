"""Finds the detections that recur at one place of one camera, in a whole results file."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from core.errors import InvalidRequest
from core.results.format import Detection
from core.results.reader import Results
from postprocessing.light import BoxedDetection, boxed_images
from postprocessing.repeats.cameras import Camera, ImageOfCamera, by_camera
from postprocessing.repeats.places import Place, find_places

# Those of the public `megadetector` package; its least confidence is always 0.1.
IOU, LEAST_IMAGES, MOST_AREA = 0.9, 20, 0.2

# As `RECORD`.
_pack = struct.Struct("<IIqd4d").pack
_NO_FRAME, _LAST_FRAME = -1, 2**63 - 1
# Sides of boxes that are looked at, as a share of the picture: nobody sees less, or has more.
_SHORTEST, _LONGEST = 1e-5, 2.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at, and when it counts as repeated."""

    #: Of a box with the representative of its place, above 0 to 1.
    iou: float = IOU
    #: Images in which a box recurs, from 2.
    least_images: int = LEAST_IMAGES
    #: Of the detections that are looked at, both included.
    least_conf: float
    most_conf: float = 1.0
    #: Share of the picture, both included.
    least_area: float = 0.0
    most_area: float = MOST_AREA
    #: Names of categories that are not looked at.
    excluded: tuple[str, ...] = ()
    #: Folders above an image's own that still are its camera's.
    levels: int = 0


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """A place at which boxes of one category recur."""

    camera: str
    #: The representative, and the image that it is in.
    file: str
    detection: Detection
    #: How many images have a box there; a video is one.
    images: int
    #: Position in the results file, and in the image, of all detections there, a row each.
    members: npt.NDArray[np.uint32]


def camera_of(name: str, levels: int = 0) -> str:
    """The folder of an image, or one that is so many levels above it; empty for none."""
    folders = name.replace("\\", "/").split("/")[:-1]
    return "/".join(folders[: max(0, len(folders) - levels)])


def in_order(members: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The rows of `Repeat.members`, in the order of the results file."""
    return members[np.lexsort((members[:, 1], members[:, 0]))]


def find_repeats(
    results: Results, limits: Limits, folder: Path, seen: Callable[[Camera], None] | None = None
) -> Iterator[Repeat]:
    """The repeats of each camera, those of most images first; cameras by name.

    Detections that were struck out, below 0, are not looked at. `folder` has room for a temporary
    file; `seen` is told of each camera. Raises InvalidRequest for a category that is not there.
    """
    ids = list(results.detection_categories)
    numbers = {number: index for index, number in enumerate(ids)}
    for name in limits.excluded:
        _exclude(results, name, numbers)
    with by_camera(_images(results, limits, numbers), folder) as cameras:
        for camera in cameras:
            if seen:
                seen(camera)
            yield from _of_camera(camera, limits, ids)


def _exclude(results: Results, name: str, numbers: dict[str, int]) -> None:
    known = results.detection_categories
    if name not in known.values():
        raise InvalidRequest(
            f"{results.path.name} has no category {name}; it has {', '.join(known.values())}."
        )
    for number in [one for one, called in known.items() if called == name]:
        numbers.pop(number, None)


def _images(results: Results, limits: Limits, numbers: dict[str, int]) -> Iterator[ImageOfCamera]:
    for number, image in enumerate(boxed_images(results)):
        if image.failure is not None or not image.detections:
            continue
        packed = b"".join(
            _pack(position, numbers[one.category], _frame(one), one.conf, *one.bbox)
            for position, one in enumerate(image.detections)
            if one.category in numbers and _is_looked_at(one, limits)
        )
        if packed:
            yield ImageOfCamera(camera_of(image.file, limits.levels), number, image.file, packed)


def _frame(detection: BoxedDetection) -> int:
    frame = detection.frame_number
    return frame if frame is not None and 0 <= frame <= _LAST_FRAME else _NO_FRAME


def _is_looked_at(detection: BoxedDetection, limits: Limits) -> bool:
    if not (limits.least_conf <= detection.conf <= limits.most_conf and detection.conf > 0):
        return False
    x, y, width, height = detection.bbox
    if not limits.least_area <= width * height <= limits.most_area:
        return False
    inside = -1 <= x <= 1 and -1 <= y <= 1
    return inside and all(_SHORTEST <= side <= _LONGEST for side in (width, height))


def _of_camera(camera: Camera, limits: Limits, ids: list[str]) -> Iterator[Repeat]:
    detections, images = camera.detections, _image_of_each(camera)
    found: list[tuple[Place, npt.NDArray[np.intp]]] = []
    order = _surest_first(detections, images)
    for category in np.unique(detections["category"]):
        rows = order[detections["category"][order] == category]
        places = find_places(
            detections["bbox"][rows], images[rows], limit=limits.iou, least=limits.least_images
        )
        found += [(place, rows) for place in places]
    found.sort(key=lambda pair: -pair[0].images)
    return (_repeat(camera, place, rows, ids) for place, rows in found)


def _image_of_each(camera: Camera) -> npt.NDArray[np.intp]:
    """The image of each detection, by the order of names; a name that stands twice is one image."""
    files = [file for _, file in camera.images]
    ranks = {file: rank for rank, file in enumerate(sorted(set(files)))}
    return np.array([ranks[file] for file in files], np.intp)[camera.owners]


def _surest_first(
    detections: npt.NDArray[np.void], images: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Indices by confidence; then by box, image and position, so that files may be in any order."""
    x, y, width, height = detections["bbox"].T
    return np.lexsort((detections["position"], images, height, width, y, x, -detections["conf"]))


def _repeat(camera: Camera, place: Place, rows: npt.NDArray[np.intp], ids: list[str]) -> Repeat:
    first, members = rows[place.representative], rows[place.members]
    numbers = np.array([number for number, _ in camera.images], np.uint32)
    pairs = np.stack(
        [numbers[camera.owners[members]], camera.detections["position"][members]], axis=1
    )
    return Repeat(
        camera=camera.name,
        file=camera.images[camera.owners[first]][1],
        detection=_detection(camera.detections[first], ids),
        images=place.images,
        members=in_order(pairs),
    )


def _detection(record: np.void, ids: list[str]) -> Detection:
    category, frame, conf = (record[name].item() for name in ("category", "frame", "conf"))
    x, y, width, height = record["bbox"].tolist()
    number = None if frame == _NO_FRAME else frame
    return Detection(ids[category], conf, (x, y, width, height), frame_number=number)
