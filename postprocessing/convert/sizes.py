"""Sizes of upright pictures: from the results, else from the files."""

from pathlib import Path

from core.containers.file_names import file_name_of
from core.errors import InvalidRequest
from postprocessing.disk import Names, files_below

#: Orientations in which EXIF says that width and height change places.
_LYING = frozenset({5, 6, 7, 8})
_NAMED = 3

Size = tuple[int, int]


class Sizes:
    """Finds the sizes of images, and keeps count of those that have none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._names = None if folder is None else Names(files_below(folder))
        self._missing: list[str] = []
        self._count = 0
        #: Images whose file says that it lies on its side.
        self.turned = 0

    def of(self, name: str, width: int | None, height: int | None) -> Size | None:
        """Width and height of an upright picture, pixels; None where nothing tells them."""
        if width and height:
            return width, height
        size = self._read(name)
        if size is None:
            self._count += 1
            self._missing += [name] if len(self._missing) < _NAMED else []
        return size

    def _read(self, name: str) -> Size | None:
        found = None if self._names is None else self._names.find(name)
        if self._folder is None or found is None:
            return None
        try:
            width, height, orientation = _header(self._folder / file_name_of(found))
        except Exception:  # Pillow raises errors of many kinds on damaged pictures
            return None
        if orientation in _LYING:
            self.turned += 1
            return height, width
        return width, height

    def check(self) -> None:
        """Raises InvalidRequest where a size was asked for that nothing tells."""
        if not self._count:
            return
        more = ", ..." if self._count > len(self._missing) else ""
        named = ", ".join(self._missing) + more
        where = f", and no picture that can be read in {self._folder}" if self._folder else ""
        advice = "" if self._folder else " Name the folder of the images with --images."
        raise InvalidRequest(
            f"{self._count:,} images have no `width` and `height`{where}: {named}.{advice}"
        )


def _header(path: Path) -> tuple[int, int, int]:
    from PIL import ExifTags, Image

    with Image.open(path) as picture:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
        return *picture.size, orientation
