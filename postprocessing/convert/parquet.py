"""Parquet: a row an image, its detections a list within it; nothing is lost, and back again.

What is no column of its own stands as JSON in `extra`; what stands around the images, as JSON in
the metadata of the file, under `megabatch`.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidResults
from core.replacing import whole_file
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.convert.base import Imported, Notes, Options, category_name

#: Images a row group: what is in memory at a time.
GROUP = 10_000
_METADATA = b"megabatch"
_BOX = ("x_min", "y_min", "width", "height")


def _schema(head: bytes) -> Any:
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    one_class = pa.struct([("class_id", text), ("class", text), ("conf", number)])
    detection = [("category_id", text), ("category", text), ("conf", number)]
    detection += [(side, number) for side in _BOX]
    detection += [("classifications", pa.list_(one_class)), ("frame_number", whole)]
    image = [("file", text), ("detections", pa.list_(pa.struct([*detection, ("extra", text)])))]
    image += [("failure", text), ("width", whole), ("height", whole), ("datetime", text)]
    image += [("latitude", number), ("longitude", number), ("truncated", pa.bool_())]
    image += [("meta", text), ("frame_rate", number), ("frames_processed", pa.list_(whole))]
    return pa.schema([*image, ("extra", text)], metadata={_METADATA: head})


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the table by row groups; returns the number of images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    around = {"info": results.info, "detection_categories": results.detection_categories}
    schema = _schema(msgspec.json.encode({**around, "extra": results.extra}))
    count = 0
    rows = (_row(results, image, options) for image in results.images())
    with whole_file(target) as part, pq.ParquetWriter(part, schema) as writer:
        while group := list(islice(rows, GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))
            count += len(group)
    return count


def _row(results: Results, image: ImageResult, options: Options) -> dict[str, Any]:
    found = image.detections
    return {
        **{name: getattr(image, name) for name in _PLAIN},
        "detections": None
        if found is None
        else [_detection_row(results, one) for one in found if options.counts(one)],
        "extra": _json(image.extra),
    }


_PLAIN = (
    *("file", "failure", "width", "height", "datetime", "latitude", "longitude"),
    *("truncated", "meta", "frame_rate", "frames_processed"),
)


def _detection_row(results: Results, detection: Detection) -> dict[str, Any]:
    classes, told = results.classification_categories, detection.classifications
    return {
        "category_id": detection.category,
        "category": category_name(results, detection),
        "conf": detection.conf,
        **dict(zip(_BOX, detection.bbox, strict=True)),
        "classifications": None
        if told is None
        else [
            {"class_id": one, "class": classes.get(one, one), "conf": conf} for one, conf in told
        ],
        "frame_number": detection.frame_number,
        "extra": _json(detection.extra),
    }


def _json(extra: dict[str, Any] | None) -> str | None:
    return None if extra is None else msgspec.json.encode(extra).decode()


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """The images of a table that `write` wrote. Raises InvalidResults for any other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
        head = msgspec.json.decode(file.schema_arrow.metadata[_METADATA])
        around = head["info"], head["detection_categories"], head["extra"]
    except (pa.ArrowInvalid, KeyError, TypeError, msgspec.DecodeError) as error:
        raise InvalidResults(f"{source} is no Parquet file of results.") from error
    info, categories, extra = around
    imported = Imported(_images(source, file), info=info, extra=extra)
    for number, name in categories.items():
        imported.categories.claim(number, name)
    return imported


def _images(source: Path, file: Any) -> Iterator[ImageResult]:
    for batch in file.iter_batches(GROUP):
        yield from _decoded(source, batch.to_pylist())


def _decoded(source: Path, rows: Iterable[dict[str, Any]]) -> Iterator[ImageResult]:
    for row in rows:
        found, extra = row.pop("detections"), row.pop("extra")
        detections = None if found is None else [_detection(one) for one in found]
        try:
            yield ImageResult(
                detections=detections, extra=extra and msgspec.json.decode(extra), **row
            )
        except TypeError as error:
            raise InvalidResults(f"{source} has columns that are not ours: {error}.") from error


def _detection(row: dict[str, Any]) -> Detection:
    told, extra = row["classifications"], row["extra"]
    x, y, width, height = (row[side] for side in _BOX)
    return Detection(
        category=row["category_id"],
        conf=row["conf"],
        bbox=(x, y, width, height),
        classifications=None if told is None else [(one["class_id"], one["conf"]) for one in told],
        frame_number=row["frame_number"],
        extra=extra and msgspec.json.decode(extra),
    )
