"""The formats that results are converted to and from, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.results.reader import Results
from postprocessing.convert import (
    camtrap,
    coco,
    coco_reading,
    csv_2019,
    csv_detections,
    csv_images,
    labelme,
    parquet,
    pytorch_wildlife,
    speciesnet,
    tables,
    versions,
    yolo,
    yolo_reading,
)
from postprocessing.convert.base import Notes, Options, Reader, Writer
from postprocessing.convert.saving import save_imported
from postprocessing.saving import refuse_input
from postprocessing.thresholds import typical

RESULTS = "results"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A format that is written."""

    write: Writer
    #: What is read of `Options`.
    options: frozenset[str] = frozenset()
    #: It cannot say how sure a detection is, or counts: without a threshold it needs the typical.
    typical: bool = False
    #: It has a place for all that stands around the images; else for these fields.
    whole: bool = False
    fields: frozenset[str] = frozenset({"classification_categories"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A format that is read."""

    read: Reader
    options: frozenset[str] = frozenset()
    #: It is a folder, not a file.
    folder: bool = False


_TABLE = frozenset({"threshold", "folder_columns"})
_DRAWN = frozenset({"threshold", "images"})

TARGETS: Mapping[str, Target] = {
    RESULTS: Target(write=versions.write, options=frozenset({"version"}), whole=True),
    "csv": Target(write=csv_images.write, options=_TABLE, typical=True),
    "csv-detections": Target(write=csv_detections.write, options=_TABLE),
    "csv-2019": Target(write=csv_2019.write, options=frozenset({"threshold"})),
    "parquet": Target(write=parquet.write, options=frozenset({"threshold"}), whole=True),
    "coco": Target(write=coco.write, options=_DRAWN),
    "yolo": Target(write=yolo.write, options=frozenset({"threshold", "scores"}), typical=True),
    "labelme": Target(write=labelme.write, options=_DRAWN, typical=True),
    "camtrap-dp": Target(
        write=camtrap.write,
        options=frozenset({"threshold", "deployments", "timezone", "gap", "metadata"}),
        typical=True,
        fields=frozenset({"classification_categories", "classification_category_descriptions"}),
    ),
}

SOURCES: Mapping[str, Source] = {
    "csv": Source(read=tables.read),
    "parquet": Source(read=parquet.read),
    "coco": Source(read=coco_reading.read, options=frozenset({"images"})),
    "yolo": Source(read=yolo_reading.read, options=frozenset({"images"}), folder=True),
    "speciesnet": Source(read=speciesnet.read),
    "pytorch-wildlife": Source(read=pytorch_wildlife.read, options=frozenset({"images"})),
}


def with_threshold(results: Results, name: str, options: Options) -> Options:
    """The options, with the typical threshold where the format needs one and none was given."""
    if options.threshold is not None or not TARGETS[name].typical:
        return options
    return replace(options, threshold=typical(results))


def convert_to(name: str, results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write results as the format `name`; returns the number of images that were written.

    Raises InvalidRequest where an option will not do, InvalidResults where the file is damaged.
    """
    refuse_input(target, results.path)
    if not TARGETS[name].whole:
        for field in results.extra.keys() - TARGETS[name].fields:
            notes.add(f"field `{field}` of the file")
    return TARGETS[name].write(results, target, with_threshold(results, name, options), notes)


def convert_from(name: str, source: Path, target: Path, options: Options, notes: Notes) -> int:
    """Write what `source` holds, in the format `name`, as a results file; images written."""
    refuse_input(target, source)
    imported = SOURCES[name].read(source, options, notes)
    return save_imported(imported, target, name).images
