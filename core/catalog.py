"""The known models: names, categories, thresholds, where their files come from. Data only."""

import enum
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from core.errors import InvalidRequest

ANIMAL, PERSON, VEHICLE = "1", "2", "3"
_CATEGORIES = {ANIMAL: "animal", PERSON: "person", VEHICLE: "vehicle"}

_LILA = "https://lila.science/public/models/megadetector"
_BLOB = (
    "https://lilawildlife.blob.core.windows.net/lila-wildlife/models/camera_traps/megadetector",
    "https://lilablobssc.blob.core.windows.net/models/camera_traps/megadetector",
)
_DATA = "https://lila.science/datasets"


class Dataset(msgspec.Struct, frozen=True):
    """A public collection of camera-trap images."""

    name: str
    url: str


class Part(enum.StrEnum):
    """What can be had of a model."""

    #: The frozen graph, which detectors run.
    FROZEN = "frozen"
    #: How it was trained, and where that ended: for going on with the training.
    CONFIG = "config"
    CHECKPOINT = "checkpoint"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Trained weights, by name and version."""

    #: As a job names it.
    name: str
    version: str
    #: As `info.detector` of a results file names it; other programs choose thresholds by it.
    detector: str
    #: Category id to name.
    categories: Mapping[str, str]
    #: The file's name in the model folder, or the whole path of a file that lies elsewhere.
    file: str
    #: SHA-256 of a file of one's own, hex, once somebody has read it (several, with commas, where
    #: machines have different ones); empty for the catalog's.
    sha256: str = ""
    #: Where the file comes from, best first; empty for the demo model, which is built.
    mirrors: tuple[str, ...] = ()
    #: Detections must score strictly above it to stand in a results file.
    detection_threshold: float = 0.1
    #: Where people start, and where they look when they must not miss anything.
    typical_threshold: float = 0.8
    conservative_threshold: float = 0.3
    licence: str = "MIT"
    description: str = ""
    #: Year, or day, of its release, as its authors give it; empty for what is no release of theirs.
    released: str = ""
    #: What was new in it, in our words.
    notes: str = ""
    #: What else can be had beside the frozen model, and where, best first.
    downloads: Mapping[Part, tuple[str, ...]] = {}
    #: The public data that it was trained on for the first time; all that came before was used too.
    new_data: tuple[Dataset, ...] = ()


DEMO = Model(
    name="demo",
    version="1.0.6",
    detector="demo (COCO SSDLite, not MegaDetector)",
    categories=_CATEGORIES,
    file="demo.pb",
    typical_threshold=0.4,
    conservative_threshold=0.2,
    licence="Apache-2.0",
    description="A small COCO detector with MegaDetector's inputs and outputs, to try things with.",
)


def _at_both(path: str) -> tuple[str, ...]:
    return tuple(f"{base}/{path}" for base in _BLOB)


def _beside(stem: str) -> dict[Part, tuple[str, ...]]:
    """What the authors publish beside a frozen model. Source: megadetector.md, their page of it."""
    return {
        Part.CONFIG: _at_both(f"{stem}.config"),
        Part.CHECKPOINT: _at_both(f"{stem}_checkpoint.zip"),
    }


MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="megadetector-v2",
            version="2",
            detector="megadetector_v2",
            categories={ANIMAL: "animal"},
            file="megadetector_v2.pb",
            mirrors=(f"{_LILA}/megadetector_v2.pb", *_at_both("megadetector_v2.pb")),
            description="MegaDetector of 2018: animals.",
            released="2018",
            notes="The first release. It knows animals only.",
            downloads=_beside("megadetector_v2"),
        ),
        Model(
            name="megadetector-v3",
            version="3",
            detector="megadetector_v3",
            categories={ANIMAL: "animal", PERSON: "person"},
            file="megadetector_v3.pb",
            mirrors=(f"{_LILA}/megadetector_v3.pb", *_at_both("megadetector_v3.pb")),
            description="MegaDetector of 2019: animals and people.",
            released="2019-05-30",
            notes="More training data, and a first class for people. It saw far fewer people than "
            "animals in training: expect it to find animals better.",
            downloads=_beside("megadetector_v3"),
            new_data=(
                Dataset("Caltech Camera Traps", f"{_DATA}/caltech-camera-traps"),
                Dataset("Snapshot Serengeti", f"{_DATA}/snapshot-serengeti"),
                Dataset("Idaho Camera Traps", f"{_DATA}/idaho-camera-traps/"),
            ),
        ),
        Model(
            name="megadetector-v4.1",
            version="4.1",
            detector="megadetector_v4.1",
            categories=_CATEGORIES,
            file="md_v4.1.0.pb",
            mirrors=(
                "https://github.com/agentmorris/MegaDetector/releases/download/v4.1/md_v4.1.0.pb",
                *_at_both("md_v4.1.0/md_v4.1.0.pb"),
            ),
            description="MegaDetector of 2020: animals, people and vehicles.",
            released="2020-04-27",
            notes="More training data, from Borneo, Australia and the WCS Camera Traps among "
            "others, more people by day and by night, and a first class for vehicles: cars, trucks "
            "and bicycles.",
            downloads=_beside("md_v4.1.0/md_v4.1.0"),
            new_data=(
                Dataset("WCS Camera Traps", f"{_DATA}/wcscameratraps"),
                Dataset("North American Camera Trap Images", f"{_DATA}/nacti"),
                Dataset(
                    "Island Conservation Camera Traps", f"{_DATA}/island-conservation-camera-traps"
                ),
            ),
        ),
        DEMO,
    )
}


def model_of_file(path: Path, sha256: str = "") -> Model:
    """A frozen graph of one's own, with MegaDetector v4's categories, called by its file's stem."""
    return Model(
        name=path.stem,
        version="",
        detector=path.name,
        categories=_CATEGORIES,
        file=str(path),
        sha256=sha256,
        licence="",
        description="A frozen graph that this service was given as a file.",
    )


def known_models(files: Sequence[Path] = ()) -> dict[str, Model]:
    """Name to model: those of the catalog, and the files that a service was given."""
    return {**MODELS, **{path.stem: model_of_file(path) for path in files}}


def find_model(name: str, files: Sequence[Path] = ()) -> Model:
    """The model of that name. Raises InvalidRequest naming the known ones."""
    models = known_models(files)
    try:
        return models[name]
    except KeyError:
        near = get_close_matches(name.lower(), models, n=1)
        asked = f"; did you mean {near[0]!r}?" if near else "."
        raise InvalidRequest(
            f"There is no model {name!r}{asked} Known models: {', '.join(models)}.",
            pointer="/model",
            code="unknown_model",
        ) from None
