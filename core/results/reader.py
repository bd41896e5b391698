"""Reads results files of every version since 1.0, ours and other programs'."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidResults
from core.results.foreign import explain_object
from core.results.format import ImageResult, decode_image, decode_images
from core.results.image_lines import DECODE_ERRORS, RawImage, T
from core.results.layout import Layout, open_layout
from core.results.versions import NEWEST, Version, read_version, version_text

_WHERE = re.compile(r" - at `(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Results:
    """A results file, opened. Its images are read each time that they are asked for."""

    path: Path
    version: Version
    info: dict[str, Any]
    #: Category id to name. A file of 2019 may call vehicles "4"; go by the name.
    detection_categories: dict[str, str]
    #: All other top-level fields, as they stood.
    extra: dict[str, Any]
    layout: Layout

    @property
    def classification_categories(self) -> Mapping[str, str]:
        """Id to name of what a classifier told; empty where none ran."""
        return self.extra.get("classification_categories") or {}

    def images(self) -> Iterator[ImageResult]:
        """The images in file order. Raises InvalidResults, naming the place."""
        return self.layout.images(decode_images, self.decoding(decode_image))

    def decoding(self, decode: Callable[[bytes | msgspec.Raw], T]) -> Callable[[RawImage], T]:
        """`decode` for one image; the errors that it raises name the place."""

        def decode_one(raw: RawImage) -> T:
            try:
                return decode(raw.json)
            except DECODE_ERRORS as error:
                raise invalid_image(self.path, raw, error) from error

        return decode_one


def open_results(path: Path) -> Results:
    """Open a results file and read what stands around its images.

    Raises InvalidResults, saying what is wrong, where, and what to do; OSError without a file.
    """
    layout = open_layout(path)
    fields = {name: _decoded(layout, name, Any) for name in layout.fields}
    if not {"info", "detection_categories"} <= fields.keys():
        raise InvalidResults(f"{path} {explain_object({**fields, 'images': ()})}.")
    info = _decoded(layout, "info", dict[str, Any])
    categories = _decoded(layout, "detection_categories", dict[str, str])
    _decoded(layout, "classification_categories", dict[str, str] | None)
    own = {"info", "detection_categories"}
    extra = {name: value for name, value in fields.items() if name not in own}
    return Results(path, _version(path, info), info, categories, extra, layout)


def _decoded(layout: Layout, name: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(layout.fields.get(name, b"null"), type=kind)
    except DECODE_ERRORS as error:
        pointer, reason = locate(error)
        raise InvalidResults(f"{layout.path}: /{name}{pointer}: {reason}.") from error


def _version(path: Path, info: Mapping[str, Any]) -> Version:
    try:
        version = read_version(info)
    except ValueError as error:
        raise InvalidResults(f"{path}: /info/format_version: {error}.") from error
    if version[0] != NEWEST[0]:
        raise InvalidResults(
            f"{path}: /info/format_version: {version_text(version)} is not a version that is read "
            f"here; 1.0 to {version_text(NEWEST)} are."
        )
    return version


def invalid_image(path: Path, raw: RawImage, error: Exception) -> InvalidResults:
    """What to say of an image that cannot be decoded."""
    pointer, reason = locate(error)
    line = "" if raw.line is None else f", line {raw.line}"
    return InvalidResults(
        f"{path}{line}: /images/{raw.index}{pointer}: {reason}. "
        "Correct it, or have the file written again."
    )


def locate(error: Exception) -> tuple[str, str]:
    """JSON pointer and reason of an error in decoding one value that stands by itself."""
    if isinstance(error, UnicodeDecodeError):
        return "", "not UTF-8"
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    text = str(error)
    match = _WHERE.search(text)
    if match:
        known = match[1].partition("[...]")[0]  # what msgspec writes for "in some entry"
        steps = (step[1] or step[2] for step in _STEP.finditer(known))
        return "".join(f"/{step}" for step in steps), text[: match.start()]
    if text == "Input data was truncated":
        return "", "its JSON is cut off, or holds half of a surrogate pair"
    return "", text
