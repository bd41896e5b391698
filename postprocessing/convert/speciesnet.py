"""Reads the `predictions.json` of SpeciesNet as results.

The prediction for a picture is made from its surest detection, and is written as that one's class.
Countries, versions and what else stands there are kept beside each image.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.results.format import ImageResult
from postprocessing.convert.base import Imported, Notes, Options
from postprocessing.convert.foreign_json import image_of, is_box, list_of, read_object, wrong

#: What SpeciesNet calls a person, and what results files do.
_NAMES = {"human": "person"}
#: A detection of this category carries the class of the whole picture.
_WHOLE = "0"
_READ = frozenset({"filepath", "failures", "detections", "classifications"})
_PREDICTION = ("prediction", "prediction_score")
_DETECTION = frozenset(
    {"category", "label", "conf", "bbox", "raw_classifications", "processed_classification"}
)


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """Raises InvalidResults, naming the place."""
    entries = list_of(source, read_object(source), "predictions")
    versions = {str(one["model_version"]) for one in entries if one.get("model_version")}
    classifier = " ".join(["SpeciesNet", *sorted(versions)])
    imported = Imported(iter(()), info={"detector": "unknown", "classifier": classifier})
    imported.images = _Reader(source, imported, notes).images(entries)
    return imported


class _Reader:
    def __init__(self, source: Path, imported: Imported, notes: Notes) -> None:
        self._source, self._imported, self._notes = source, imported, notes

    def images(self, entries: list[dict[str, Any]]) -> Iterator[ImageResult]:
        for index, entry in enumerate(entries):
            pointer = f"/predictions/{index}"
            if not isinstance(entry.get("filepath"), str):
                raise wrong(self._source, pointer, "has no `filepath`")
            yield image_of(self._source, pointer, self._image(pointer, entry))

    def _image(self, pointer: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in entry.items() if name not in _READ}
        fields = {**kept, "file": entry["filepath"]}
        failures = entry.get("failures") or []
        if "detections" not in entry:
            what = ", ".join(map(str, failures)) or "no detections were made"
            return {**fields, "detections": None, "failure": f"inference failure: {what}"}
        if failures:
            self._notes.add("failures of images that have detections: kept in `failures`")
            fields["failures"] = failures
        given = entry["detections"]
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise wrong(self._source, f"{pointer}/detections", "must be a list of objects")
        return {**fields, "detections": self._detections(pointer, entry, given)}

    def _detections(
        self, pointer: str, entry: Mapping[str, Any], given: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        places = [one for one in given if str(one.get("category")) != _WHOLE]
        found = [self._detection(pointer, one) for one in places]
        found.sort(key=lambda one: -one["conf"])
        whole = [one for one in given if str(one.get("category")) == _WHOLE]
        classes = self._of_detection(whole[0]) if whole else self._of_image(entry)
        if classes and found:
            found[0].setdefault("classifications", classes)
        elif classes and not self._is_blank(classes):
            self._notes.add("classes of images in which nothing was detected")
        return found

    def _detection(self, pointer: str, one: Mapping[str, Any]) -> dict[str, Any]:
        conf = one.get("conf")
        if not is_box(one.get("bbox")) or not isinstance(conf, int | float):
            raise wrong(self._source, f"{pointer}/detections", "need `conf` and a `bbox` of four")
        label = str(one.get("label") or f"category {one.get('category')}")
        fields = {name: value for name, value in one.items() if name not in _DETECTION}
        classes = self._of_detection(one)
        return {
            **fields,
            "category": self._imported.categories.id_of(_NAMES.get(label, label)),
            "conf": float(conf),
            "bbox": one["bbox"],
            **({"classifications": classes} if classes else {}),
        }

    def _of_detection(self, one: Mapping[str, Any]) -> list[tuple[str, float]]:
        """The class that SpeciesNet settled on, else the surest that its classifier told."""
        processed = one.get("processed_classification")
        if isinstance(processed, dict) and "class" in processed:
            return [self._class(processed["class"], processed.get("score"))]
        return self._surest(one.get("raw_classifications"))

    def _of_image(self, entry: Mapping[str, Any]) -> list[tuple[str, float]]:
        prediction, score = (entry.get(name) for name in _PREDICTION)
        if isinstance(prediction, str):
            return [self._class(prediction, score)]
        return self._surest(entry.get("classifications"))

    def _surest(self, told: object) -> list[tuple[str, float]]:
        if not isinstance(told, dict) or not told.get("classes") or not told.get("scores"):
            return []
        return [self._class(told["classes"][0], told["scores"][0])]

    def _class(self, long_name: object, score: object) -> tuple[str, float]:
        """Its id and score; the long name, `id;class;...;common name`, becomes a description."""
        description = str(long_name)
        number = self._number(description)
        return number, float(score) if isinstance(score, int | float) else 0.0

    def _number(self, description: str) -> str:
        parts = [part for part in description.split(";") if part]
        name = parts[-1] if parts else description
        known = self._imported.descriptions
        number = self._imported.classes.id_of(name)
        if known.setdefault(number, description) != description:  # two taxa share a common name
            number = self._imported.classes.id_of(description)
            known[number] = description
        return number

    def _is_blank(self, classes: list[tuple[str, float]]) -> bool:
        return self._imported.classes.names()[classes[0][0]] == "blank"
