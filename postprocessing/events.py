"""Images of one camera that were taken shortly after one another, as one event.

A camera takes several pictures of one visit. Counts of images say how long something stayed;
counts of events, how often it came.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from core.results.reader import Results
from postprocessing.light import LightImage, light_images
from postprocessing.splitting import folder_of

#: Seconds between two images of one event, at most.
GAP = 60
_TIME = "%Y-%m-%d %H:%M:%S"


class Event(msgspec.Struct, kw_only=True):
    """Images of one camera without a long gap between them."""

    camera: str
    #: Times of the first and the last image, by the camera's clock.
    start: datetime
    end: datetime
    #: In the order of their times.
    images: list[str]
    #: The most of each category that one image shows, by name: how many there were at least.
    counts: dict[str, int]
    #: Images that failed.
    failed: int = 0


class Undated(msgspec.Struct):
    """Images of which nobody knows when they were taken; they are in no event."""

    images: int = 0


def camera_folder(depth: int | None) -> Callable[[str], str]:
    """Tells the camera of an image: its folder, or its first folders, as many as `depth`."""

    def camera_of(name: str) -> str:
        return folder_of(name, len(name) if depth is None else depth)

    return camera_of


_WHOLE_FOLDER = camera_folder(None)


def events(
    results: Results,
    threshold: float,
    *,
    gap: int = GAP,
    camera_of: Callable[[str], str | None] = _WHOLE_FOLDER,
) -> tuple[list[Event], Undated]:
    """The events of all cameras, by camera and time, and how many images have no time.

    `camera_of` tells the camera of an image by its name; images of none are left out. Memory grows
    with the images. Raises InvalidResults.
    """
    cameras: dict[str, list[tuple[datetime, LightImage]]] = {}
    undated = Undated()
    for image in light_images(results):
        taken, camera = time_of(image.datetime), camera_of(image.file)
        if taken is None:
            undated.images += 1
        elif camera is not None:
            cameras.setdefault(camera, []).append((taken, image))
    found: list[Event] = []
    for camera in sorted(cameras):
        found += _events(camera, cameras[camera], threshold, gap, results.detection_categories)
    return found, undated


def _events(
    camera: str,
    images: Iterable[tuple[datetime, LightImage]],
    threshold: float,
    gap: int,
    categories: Mapping[str, str],
) -> Iterator[Event]:
    event: Event | None = None
    for taken, image in sorted(images, key=lambda pair: (pair[0], pair[1].file)):
        if event is None or taken - event.end > timedelta(seconds=gap):
            if event is not None:
                yield event
            event = Event(camera=camera, start=taken, end=taken, images=[], counts={})
        event.end = taken
        event.images.append(image.file)
        event.failed += image.failure is not None
        for name, count in _counts(image, threshold, categories).items():
            event.counts[name] = max(count, event.counts.get(name, 0))
    if event is not None:
        yield event


def _counts(image: LightImage, threshold: float, categories: Mapping[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for detection in image.detections or ():
        if detection.conf > threshold:
            name = categories.get(detection.category, detection.category)
            counts[name] = counts.get(name, 0) + 1
    return counts


def time_of(text: str | None) -> datetime | None:
    """When an image was taken, by its camera's clock; None where it does not tell.

    Other programs write times as EXIF does, `2026:04:30 05:12:44`, or with a `T`.
    """
    plain = (text or "").replace("T", " ", 1)
    plain = plain[:10].replace(":", "-") + plain[10:]
    try:
        return datetime.strptime(plain, _TIME)
    except ValueError:
        return None
