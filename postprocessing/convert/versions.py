"""Any version of the MegaDetector format to any other."""

from pathlib import Path

import msgspec

from core.replacing import whole_file
from core.results.reader import Results
from core.results.rewriting import failed_images, write_version
from core.results.versions import NEWEST, WITH_FAILURES
from core.results.writer import ListWriter
from postprocessing.convert.base import Notes, Options
from postprocessing.light import light_images

_WITHOUT_CODES = "failures: their codes have no place in this version"


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the results in `options.version`; for 1.0, failed images in a list beside them."""
    with whole_file(target) as part, part.open("wb") as file:
        written = write_version(results, file, options.version)
    if WITH_FAILURES <= options.version < NEWEST:
        failed = sum(image.failure is not None for image in light_images(results))
        notes.add(_WITHOUT_CODES, failed)
    elif options.version < WITH_FAILURES:
        _write_failed(results, target.with_name(f"{target.stem}_failed_images.json"), notes)
    return written.images


def _write_failed(results: Results, target: Path, notes: Notes) -> None:
    with whole_file(target) as part, part.open("wb") as file:
        writer = ListWriter(file)
        writer.begin()
        for entry in failed_images(results):
            writer.write_line(msgspec.json.encode(entry))
        notes.add(f"images that failed: listed in {target.name}", writer.end().images)
