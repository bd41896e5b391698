"""Detection on still images, as a process of a local run does it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from core.catalog import Model
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, failed
from detection.detector import Detector, load_detector
from detection.local.places import PlaceReader
from detection.local.work import Detect, Placed
from detection.pictures import PictureOptions, PictureWriter
from detection.pipeline import PipelineOptions, run_pipeline


class ImageWork(msgspec.Struct, frozen=True, kw_only=True):
    """See `Work`."""

    model: Model
    model_folder: Path
    options: PipelineOptions
    #: Folders that must be there, or nothing can be read at all.
    roots: tuple[str, ...]
    pictures: PictureOptions | None = None

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        return failed(image.name, failure, meta=image.meta)

    def begin(self) -> Detect:
        detector = load_detector(self.model, self.model_folder)
        detector.warm_up()
        reader = PlaceReader(self.roots)
        detect = detect_with(detector, self.options, reader)
        if self.pictures is None:
            return detect
        return drawing(detect, PictureWriter(self.pictures, detector.categories), reader)


def detect_with(detector: Detector, options: PipelineOptions, reader: PlaceReader) -> Detect:
    """Detection with a detector that is loaded."""
    options = msgspec.structs.replace(options, max_batch=detector.batch_size)

    def detect(placed: Sequence[Placed], moved: Callable[[], None]) -> Iterator[ImageResult]:
        places = {one.image.name: one.place for one in placed}

        def read(image: ListedImage) -> bytes | ImageFailure:
            return reader.read(places[image.name])

        return run_pipeline([one.image for one in placed], read, detector, options)

    return detect


def drawing(detect: Detect, pictures: PictureWriter, reader: PlaceReader) -> Detect:
    """Detection that also writes the pictures of each image, before its result is told."""

    def detect_and_draw(
        placed: Sequence[Placed], moved: Callable[[], None]
    ) -> Iterator[ImageResult]:
        for one, result in zip(placed, detect(placed, moved), strict=True):
            if result.failure is None:
                data = reader.read(one.place)
                if isinstance(data, bytes):
                    pictures.write(result, data)
            yield result

    return detect_and_draw
