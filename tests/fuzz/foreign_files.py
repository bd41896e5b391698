"""Target: files of other programs, made into results. What comes out can be read."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.errors import InvalidRequest, InvalidResults
from core.results.reader import open_results
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.formats import convert_from

#: Those that are texts. Parquet is read by Arrow, and a folder is no bytes.
_KINDS = ("csv", "coco", "speciesnet", "pytorch-wildlife")
_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-foreign-"))
_SOURCE, _TARGET = _FOLDER / "source", _FOLDER / "results.json"

_TABLES = (
    b"image_path,max_confidence,detections\n"
    b'a/1.jpg,0.9,"[[0.1, 0.2, 0.3, 0.4, 0.9, 1]]"\nb.jpg,0.0,[]\n',
    b"file,category,conf,x_min,y_min,width,height\na/1.jpg,animal,0.9,0.1,0.2,0.3,0.4\n",
    b'filename,label\r\n"a,1.jpg",animal\r\n\'=1+1.jpg,\r\n',
    b"file;max_conf\na.jpg;0,9\n",
)


def seeds() -> Iterator[bytes]:
    yield from _TABLES
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [6, 9, 19, 19], "score": 0.9}
    images = [{"id": 1, "file_name": "a/1.jpg", "width": 64, "height": 48}]
    yield json.dumps(
        {"images": images, "annotations": [box], "categories": [{"id": 1, "name": "animal"}]}
    ).encode()
    seen = {"category": "1", "label": "animal", "conf": 0.9, "bbox": [0.1, 0.2, 0.3, 0.4]}
    classes = {"classes": ["u;mammalia;;;;;deer", "u;;;;;;blank"], "scores": [0.9, 0.1]}
    prediction = {
        "filepath": "a/1.jpg",
        "classifications": classes,
        "detections": [seen],
        "prediction": "u;mammalia;;;;;deer",
        "prediction_score": 0.9,
    }
    failed = {"filepath": "b.jpg", "failures": ["DETECTOR"]}
    yield json.dumps({"predictions": [prediction, failed]}).encode()
    yield json.dumps(
        {
            "categories": {"0": "animal"},
            "annotations": [
                {"img_id": "a.jpg", "bbox": [[1, 2, 30, 40]], "category": [0], "confidence": [0.9]}
            ],
        }
    ).encode()
    yield from (
        b"",
        b"\0",
        b"\xff\xfea\0",
        b"a",
        b",",
        b'"',
        b"[]",
        b"{}",
        b"{" * 2000,
        b"[" * 2000,
    )


def check(data: bytes) -> None:
    _SOURCE.write_bytes(data)
    for kind in _KINDS:
        _TARGET.unlink(missing_ok=True)
        try:
            images = convert_from(kind, _SOURCE, _TARGET, Options(), Notes())
        except (InvalidResults, InvalidRequest) as error:
            assert error.message
            assert not _TARGET.exists()
            continue
        assert len(list(open_results(_TARGET).images())) == images, kind
