import csv
import json
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import frictionless
import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.convert.camtrap import SCHEMAS
from postprocessing.convert.camtrap_schema import ADDRESS, PROFILE, TABLES
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.convert.conversions import above, to

ZONE = timezone(timedelta(hours=2))
DEPLOYMENTS = """\
deploymentID,folder,latitude,longitude,deploymentStart,deploymentEnd,cameraID,owner
N1,north/1,52.5,-1.25,2026-05-01T00:00:00,2026-06-01T00:00:00Z,=cam,Ada
N,north,52,-1,2026-04-01,2026-05-20,,
S,south/,-10,5.5,2026-05-01T00:00:00+0500,2026-05-31T00:00:00,,
"""
TIME = {"datetime": "2026-05-02 06:11:54"}


def rows(package: Path, table: str) -> list[dict[str, str]]:
    with (package / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def deployments(tmp_path: Path) -> Path:
    path = tmp_path / "deployments.csv"
    path.write_text(DEPLOYMENTS)
    return path


@pytest.fixture
def season(tmp_path: Path) -> Results:
    return write_results(
        tmp_path / "results.json",
        image(
            "north/1/a.jpg",
            detection("1", 0.9, classifications=[["0", 0.8]]),
            detection("2", 0.7),
            detection("3", 0.2),
            **TIME,
        ),
        image("north\\2\\b.JPG", **TIME),
        {**failure("south/c.png"), **TIME},
        image("south/d.jpg", detection()),
        image("east/e.jpg", **TIME),
        image("south/f.txt", **TIME),
        classification_categories={"0": "red | deer:x"},
    )


def package(season: Results, table: Path, **options: Any) -> dict[str, int]:
    target = table.with_name("package")
    given = {"deployments": table, "timezone": ZONE, "threshold": above(0.5)}
    return to("camtrap-dp", season, target, **{**given, **options})


def faults(folder: Path) -> Iterator[Any]:
    """What frictionless has against the tables, by the schemas that lie in the package.

    Profile and schemas are named by their addresses in the network, which is not asked.
    """
    descriptor = json.loads((folder / "datapackage.json").read_text())
    assert descriptor.pop("profile") == PROFILE
    for resource in descriptor["resources"]:
        address, _, name = resource["schema"].rpartition("/")
        assert address == ADDRESS
        resource["schema"] = f"{SCHEMAS}/{name}"
    found = frictionless.Package.from_descriptor(descriptor, basepath=str(folder))
    assert {one.name: len(one.schema.fields) for one in found.resources}.keys() == {*TABLES}
    yield from found.validate().flatten(["type", "rowNumber", "fieldName", "note"])


def test_frictionless_has_nothing_against_it(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    package(season, deployments)
    assert list(faults(tmp_path / "package")) == []


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("media", "N1", "N9"),
        ("media", "false", "perhaps"),
        ("observations", "2026-05-02T", "2026-05-02 "),
        ("observations", "animal", "beast"),
        ("deployments", "52.5", "152.5"),
    ],
)
def test_frictionless_would_see_a_fault(
    season: Results, deployments: Path, tmp_path: Path, table: str, old: str, new: str
) -> None:
    package(season, deployments)
    path = tmp_path / f"package/{table}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    assert list(faults(tmp_path / "package")) != []


def test_media_have_deployment_and_time(season: Results, deployments: Path, tmp_path: Path) -> None:
    told = package(season, deployments)
    media = rows(tmp_path / "package", "media")
    assert [(one["deploymentID"], one["filePath"], one["fileMediatype"]) for one in media] == [
        ("N1", "north/1/a.jpg", "image/jpeg"),
        ("N", "north/2/b.JPG", "image/jpeg"),
        ("S", "south/c.png", "image/png"),
    ]
    assert {one["timestamp"] for one in media} == {"2026-05-02T06:11:54+02:00"}
    assert media[1]["mediaComments"] == r"name in the results: 'north\\2\\b.JPG'"
    assert told == {
        "column `owner` of the deployments, which Camtrap DP does not know": 1,
        "images that tell no time": 1,
        "images in the folder of no deployment": 1,
        "images whose suffix is that of no image": 1,
        "`contributors` of datapackage.json is missing: give it with --metadata": 1,
        "`project` of datapackage.json is missing: give it with --metadata": 1,
    }


def test_observations_tell_what_was_found_and_what_was_not(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    package(season, deployments)
    animal, human, blank, failed = rows(tmp_path / "package", "observations")
    assert [one["observationType"] for one in (animal, human, blank, failed)] == [
        *("animal", "human", "blank", "unclassified")
    ]
    box = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
    assert [animal[side] for side in box] == ["0.1", "0.2", "0.3", "0.4"]
    assert animal["classificationProbability"] == "0.9"
    assert animal["observationTags"] == "class:red deer x:0.8"
    assert animal["eventStart"] == animal["eventEnd"] == "2026-05-02T06:11:54+02:00"
    assert animal["classifiedBy"].startswith("demo")
    assert animal["classificationTimestamp"].endswith("+00:00")
    assert (blank["bboxX"], failed["observationComments"]) == (
        "",
        "image access failure: truncated",
    )
    assert failed["classificationMethod"] == ""


def test_times_of_deployments_get_the_zone_where_they_have_none(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    package(season, deployments, timezone=ZoneInfo("Europe/London"))
    first, second, third = rows(tmp_path / "package", "deployments")
    assert first["deploymentStart"] == "2026-05-01T00:00:00+01:00"
    assert first["deploymentEnd"] == "2026-06-01T00:00:00+00:00"
    assert second["deploymentStart"] == "2026-04-01T00:00:00+01:00"
    assert third["deploymentStart"] == "2026-05-01T00:00:00+05:00"


def test_the_package_tells_where_and_when(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    (tmp_path / "about.json").write_text('{"project": {"title": "Deer"}, "contributors": []}')
    told = package(season, deployments, metadata=tmp_path / "about.json")
    described = json.loads((tmp_path / "package/datapackage.json").read_text())
    assert described["temporal"] == {"start": "2026-04-01", "end": "2026-06-01"}
    assert described["spatial"]["bbox"] == [-1.25, -10.0, 5.5, 52.5]
    assert described["project"] == {"title": "Deer"}
    assert not [what for what in told if "datapackage" in what]


@pytest.mark.parametrize("folder", ["../up", "=x", "~", ".hidden", "-x", "a..b", "a\tb", "/abs"])
def test_names_are_confined_and_their_true_form_is_told(tmp_path: Path, folder: str) -> None:
    name = f"{folder}/a.jpg"
    results = write_results(tmp_path / "results.json", image(name, **TIME))
    (tmp_path / "deployments.csv").write_text(
        "deploymentID,folder,latitude,longitude,deploymentStart,deploymentEnd\n"
        f'D,"{folder}",1,1,2026-05-01,2026-05-02\n'
    )
    package(results, tmp_path / "deployments.csv")
    (media,) = rows(tmp_path / "package", "media")
    assert media["mediaComments"] == f"name in the results: {name!r}"
    assert not media["filePath"].startswith(("=", "-", "/", ".", "~"))
    assert list(faults(tmp_path / "package")) == []


HEAD = "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
GOOD = "a,1,1,2026-05-01,2026-05-02\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("deploymentID,latitude\na,1\n", "lacks the columns longitude, deploymentStart, deploy"),
        (HEAD + "a,91,1,2026-05-01,2026-05-02\n", "line 2: `latitude` must be a number from -90"),
        (HEAD + "a,1,,2026-05-01,2026-05-02\n", "line 2: `longitude` must be"),
        (HEAD + "a,x,1,2026-05-01,2026-05-02\n", "line 2: `latitude` is 'x'"),
        (HEAD + "a,1,1,May,2026-05-02\n", "line 2: `deploymentStart` must be a time"),
        (HEAD + ",1,1,2026-05-01,2026-05-02\n", "line 2: `deploymentID` is empty"),
        (HEAD + GOOD + GOOD, "two deployments have one deploymentID"),
        (HEAD, "holds no deployment"),
    ],
)
def test_a_wrong_table_of_deployments_is_explained(
    season: Results, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "deployments.csv").write_text(text)
    with pytest.raises(InvalidRequest, match=why):
        package(season, tmp_path / "deployments.csv")
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize("missing", ["deployments", "timezone"])
def test_neither_place_nor_time_zone_is_invented(
    season: Results, deployments: Path, missing: str
) -> None:
    with pytest.raises(InvalidRequest, match="needs --deployments and --timezone"):
        package(season, deployments, **{missing: None})


LION = "ddf59264;mammalia;carnivora;felidae;panthera;leo;lion"
CLASSES = {"0": "lion", "1": "cat family", "2": "blank", "3": "wolf pup", "4": "odd"}
DESCRIPTIONS = {
    "0": LION,
    "1": ";mammalia;carnivora;felidae;;;",
    "2": "f1f2;;;;;;blank",
    "3": "a1;mammalia;carnivora;canidae;canis;lupus familiaris;dog",
    "4": "not;seven;words",
}


def classified(number: str, conf: float = 0.75) -> dict[str, Any]:
    return detection("1", 0.9, classifications=[["4", 0.1], [number, conf]])


def with_classes(tmp_path: Path, *images: dict[str, Any]) -> Results:
    return write_results(
        tmp_path / "results.json",
        *images,
        classification_categories=CLASSES,
        classification_category_descriptions=DESCRIPTIONS,
    )


def test_scientific_names_are_those_that_the_results_tell(
    deployments: Path, tmp_path: Path
) -> None:
    found = [image(f"north/{n}.jpg", classified(n), **TIME) for n in CLASSES]
    told = package(with_classes(tmp_path, *found), deployments)
    observed = rows(tmp_path / "package", "observations")
    assert [(one["scientificName"], one["classificationProbability"]) for one in observed] == [
        *(("Panthera leo", "0.75"), ("Felidae", "0.75"), ("", "0.9")),
        *(("Canis lupus familiaris", "0.75"), ("", "0.9")),
    ]
    described = json.loads((tmp_path / "package/datapackage.json").read_text())
    names = {one["scientificName"]: one for one in described["taxonomic"]}
    assert names["Panthera leo"] == {
        "scientificName": "Panthera leo",
        "taxonRank": "species",
        "taxonID": "ddf59264",
        "class": "Mammalia",
        "order": "Carnivora",
        "family": "Felidae",
        "genus": "Panthera",
        "vernacularNames": {"eng": "lion"},
    }
    assert {name: one["taxonRank"] for name, one in names.items()} == {
        "Canis lupus familiaris": "subspecies",
        "Felidae": "family",
        "Panthera leo": "species",
    }
    assert not [what for what in told if "descriptions" in what]
    assert list(faults(tmp_path / "package")) == []


def at(name: str, second: int, *found: dict[str, Any]) -> dict[str, Any]:
    return image(name, *found, datetime=f"2026-05-02 06:00:{second:02}")


def of_events(folder: Path) -> list[dict[str, str]]:
    found = rows(folder / "package", "observations")
    return [one for one in found if one["observationLevel"] == "event"]


def test_events_are_told_beside_their_media(deployments: Path, tmp_path: Path) -> None:
    results = with_classes(
        tmp_path,
        at("north/1/a.jpg", 0, classified("0"), classified("1")),
        at("north/1/b.jpg", 10, classified("0"), classified("0"), detection("2", 0.8)),
        at("north/2/c.jpg", 20, detection("3", 0.9)),  # of another deployment
        {**failure("south/d.jpg"), "datetime": "2026-05-02 06:00:00"},
        {**failure("south/e.jpg"), "datetime": "2026-05-02 06:00:21"},
        at("south/f.jpg", 35, detection("1", 0.2)),
    )
    package(results, deployments, gap=15)
    found = [
        *(
            (one["deploymentID"], one["eventID"], one["observationType"], one["count"])
            for one in of_events(tmp_path)
        )
    ]
    assert found == [
        *(("N", "e0000001", "vehicle", "1"), ("N1", "e0000002", "animal", "2")),
        *(("N1", "e0000002", "animal", "1"), ("N1", "e0000002", "human", "1")),
        *(("S", "e0000003", "unclassified", ""), ("S", "e0000004", "blank", "")),
    ]
    lions = of_events(tmp_path)[1]
    assert (lions["scientificName"], lions["mediaID"]) == ("Panthera leo", "")
    assert (lions["eventStart"], lions["eventEnd"]) == (
        *("2026-05-02T06:00:00+02:00", "2026-05-02T06:00:10+02:00"),
    )
    media = [one for one in rows(tmp_path / "package", "observations") if one["mediaID"]]
    assert {(one["mediaID"], one["eventID"]) for one in media} == {
        *(("m0000001", "e0000002"), ("m0000002", "e0000002"), ("m0000003", "e0000001")),
        *(("m0000004", "e0000003"), ("m0000005", "e0000004"), ("m0000006", "e0000004")),
    }
    assert media[0]["eventEnd"] == lions["eventEnd"]
    assert list(faults(tmp_path / "package")) == []


def test_without_a_gap_there_are_no_events(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    package(season, deployments)
    assert of_events(tmp_path) == []
    assert {one["eventID"] for one in rows(tmp_path / "package", "observations")} == {""}


def test_an_event_of_images_that_are_no_media_is_left_out(
    season: Results, deployments: Path, tmp_path: Path
) -> None:
    package(season, deployments, gap=60)
    kinds = [(one["deploymentID"], one["observationType"]) for one in of_events(tmp_path)]
    assert kinds == [("N", "blank"), ("N1", "animal"), ("N1", "human"), ("S", "unclassified")]


def test_what_a_classifier_told_is_classified_by_it(deployments: Path, tmp_path: Path) -> None:
    results = with_classes(tmp_path, image("north/a.jpg", classified("0"), detection(), **TIME))
    results.info["classifier"] = "SpeciesNet 4"
    package(results, deployments, gap=60)
    observed = rows(tmp_path / "package", "observations")
    by = {(one["observationLevel"], one["scientificName"]): one["classifiedBy"] for one in observed}
    assert by.pop(("media", "Panthera leo")) == by.pop(("event", "Panthera leo")) == "SpeciesNet 4"
    assert {name.split()[0] for name in by.values()} == {"demo"}


def test_images_outside_of_their_deployment_are_counted(season: Results, deployments: Path) -> None:
    deployments.write_text(DEPLOYMENTS.replace("2026-05-01T00:00:00,", "2026-05-03T00:00:00,"))
    told = package(season, deployments)
    assert told["images that were taken before or after their deployment"] == 1


def test_a_deployment_does_not_end_before_it_begins(season: Results, deployments: Path) -> None:
    deployments.write_text(DEPLOYMENTS.replace("2026-05-20", "2026-03-20"))
    with pytest.raises(InvalidRequest, match="line 3: `deploymentEnd` is before"):
        package(season, deployments)
