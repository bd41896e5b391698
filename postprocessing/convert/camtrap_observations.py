"""The observations of a Camtrap DP: what each image shows, and what each event does."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from operator import itemgetter
from typing import Any

import msgspec

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Notes, Options, category_name
from postprocessing.convert.deployments import iso
from postprocessing.convert.taxa import Taxon, taxa_of
from postprocessing.events import Event, time_of

_TYPES = {"animal": "animal", "person": "human", "human": "human", "vehicle": "vehicle"}

Cells = dict[str, Any]


class _Kind(msgspec.Struct, frozen=True):
    """What one individual was taken for; those of one kind are counted together."""

    type: str
    scientific_name: str = ""
    tag: str = ""

    def cells(self) -> Cells:
        return {"observationType": self.type, "scientificName": self.scientific_name}


class _Seen(msgspec.Struct):
    """What the images of an event show."""

    deployment: str
    #: Of each kind the most that one image shows.
    counts: Counter[_Kind] = msgspec.field(default_factory=Counter)
    #: Images in which the detector looked.
    looked_at: int = 0


class Observations:
    """Makes the rows of the table.

    Rows of events are complete when those of all images were made.
    """

    def __init__(
        self, results: Results, options: Options, notes: Notes, events: Sequence[Event]
    ) -> None:
        self._results, self._options, self._notes = results, options, notes
        self._events = events
        #: By the name of an image, the place in `events` of the one that it is part of.
        self._event_of = {name: at for at, event in enumerate(events) for name in event.images}
        self._seen: dict[int, _Seen] = {}
        self._taxa = taxa_of(results)
        self._by = _classified_by(results.info)
        named = results.info.get("classifier")
        #: Of what a classifier told; when it did is not known.
        self._classifier = (
            {"classifiedBy": safe_cell(str(named)), "classificationTimestamp": ""} if named else {}
        )
        self._count = 0
        #: Those that were observed, by name.
        self.taxa: dict[str, Taxon] = {}

    def of_image(self, image: ImageResult, media: Cells) -> Iterator[Cells]:
        """One a detection, else that there is none; `media`: the row of the image."""
        about = {
            **{name: media[name] for name in ("deploymentID", "mediaID")},
            **self._when(image.file, media["timestamp"]),
            "observationLevel": "media",
        }
        if image.detections is None:
            comment = safe_cell(image.failure or "")
            self._note(image.file, media["deploymentID"], None)
            yield self._numbered(
                {**about, "observationType": "unclassified", "observationComments": comment}
            )
            return
        counted = [one for one in image.detections if self._options.counts(one)]
        kinds = [self._kind(one) for one in counted]
        self._note(image.file, media["deploymentID"], Counter(kinds))
        for detection, kind in zip(counted, kinds, strict=True):
            yield self._numbered({**about, **self._by, **self._observed(detection, kind)})
        if not counted:
            yield self._numbered({**about, **self._by, "observationType": "blank"})

    def of_events(self) -> Iterator[Cells]:
        """One a kind that an event shows, else that there is none."""
        # An event is missing of which no image is among the media.
        for at, seen in sorted(self._seen.items()):
            about = {
                "deploymentID": seen.deployment,
                **self._times(at),
                "observationLevel": "event",
            }
            for kind, count in seen.counts.items():
                classifier = self._classifier if kind.scientific_name else {}
                tag = {"observationTags": kind.tag}
                found = {**kind.cells(), **classifier, "count": count, **tag}
                yield self._numbered({**about, **self._by, **found})
            if not seen.looked_at:
                yield self._numbered({**about, "observationType": "unclassified"})
            elif not seen.counts:
                yield self._numbered({**about, **self._by, "observationType": "blank"})

    def _when(self, name: str, taken: str) -> Cells:
        """Times of the event; of an image that is part of none, those of the image."""
        at = self._event_of.get(name)
        return dict.fromkeys(("eventStart", "eventEnd"), taken) if at is None else self._times(at)

    def _times(self, at: int) -> Cells:
        event, zone = self._events[at], self._options.timezone
        return {
            "eventID": f"e{at + 1:07}",
            "eventStart": iso(event.start.replace(tzinfo=zone)),
            "eventEnd": iso(event.end.replace(tzinfo=zone)),
        }

    def _note(self, name: str, deployment: str, found: Counter[_Kind] | None) -> None:
        """Keep what an image shows for its event; None where nobody knows."""
        at = self._event_of.get(name)
        if at is None:
            return
        seen = self._seen.setdefault(at, _Seen(deployment))
        if found is not None:
            seen.looked_at += 1
            seen.counts |= found

    def _numbered(self, observation: Cells) -> Cells:
        self._count += 1
        return {"observationID": f"o{self._count:07}", **observation}

    def _kind(self, detection: Detection) -> _Kind:
        name = category_name(self._results, detection)
        taxon, _ = self._taxon(detection)
        if taxon is not None:
            self.taxa[taxon.name] = taxon
        return _Kind(
            _TYPES.get(name, "unknown"),
            "" if taxon is None else taxon.name,
            "" if name in _TYPES else f"category:{_tag(name)}",
        )

    def _taxon(self, detection: Detection) -> tuple[Taxon | None, float]:
        """What the surest class is called in science, and how sure that is."""
        number, conf = max(detection.classifications or (), key=itemgetter(1), default=("", 0.0))
        return self._taxa.get(number), conf

    def _observed(self, detection: Detection, kind: _Kind) -> Cells:
        self._notes.add_fields(detection.extra, "detections")
        taxon, class_conf = self._taxon(detection)
        conf = detection.conf if taxon is None else class_conf
        tags = [kind.tag] if kind.tag else []
        classes = self._results.classification_categories
        for number, sure in detection.classifications or ():
            tags.append(f"class:{_tag(classes.get(number, number))}:{sure:g}")
        classifier = self._classifier if taxon is not None else {}
        return {
            **kind.cells(),
            **classifier,
            "count": 1,
            **self._box(detection),
            "classificationProbability": conf if conf <= 1 else "",
            "observationTags": " | ".join(tags),
        }

    def _box(self, detection: Detection) -> dict[str, float]:
        x, y, width, height = detection.bbox
        if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1):
            self._notes.add("boxes that leave the picture or have no size")
            return {}
        return {"bboxX": x, "bboxY": y, "bboxWidth": width, "bboxHeight": height}


def _tag(text: str) -> str:
    """A text for a list of tags, whose marks are `|` and `:`."""
    return re.sub(r"[|:\s]+", " ", text).strip()


def _classified_by(info: Mapping[str, Any]) -> dict[str, str]:
    """By what detections were made, and when; of our own files it is known that it is UTC."""
    told = {
        "classificationMethod": "machine",
        "classifiedBy": safe_cell(str(info.get("detector") or "")),
    }
    own = info.get("custom_metadata")
    if not isinstance(own, dict) or "megabatch" not in own:
        return told
    time = time_of(str(info.get("detection_completion_time")))
    if time is None:
        return told
    return {**told, "classificationTimestamp": iso(time.replace(tzinfo=UTC))}
