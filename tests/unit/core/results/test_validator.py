import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.results.format import ImageResult, encode_image
from core.results.rules import Severity
from core.results.validator import Fault, validate
from core.results.writer import ResultsWriter

FaultsOf = Callable[[str | dict[str, Any]], list[tuple[str, str]]]

MISSING = object()
FOUND: dict[str, Any] = {"category": "1", "conf": 0.5, "bbox": [0.1, 0.1, 0.5, 0.5]}
IMAGE: dict[str, Any] = {"file": "a.jpg", "detections": [FOUND]}
VIDEO: dict[str, Any] = {
    "file": "v.MP4",
    "frame_rate": 25.0,
    "frames_processed": [0, 25],
    "detections": [{**FOUND, "frame_number": 25}],
}
WHOLE: dict[str, Any] = {
    "info": {"format_version": "1.6"},
    "detection_categories": {"1": "animal"},
    "classification_categories": {"7": "boar"},
    "images": [IMAGE],
}


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The object with fields set, or taken out where they are MISSING."""
    merged = {**base, **changes}
    return {name: value for name, value in merged.items() if value is not MISSING}


@pytest.fixture
def faults_of(tmp_path: Path) -> FaultsOf:
    """The faults of a file as (severity, pointer) pairs."""
    path = tmp_path / "results.json"

    def faults(content: Any) -> list[tuple[str, str]]:
        path.write_text(json.dumps(content) if isinstance(content, dict) else content)
        report = validate(path)
        assert report.valid == (report.errors == 0)
        assert len(report.faults) == report.errors + report.warnings
        return [(str(fault.severity), fault.pointer) for fault in report.faults]

    return faults


def test_a_sound_file_has_no_faults(faults_of: FaultsOf) -> None:
    assert faults_of({**WHOLE, "images": [IMAGE, VIDEO]}) == []


@pytest.mark.parametrize(
    ("changes", "severity", "pointer"),
    [
        ({"info": []}, "error", "/info"),
        ({"info": {}}, "error", "/info/format_version"),
        ({"info": {"format_version": "six"}}, "error", "/info/format_version"),
        ({"info": {"format_version": 1.6}}, "error", "/info/format_version"),
        ({"info": {"format_version": "2.0"}}, "error", "/info/format_version"),
        ({"info": {"format_version": "1.7"}}, "warning", "/info/format_version"),
        ({"detection_categories": []}, "error", "/detection_categories"),
        ({"mine": 1}, "warning", "/mine"),
        ({"a/b~c": 1}, "warning", "/a~1b~0c"),
        ({"classification_categories": []}, "error", "/classification_categories"),
        ({"classification_categories": {"7": " "}}, "error", "/classification_categories/7"),
        (
            {"classification_category_descriptions": {"8": "sus"}},
            "error",
            "/classification_category_descriptions/8",
        ),
        (
            {"classification_category_descriptions": {"7": 1}},
            "error",
            "/classification_category_descriptions/7",
        ),
        (
            {"classification_category_descriptions": []},
            "error",
            "/classification_category_descriptions",
        ),
    ],
)
def test_faults_around_the_images(
    faults_of: FaultsOf, changes: dict[str, Any], severity: str, pointer: str
) -> None:
    content = changed(WHOLE, {"images": [], **changes})

    assert faults_of(content) == [(severity, pointer)]


@pytest.mark.parametrize(
    ("field", "value", "severity"),
    [
        ("detector", 3, "error"),
        ("classifier", ["x"], "error"),
        ("detector_metadata", "x", "error"),
        ("classifier_metadata", 1, "error"),
        ("detection_completion_time", "4 May 2026", "warning"),
        ("classification_completion_time", 7, "warning"),
    ],
)
def test_faults_in_info(faults_of: FaultsOf, field: str, value: str, severity: str) -> None:
    info = {"format_version": "1.6", field: value}

    assert faults_of({**WHOLE, "info": info}) == [(severity, f"/info/{field}")]


@pytest.mark.parametrize("number", ["-1", "1.0", "animal", "", "٣", "1 "])
def test_a_category_id_is_a_whole_number(faults_of: FaultsOf, number: str) -> None:
    content = {**WHOLE, "detection_categories": {"1": "animal", number: "x"}}

    assert faults_of(content) == [("error", f"/detection_categories/{number}")]


@pytest.mark.parametrize(
    ("version", "name", "faulty"),
    [("1.6", "", True), ("1.6", " ", True), ("1.5", "", False), ("1.5", 7, True)],
)
def test_a_category_name_is_not_blank_since_1_6(
    faults_of: FaultsOf, version: str, name: object, faulty: bool
) -> None:
    content = {
        **WHOLE,
        "info": {"format_version": version},
        "detection_categories": {"1": "animal", "2": name},
    }

    assert faults_of(content) == ([("error", "/detection_categories/2")] if faulty else [])


@pytest.mark.parametrize(
    ("changes", "severity", "pointer"),
    [
        ({"file": MISSING}, "error", "/file"),
        ({"file": ""}, "error", "/file"),
        ({"file": 7}, "error", "/file"),
        ({"file": "/home/a.jpg"}, "warning", "/file"),
        ({"file": "C:\\a.jpg"}, "warning", "/file"),
        ({"file": "\\\\server\\a.jpg"}, "warning", "/file"),
        ({"detections": MISSING}, "error", "/detections"),
        ({"detections": None}, "error", "/detections"),
        ({"detections": {}}, "error", "/detections"),
        ({"failure": "x"}, "error", "/detections"),
        ({"failure": "x", "detections": []}, "error", "/detections"),
        ({"failure": "x", "detections": MISSING}, "warning", "/detections"),
        ({"failure": " ", "detections": None}, "warning", "/failure"),
        ({"failure": 3}, "error", "/failure"),
        ({"max_detection_conf": "0.5"}, "warning", "/max_detection_conf"),
        ({"max_detection_conf": 0.6}, "warning", "/max_detection_conf"),
        ({"width": 0}, "error", "/width"),
        ({"height": 1.5}, "error", "/height"),
        ({"height": True}, "error", "/height"),
        ({"datetime": 7}, "error", "/datetime"),
        ({"meta": {}}, "error", "/meta"),
        ({"truncated": "yes"}, "error", "/truncated"),
        ({"latitude": 90.5}, "error", "/latitude"),
        ({"longitude": "12 E"}, "error", "/longitude"),
    ],
)
def test_faults_of_an_image(
    faults_of: FaultsOf, changes: dict[str, Any], severity: str, pointer: str
) -> None:
    content = {**WHOLE, "images": [changed(IMAGE, changes)]}

    assert faults_of(content) == [(severity, f"/images/0{pointer}")]


@pytest.mark.parametrize(
    "changes",
    [
        {"failure": None},
        {"failure": "anything at all", "detections": None},
        {"max_detection_conf": 0.5},
        {"max_detection_conf": 0.499},
        {"max_detection_conf": 0.0, "detections": []},
        {"file": "https://account.blob.core.windows.net/c/a.jpg"},
        {"file": "folder\\a.jpg"},
        {"width": None, "datetime": None, "latitude": -89.9, "longitude": 180},
        {"somebody's own": [1]},
        {"detections": [FOUND, {**FOUND, "conf": 0.9}]},
    ],
)
def test_what_the_format_allows(faults_of: FaultsOf, changes: dict[str, Any]) -> None:
    assert faults_of({**WHOLE, "images": [{**IMAGE, **changes}]}) == []


@pytest.mark.parametrize(
    ("changes", "severity", "pointer"),
    [
        ({"category": MISSING}, "error", "/category"),
        ({"category": 1}, "error", "/category"),
        ({"category": "9"}, "error", "/category"),
        ({"conf": MISSING}, "error", "/conf"),
        ({"conf": 1}, "error", "/conf"),
        ({"conf": True}, "error", "/conf"),
        ({"conf": "0.5"}, "error", "/conf"),
        ({"conf": 1.001}, "error", "/conf"),
        ({"conf": -1.001}, "error", "/conf"),
        ({"conf": 7.5}, "error", "/conf"),
        ({"bbox": MISSING}, "error", "/bbox"),
        ({"bbox": [0.1, 0.1, 0.5]}, "error", "/bbox"),
        ({"bbox": [0.1, 0.1, 0.5, 0.5, 0.5]}, "error", "/bbox"),
        ({"bbox": {}}, "error", "/bbox"),
        ({"bbox": [-0.1, 0.1, 0.5, 0.5]}, "error", "/bbox/0"),
        ({"bbox": [0.1, "0.1", 0.5, 0.5]}, "error", "/bbox/1"),
        ({"bbox": [0.1, 0.1, 1.1, 0.5]}, "error", "/bbox/2"),
        ({"bbox": [0.1, 0.1, 0.5, True]}, "error", "/bbox/3"),
        ({"bbox": [0.6, 0.1, 0.5, 0.5]}, "warning", "/bbox"),
        ({"bbox": [0.1, 0.6, 0.5, 0.5]}, "warning", "/bbox"),
        ({"bbox": [0.1, 0.1, 0, 0.5]}, "warning", "/bbox"),
        ({"bbox": [0.1, 0.1, 0.5, 0.0]}, "warning", "/bbox"),
        ({"classifications": {}}, "error", "/classifications"),
        ({"classifications": [["7", 0.5, 1]]}, "error", "/classifications/0"),
        ({"classifications": [["7", 0.5], ["8", 0.5]]}, "error", "/classifications/1/0"),
        ({"classifications": [[7, 0.5]]}, "error", "/classifications/0/0"),
        ({"classifications": [["7", "0.5"]]}, "error", "/classifications/0/1"),
        ({"classifications": [["7", 1.5]]}, "error", "/classifications/0/1"),
    ],
)
def test_faults_of_a_detection(
    faults_of: FaultsOf, changes: dict[str, Any], severity: str, pointer: str
) -> None:
    content = {**WHOLE, "images": [{**IMAGE, "detections": [FOUND, changed(FOUND, changes)]}]}

    assert faults_of(content) == [(severity, f"/images/0/detections/1{pointer}")]


@pytest.mark.parametrize(
    "changes",
    [
        {"conf": -0.5},
        {"conf": 1.0},
        {"conf": -1.0},
        {"bbox": [0, 0, 1, 1]},
        {"bbox": [0.5001, 0.0, 0.5, 1.0]},
        {"classifications": [["7", 1], ["7", 0.2]]},
        {"somebody's own": 1},
    ],
)
def test_what_a_detection_may_hold(faults_of: FaultsOf, changes: dict[str, Any]) -> None:
    assert faults_of({**WHOLE, "images": [{**IMAGE, "detections": [{**FOUND, **changes}]}]}) == []


@pytest.mark.parametrize("entry", [None, 3, "a.jpg", []])
def test_entries_must_be_objects(faults_of: FaultsOf, entry: object) -> None:
    assert faults_of({**WHOLE, "images": [entry]}) == [("error", "/images/0")]
    content = {**WHOLE, "images": [{**IMAGE, "detections": [entry]}]}
    assert faults_of(content) == [("error", "/images/0/detections/0")]


@pytest.mark.parametrize(
    ("version", "changes", "expected"),
    [
        ("1.6", {"frame_rate": MISSING}, [("error", "/frame_rate")]),
        ("1.4", {"frame_rate": MISSING}, [("error", "/frame_rate")]),
        ("1.3", {"frame_rate": MISSING}, []),
        ("1.3", {"frame_rate": "25"}, [("error", "/frame_rate")]),
        ("1.6", {"frame_rate": -1}, [("error", "/frame_rate")]),
        ("1.6", {"frame_rate": -1, "failure": "x", "detections": None}, []),
        ("1.6", {"frame_rate": 0}, []),
        ("1.6", {"frames_processed": MISSING}, [("error", "/frames_processed")]),
        ("1.5", {"frames_processed": MISSING}, [("error", "/frames_processed")]),
        ("1.4", {"frames_processed": MISSING}, []),
        ("1.4", {"frames_processed": [-1, 25]}, [("error", "/frames_processed")]),
        ("1.6", {"frames_processed": [0.5, 25]}, [("error", "/frames_processed")]),
        ("1.6", {"frames_processed": [0]}, [("warning", "/detections/0/frame_number")]),
        ("1.6", {"detections": [FOUND]}, [("error", "/detections/0/frame_number")]),
        ("1.4", {"detections": [FOUND]}, [("error", "/detections/0/frame_number")]),
        ("1.3", {"detections": [FOUND]}, []),
        (
            "1.6",
            {"detections": [{**FOUND, "frame_number": -1}]},
            [("error", "/detections/0/frame_number")],
        ),
        ("1.6", {"detections": [3]}, [("error", "/detections/0")]),
    ],
)
def test_rules_of_videos_by_version(
    faults_of: FaultsOf, version: str, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    content = {
        **WHOLE,
        "info": {"format_version": version},
        "images": [changed(VIDEO, changes)],
    }

    assert faults_of(content) == [(severity, f"/images/0{at}") for severity, at in expected]


def test_null_detections_beside_a_failure_are_clearer_since_1_3(faults_of: FaultsOf) -> None:
    content = {**WHOLE, "info": {"format_version": "1.3"}}

    assert faults_of({**content, "images": [{"file": "a.jpg", "failure": "x"}]}) == [
        ("warning", "/images/0/detections")
    ]


OLD = ("warning", "/info/format_version")


@pytest.mark.parametrize(
    ("version", "image", "expected"),
    [
        ("1.2", IMAGE, [("error", "/images/0/max_detection_conf")]),
        ("1.2", {**IMAGE, "max_detection_conf": ""}, [("error", "/images/0/max_detection_conf")]),
        ("1.2", {**IMAGE, "max_detection_conf": 0.5}, []),
        ("1.1", {"file": "a.jpg", "failure": "x"}, []),
        ("1.0", {"file": "a.jpg", "failure": "x"}, [("warning", "/images/0/failure")]),
    ],
)
def test_rules_of_old_versions(
    faults_of: FaultsOf, version: str, image: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    content = {**WHOLE, "info": {"format_version": version}, "images": [image]}

    assert faults_of(content) == [OLD, *expected]


@pytest.mark.parametrize(
    ("info", "pointer"), [({}, "/info/format_version"), ([], "/info"), ("1.6", "/info")]
)
def test_without_a_version_the_rules_of_1_0_hold(
    faults_of: FaultsOf, info: object, pointer: str
) -> None:
    assert faults_of({**WHOLE, "info": info}) == [
        ("error", pointer),
        ("error", "/images/0/max_detection_conf"),
    ]


def test_a_name_may_stand_once_only(faults_of: FaultsOf) -> None:
    other = {**IMAGE, "file": "A.jpg"}

    assert faults_of({**WHOLE, "images": [IMAGE, other, IMAGE, IMAGE]}) == [
        ("error", "/images/2/file"),
        ("error", "/images/3/file"),
    ]


HEADER = '{\n"info": {"format_version":"1.6"},\n"detection_categories": {},\n"images": [\n'


def test_all_faults_are_found_with_their_lines_and_names(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(
        HEADER + '{"file":"a.jpg"},\n{"file":"b.jpg",oops},\n{"file":"c.jpg","detections":3}\n]\n}'
    )

    report = validate(path)

    assert report.images == 3
    assert [(fault.index, fault.line, fault.file) for fault in report.faults] == [
        (0, 5, "a.jpg"),
        (1, 6, None),
        (2, 7, "c.jpg"),
    ]
    assert str(report.faults[0]) == (
        "error: /images/0/detections, a.jpg, line 5: must be a list where there is no failure"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("[]", "is a list"),
        ('{"info":{}}', "lacks"),
        (HEADER, "ends too early"),
        (HEADER + '{"file":"a.jpg","detections":[]},\n]\n}', "comma"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)

    report = validate(path)

    assert [fault.severity for fault in report.faults] == [Severity.ERROR]
    assert words in report.faults[0].message
    assert not report.valid


def test_a_top_level_field_that_cannot_be_read_is_named(faults_of: FaultsOf) -> None:
    content = '{"info":{"format_version":"1.6"},"detection_categories":{},"x":1e999,"images":[]}'

    assert faults_of(content) == [("error", "/x")]


def test_faults_beyond_those_kept_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    images = [{**IMAGE, "file": f"/{number}.jpg", "width": -1} for number in range(10)]
    path.write_text(json.dumps({**WHOLE, "images": images}))

    report = validate(path, keep=3)

    assert len(report.faults) == 3
    assert (report.errors, report.warnings, report.images) == (10, 10, 10)


def test_warnings_alone_leave_a_file_valid(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**WHOLE, "mine": 1}))

    assert validate(path).valid


def test_what_we_write_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(WHOLE["info"], WHOLE["detection_categories"])
        writer.write_line(encode_image(ImageResult(file="a.jpg", detections=[])))
        writer.end()

    assert validate(path).faults == []


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    assert str(Fault(severity=Severity.WARNING, message="odd")) == "warning: odd"


@pytest.mark.parametrize("batch", [1, 200, 10_000])
def test_faults_are_the_same_however_many_lines_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("core.results.image_lines._BATCH", batch)
    lines = [json.dumps({"file": f"{n}.jpg", "detections": []}) for n in range(60)]
    lines[20] = lines[3]
    lines[21] = f"{lines[21]}, {lines[22]}"
    lines[40] = '{"file": "40.jpg"}'
    fields = '"info": {"format_version": "1.6"},\n"detection_categories": {"1": "animal"},'
    path = tmp_path / "results.json"
    path.write_text(f'{{\n{fields}\n"images": [\n' + ",\n".join(lines) + "\n]\n}\n")
    report = validate(path)
    places = [(fault.pointer, fault.line) for fault in report.faults]
    twice, two_on_a_line = ("/images/20/file", 25), ("/images/21", 26)
    assert places == [twice, two_on_a_line, ("/images/40/detections", 45)]
    assert report.images == 60
