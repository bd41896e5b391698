"""Detection on videos, as a process of a local run does it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from core.catalog import Model
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.picture_names import video_name
from core.results.format import ImageResult
from detection.detector import Detector, load_detector
from detection.local.places import PlaceReader
from detection.local.work import Detect, Placed
from detection.picture_folders import PictureFolder
from detection.video import VideoOptions, detect_video, failed_video


class VideoPictures(msgspec.Struct, frozen=True, kw_only=True):
    """Where videos with boxes are written, and what is drawn."""

    folder: Path
    threshold: float
    #: Ids of the categories that nobody is to recognise.
    blur: frozenset[str] = frozenset()
    #: See `PictureOptions`.
    distinct: bool = False


class VideoWork(msgspec.Struct, frozen=True, kw_only=True):
    """See `Work`."""

    model: Model
    model_folder: Path
    options: VideoOptions
    #: Folders that must be there, or nothing can be read at all.
    roots: tuple[str, ...]
    pictures: VideoPictures | None = None

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        return msgspec.structs.replace(failed_video(image.name, failure), meta=image.meta)

    def begin(self) -> Detect:
        detector = load_detector(self.model, self.model_folder)
        detector.warm_up()
        return detect_videos(detector, self.options, PlaceReader(self.roots), self.pictures)


def detect_videos(
    detector: Detector,
    options: VideoOptions,
    reader: PlaceReader,
    pictures: VideoPictures | None = None,
) -> Detect:
    """Detection on videos with a detector that is loaded; each is drawn before it is told.

    It raises StorageTrouble when a video cannot be read because a folder of the run is gone.
    """

    def detect(placed: Sequence[Placed], moved: Callable[[], None]) -> Iterator[ImageResult]:
        drawing = None if pictures is None else _Drawing(pictures, detector)
        for one in placed:
            result = detect_video(one.image.name, Path(one.place), detector, options, moved)
            if result.failure is not None:
                reader.check_roots()
            if drawing is not None and result.failure is None:
                drawing.write(result, Path(one.place), moved)
            yield msgspec.structs.replace(result, meta=one.image.meta)

    return detect


class _Drawing:
    def __init__(self, pictures: VideoPictures, detector: Detector) -> None:
        from detection.video_writer import VideoDrawing

        self._folder = PictureFolder(pictures.folder, distinct=pictures.distinct)
        self._drawing = VideoDrawing(detector.categories, pictures.threshold, pictures.blur)

    def write(self, result: ImageResult, source: Path, moved: Callable[[], None]) -> None:
        name = video_name(result.file, folds=self._folder.folds)
        with self._folder.writing(name) as target:
            self._drawing.write(result, source, target, moved)
