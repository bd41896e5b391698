"""The tables of Camtrap DP 1.0.2: their fields, as Frictionless table schemas.

Source: the table schemas of Camtrap DP 1.0.2 (TDWG, MIT licence); names, types and constraints
alone, for the descriptions stand at https://camtrap-dp.tdwg.org/data/.
"""

from typing import Any

VERSION = "1.0.2"
ADDRESS = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}"
PROFILE = f"{ADDRESS}/camtrap-dp-profile.json"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%z"
#: What a file's path must look like: within the package, without `..`.
PATH_PATTERN = r"^(?=^[^./~])(^((?!\.{2}).)*$).*$"

_Field = tuple[str, str, dict[str, Any]]
_NEEDED = {"required": True}
_ID = {"required": True, "unique": True}
_SHARE = {"minimum": 0, "maximum": 1}
_SIDE = {"minimum": 1e-15, "maximum": 1}
_FEATURES = [
    *("roadPaved", "roadDirt", "trailHiking", "trailGame", "roadUnderpass", "roadOverpass"),
    *("roadBridge", "culvert", "burrow", "nestSite", "carcass", "waterSource", "fruitingTree"),
]

_DEPLOYMENTS: list[_Field] = [
    ("deploymentID", "string", _ID),
    ("locationID", "string", {}),
    ("locationName", "string", {}),
    ("latitude", "number", {**_NEEDED, "minimum": -90, "maximum": 90}),
    ("longitude", "number", {**_NEEDED, "minimum": -180, "maximum": 180}),
    ("coordinateUncertainty", "integer", {"minimum": 1}),
    ("deploymentStart", "datetime", _NEEDED),
    ("deploymentEnd", "datetime", _NEEDED),
    ("setupBy", "string", {}),
    ("cameraID", "string", {}),
    ("cameraModel", "string", {}),
    ("cameraDelay", "integer", {"minimum": 0}),
    ("cameraHeight", "number", {"minimum": 0}),
    ("cameraDepth", "number", {"minimum": 0}),
    ("cameraTilt", "integer", {"minimum": -90, "maximum": 90}),
    ("cameraHeading", "integer", {"minimum": 0, "maximum": 360}),
    ("detectionDistance", "number", {"minimum": 0}),
    ("timestampIssues", "boolean", {}),
    ("baitUse", "boolean", {}),
    ("featureType", "string", {"enum": _FEATURES}),
    ("habitat", "string", {}),
    ("deploymentGroups", "string", {}),
    ("deploymentTags", "string", {}),
    ("deploymentComments", "string", {}),
]
_MEDIA: list[_Field] = [
    ("mediaID", "string", _ID),
    ("deploymentID", "string", _NEEDED),
    ("captureMethod", "string", {"enum": ["activityDetection", "timeLapse"]}),
    ("timestamp", "datetime", _NEEDED),
    ("filePath", "string", {**_NEEDED, "pattern": PATH_PATTERN}),
    ("filePublic", "boolean", _NEEDED),
    ("fileName", "string", {}),
    ("fileMediatype", "string", {**_NEEDED, "pattern": "^(image|video|audio)/.*$"}),
    ("exifData", "any", {}),
    ("favorite", "boolean", {}),
    ("mediaComments", "string", {}),
]
_OBSERVATIONS: list[_Field] = [
    ("observationID", "string", _ID),
    ("deploymentID", "string", _NEEDED),
    ("mediaID", "string", {}),
    ("eventID", "string", {}),
    ("eventStart", "datetime", _NEEDED),
    ("eventEnd", "datetime", _NEEDED),
    ("observationLevel", "string", {**_NEEDED, "enum": ["media", "event"]}),
    (
        "observationType",
        "string",
        {**_NEEDED, "enum": ["animal", "human", "vehicle", "blank", "unknown", "unclassified"]},
    ),
    ("cameraSetupType", "string", {"enum": ["setup", "calibration"]}),
    ("scientificName", "string", {}),
    ("count", "integer", {"minimum": 1}),
    ("lifeStage", "string", {"enum": ["adult", "subadult", "juvenile"]}),
    ("sex", "string", {"enum": ["female", "male"]}),
    ("behavior", "string", {}),
    ("individualID", "string", {}),
    ("individualPositionRadius", "number", {"minimum": 0}),
    ("individualPositionAngle", "number", {"minimum": -90, "maximum": 90}),
    ("individualSpeed", "number", {"minimum": 0}),
    ("bboxX", "number", _SHARE),
    ("bboxY", "number", _SHARE),
    ("bboxWidth", "number", _SIDE),
    ("bboxHeight", "number", _SIDE),
    ("classificationMethod", "string", {"enum": ["human", "machine"]}),
    ("classifiedBy", "string", {}),
    ("classificationTimestamp", "datetime", {}),
    ("classificationProbability", "number", _SHARE),
    ("observationTags", "string", {}),
    ("observationComments", "string", {}),
]
#: Table to its fields; and to those of its fields that name rows of another table.
_TABLES = {"deployments": _DEPLOYMENTS, "media": _MEDIA, "observations": _OBSERVATIONS}
_KEYS = {"deployments": [], "media": ["deploymentID"], "observations": ["deploymentID", "mediaID"]}
_OWNERS = {"deploymentID": "deployments", "mediaID": "media"}
TABLES = tuple(_TABLES)


def columns(table: str) -> list[str]:
    """The names of a table's fields, in their order."""
    return [name for name, _, _ in _TABLES[table]]


def schema(table: str) -> dict[str, Any]:
    """The table schema (https://specs.frictionlessdata.io/table-schema/) of one table."""
    keys = [
        {"fields": key, "reference": {"resource": _OWNERS[key], "fields": key}}
        for key in _KEYS[table]
    ]
    return {
        "name": table,
        "fields": [_described(field) for field in _TABLES[table]],
        "missingValues": ["", "NA", "NaN", "nan"],
        "primaryKey": columns(table)[0],
        **({"foreignKeys": keys} if keys else {}),
    }


def _described(field: _Field) -> dict[str, Any]:
    name, kind, constraints = field
    return {
        "name": name,
        "type": kind,
        **({"format": TIME_FORMAT} if kind == "datetime" else {}),
        "constraints": {"required": False, **constraints},
    }
