"""What an earlier results file says of images, so that they need not be processed again.

Beside the results file lies what made it, and what its images were like when they were listed:

    results.json.files.gz    the settings of the run, then name, size and version of each image

By it a changed image is told from one that is as it was. Without it, an image counts as changed
when its file is younger than the results.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from core.errors import InvalidResults
from core.image_list import ListedImage
from core.results.earlier import EarlierResults, Success
from core.results.format import ImageResult, decode_image, encode_image
from core.results.reader import Results
from detection.local.settings import RunSettings
from detection.local.sources import Sources

#: An image of the new results, and its line where that is taken over.
Entry = tuple[ListedImage, bytes | None]

_settings = msgspec.json.Decoder(RunSettings)
_images = msgspec.json.Decoder(ListedImage)


def files_path(results: Path) -> Path:
    """Where it stands what the images of a results file were like."""
    return results.with_name(f"{results.name}.files.gz")


def made_by(results: Path) -> RunSettings | None:
    """What the run was asked for that wrote these results; None where nothing tells."""
    first = next(_lines(results), None)
    return None if first is None else _settings.decode(first)


def unchanged(results: Results, images: Iterable[ListedImage]) -> Iterator[Entry]:
    """These images; taken over is what succeeded in `results` and is as it was then."""
    has_versions = files_path(results.path).exists()
    made_at = _made_at(results)
    lines = EarlierResults()
    for image, version in _with_versions(results):
        if image.failure is None:
            lines.add(Success(version, encode_image(image)))
    for listed in images:
        if has_versions:
            yield listed, _now(listed, lines.line_of(listed, same_version=True))
        elif listed.etag is not None and _modified_at(listed) < made_at:
            yield listed, _now(listed, lines.line_of(listed, same_version=False))
        else:  # of a URL nobody tells whether it has changed
            yield listed, None
    lines.close()


def _now(listed: ListedImage, line: bytes | None) -> bytes | None:
    """The line with the text that the list has now."""
    if line is None or (listed.meta is None and b'"meta":' not in line):
        return line
    return encode_image(msgspec.structs.replace(decode_image(line), meta=listed.meta))


def failed_only(results: Results, sources: Sources) -> Iterator[Entry]:
    """The images of `results`; taken over is all that succeeded, whatever has changed since."""
    sources.learn_urls()
    for image, version in _with_versions(results):
        if image.failure is None:
            yield version, encode_image(image)
        else:
            yield sources.listed(image.file, image.meta), None


def _with_versions(results: Results) -> Iterator[tuple[ImageResult, ListedImage]]:
    """The images of a results file, each with what it was like, as far as that is known."""
    versions = _versions(results.path)
    version = next(versions, None)
    for image in results.images():
        if version is not None and version.name == image.file:
            yield image, version
            version = next(versions, None)
        else:
            yield image, ListedImage(image.file, meta=image.meta)


def _versions(results: Path) -> Iterator[ListedImage]:
    lines = _lines(results)
    next(lines, None)  # the settings
    return map(_images.decode, lines)


def _lines(results: Path) -> Iterator[bytes]:
    """The lines of the file beside these results; none where there is no such file."""
    try:
        with gzip.open(files_path(results)) as lines:
            yield from lines
    except FileNotFoundError:
        return
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidResults(
            f"{files_path(results)} is damaged. Delete it: then files that are younger than the "
            "results count as changed."
        ) from error


def _made_at(results: Results) -> datetime:
    """When the results were complete; long ago where they do not tell."""
    told = results.info.get("detection_completion_time")
    try:
        return datetime.fromisoformat(str(told)).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _modified_at(image: ListedImage) -> datetime:
    nanoseconds = int((image.etag or "0").partition("-")[0], 16)
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
