import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidResults
from core.results.format import Detection, ImageResult, encode_image
from core.results.reader import open_results
from core.results.writer import ResultsWriter
from tests.unit.core.results import strategies

WriteFile = Callable[[bytes | str | dict[str, Any]], Path]

INFO = {"format_version": "1.6"}
CATEGORIES = {"1": "animal"}
IMAGE = {"file": "a.jpg", "detections": []}
HEADER = (
    '{\n"info": {"format_version":"1.6"},\n"detection_categories": {"1":"animal"},\n"images": [\n'
)
LINE = '{"file":"a.jpg","detections":[]}'


@pytest.fixture
def results_file(tmp_path: Path) -> WriteFile:
    path = tmp_path / "results.json"

    def write(content: bytes | str | dict[str, Any]) -> Path:
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def in_version(named: Any, **more: Any) -> dict[str, Any]:
    info = {} if named is None else {"format_version": named}
    return {"info": info, "detection_categories": CATEGORIES, "images": [IMAGE], **more}


@settings(deadline=None, max_examples=50)
@given(
    images=st.lists(strategies.images, max_size=4),
    extra=st.dictionaries(strategies.texts.map("x-{}".format), strategies.values, max_size=2),
)
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, images: Any, extra: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("written") / "results.json"
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(INFO, CATEGORIES, extra)
        writer.write_lines([encode_image(image) for image in images])
        written = writer.end()

    results = open_results(path)

    assert list(results.images()) == images
    assert (results.info, results.detection_categories) == (INFO, CATEGORIES)
    assert results.extra == extra
    assert results.layout.lines is not None, "our own layout is read by lines"
    assert path.stat().st_size == written.size


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_other_layouts_read_the_same(results_file: WriteFile, indent: int | None) -> None:
    image = {**IMAGE, "mine": {"deep": [1, None, "é"]}}
    whole = {"mine": [1], **in_version("1.6"), "images": [image, IMAGE], "after": "x"}

    results = open_results(results_file(json.dumps(whole, indent=indent)))

    assert results.extra == {"mine": [1], "after": "x"}
    assert [result.extra for result in results.images()] == [{"mine": image["mine"]}, None]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + LINE + "\n]\n}",
        HEADER + LINE + "\n]}\n\n",
        (HEADER + LINE + "\n]\n}\n").replace("\n", "\r\n"),
        HEADER.replace('"images"', '"x": 1,\n"images"') + "  " + LINE + "  \n ] \n } ",
        HEADER + LINE + '\n],\n"after": 1\n}\n',
        HEADER + '{\n"file":"a.jpg",\n"detections":[]}\n]\n}\n',
        HEADER + LINE + "]}",
        HEADER.replace("[", "") + "[" + LINE + "]}",
        HEADER.replace('{"format_version":"1.6"}', '{\n"format_version":"1.6"}') + LINE + "\n]\n}",
    ],
)
def test_a_layout_that_was_edited_a_little_is_read(results_file: WriteFile, content: Any) -> None:
    assert list(open_results(results_file(content)).images()) == [
        ImageResult(file="a.jpg", detections=[])
    ]


def test_images_can_be_read_twice(results_file: WriteFile) -> None:
    results = open_results(results_file(HEADER + LINE + "\n]\n}\n"))

    assert list(results.images()) == list(results.images())
    assert len(list(results.images())) == 1


def test_our_own_layout_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(INFO, CATEGORIES)
        for number in range(20_000):
            writer.write_line(encode_image(ImageResult(file=f"{number:0200}", detections=[])))
        size = writer.end().size

    tracemalloc.start()
    count = sum(1 for _ in open_results(path).images())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert size > 4_000_000
    assert peak < 500_000


@pytest.mark.parametrize(
    ("named", "version"),
    [
        (None, (1, 0)),
        ("1.0", (1, 0)),
        ("1.1", (1, 1)),
        ("1.2", (1, 2)),
        (1.3, (1, 3)),
        ("1.4", (1, 4)),
        ("1.5", (1, 5)),
        ("1.6", (1, 6)),
        ("1.9", (1, 9)),
    ],
)
def test_every_version_is_read(
    results_file: WriteFile, named: Any, version: tuple[int, int]
) -> None:
    results = open_results(results_file(in_version(named)))

    assert results.version == version
    assert list(results.images()) == [ImageResult(file="a.jpg", detections=[])]


def test_the_vehicle_of_2019_goes_by_its_name(results_file: WriteFile) -> None:
    found = {"category": "4", "conf": 0.9, "bbox": [0.0, 0.0, 1.0, 1.0]}
    image = {"file": "a.jpg", "max_detection_conf": 0.9, "detections": [found]}
    content = {
        **in_version("1.0"),
        "images": [image],
        "detection_categories": {"1": "animal", "2": "person", "4": "vehicle"},
    }

    results = open_results(results_file(content))

    (result,) = results.images()
    assert result.detections == [Detection("4", 0.9, (0.0, 0.0, 1.0, 1.0))]
    assert results.detection_categories[result.detections[0].category] == "vehicle"


@pytest.mark.parametrize(
    ("named", "categories"), [({"7": "boar"}, {"7": "boar"}), (None, {}), (..., {})]
)
def test_classification_categories_are_empty_where_no_classifier_ran(
    results_file: WriteFile, named: Any, categories: dict[str, str]
) -> None:
    more = {} if named is ... else {"classification_categories": named}

    results = open_results(results_file(in_version("1.6", **more)))

    assert results.classification_categories == categories
    assert results.extra == more


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "is not text"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n", "PNG"),
        ("\ufeff{}".encode("utf-16-be"), "UTF-16"),
        (b"<?xml version='1.0'?><Error>", "expired"),
        (b"<!DOCTYPE html>", "web page"),
        (b"image_path,max_confidence,detections\na.jpg,0.5,[]", "2019"),
        (b"file;conf\na.jpg;0.5", "CSV"),
        (b"hello", "is not JSON; .* starts with `{`"),
        (b"[]", "is a list at its top level, where .*`images`"),
        (b'["a.jpg"]', "list of images, or of failed ones"),
        (b'[["a.jpg", "meta"]]', "list of images, or of failed ones"),
        (b'[{"file":"a.jpg","detections":[]}]', "lost what stood around them"),
        (b'[{"path":"a.jpg","confidence":1}]', "another detection program"),
        (b"[1,", "is a list"),
        (b'{"predictions":[]}', "SpeciesNet"),
        (b'{"images":[],"annotations":[],"categories":[]}', "COCO"),
        (b'{"annotations":[]}', "PytorchWildlife"),
        (b'{"shapes":[]}', "labelme"),
        (b'{"error":"no"}', "a service answered"),
        (b'{"title":"Gone","status":410}', "a service answered"),
        (b'{"images":[]}', "checkpoint"),
        (b'{"info":{},"images":[]}', "lacks `detection_categories`"),
        (b'{"detection_categories":{},"images":[]}', "lacks `info`"),
        (b"{}", "lacks `info` and `detection_categories` and `images`"),
        (b'{"a":1} {', "line 1, column .*: trailing characters"),
        (b'{\n "info": {},\n "x": nope\n}', "line 3, column 8"),
        (b'{"a":' + b"[" * 10**6, "nested more deeply"),
        (b'{"info":{},"images":["\xff"]}', "lacks"),
        (b'{"\xff":{}}', "UTF-8"),
    ],
)
def test_a_file_that_is_something_else_is_told_what_it_is(
    results_file: WriteFile, content: Any, message: str
) -> None:
    path = results_file(content)

    with pytest.raises(InvalidResults, match=message) as caught:
        open_results(path)

    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"info": []}, "/info: Expected `object`"),
        ({"info": {"format_version": "new"}}, "/info/format_version: 'new' is not a version"),
        ({"info": {"format_version": "2.0"}}, r"2\.0 is not .*1\.0 to 1\.6"),
        ({"info": {"format_version": "0.9"}}, r"0\.9 is not"),
        ({"detection_categories": {"1": 7}}, "/detection_categories"),
        ({"detection_categories": ["animal"]}, "/detection_categories: Expected `object`"),
        ({"classification_categories": {"1": None}}, "/classification_categories"),
        ({"images": {"a.jpg": []}}, "/images must be a list"),
    ],
)
def test_a_wrong_top_level_field_is_named(
    results_file: WriteFile, change: dict[str, Any], message: str
) -> None:
    path = results_file({**in_version("1.6"), **change})

    with pytest.raises(InvalidResults, match=message):
        open_results(path)


@pytest.mark.parametrize("missing", ["info", "detection_categories"])
def test_our_layout_needs_what_stands_around_the_images_too(
    results_file: WriteFile, missing: str
) -> None:
    kept = [line for line in HEADER.splitlines(True) if f'"{missing}"' not in line]

    with pytest.raises(InvalidResults, match=f"lacks `{missing}`"):
        open_results(results_file("".join(kept) + "]\n}\n"))


TWO = HEADER + LINE + ",\n" + LINE.replace("a.jpg", "b.jpg") + "\n]\n}\n"


@pytest.mark.parametrize("kept", range(1, len(TWO) - 2))
def test_our_layout_cut_off_anywhere_is_refused(results_file: WriteFile, kept: int) -> None:
    path = results_file(TWO[:kept])

    with pytest.raises(InvalidResults, match="ends too early"):
        list(open_results(path).images())


@pytest.mark.parametrize("kept", range(2, 160, 7))
def test_another_layout_cut_off_anywhere_is_refused(results_file: WriteFile, kept: int) -> None:
    whole = json.dumps(in_version("1.6"), indent=2)
    assert kept < len(whole)

    with pytest.raises(InvalidResults, match="ends too early"):
        open_results(results_file(whole[:kept]))


DAMAGED = '{"file":"b.jpg","detections":[{"category":"1","conf":%s,"bbox":%s}]}'
BOX = "[0,0,1,1]"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (DAMAGED % ('"x"', BOX), "line 6: /images/1/detections/0/conf: Expected `float`"),
        (DAMAGED % ("1", "[0,0,1]"), "/images/1/detections/0/bbox: Expected `array` of length 4"),
        (DAMAGED % ("1", '[0,0,1,"a"]'), "/images/1/detections/0/bbox/3: "),
        (DAMAGED % ("NaN", BOX), "line 6: /images/1: "),
        (DAMAGED % ("1e999", BOX), "line 6: /images/1.*: Number out of range"),
        ('{"file":"\\ud800","detections":[]}', "line 6: /images/1: "),
        ('{"file":"b.jpg"}', "/images/1: There are neither"),
        ('{"file":"b.jpg","detec', "line 6: /images/1: its JSON is cut off"),
        (LINE + " " + LINE, "line 6: /images/1: .*trailing"),
        ("[" * 10**5, "line 6: /images/1: nested too deeply"),
        ("", "line 6: /images/1: "),
    ],
)
def test_a_damaged_line_is_named(results_file: WriteFile, line: str, message: str) -> None:
    images = open_results(results_file(f"{HEADER}{LINE},\n{line}\n]\n}}\n")).images()

    assert next(images).file == "a.jpg"
    with pytest.raises(InvalidResults, match=message):
        next(images)


def test_bytes_that_are_not_utf_8_are_named(results_file: WriteFile) -> None:
    line = '{"file":"é.jpg","detections":[]}'.encode("latin-1")

    lined = open_results(results_file(HEADER.encode() + line + b"\n]\n}\n"))
    with pytest.raises(InvalidResults, match="line 5: /images/0: not UTF-8"):
        list(lined.images())

    whole = open_results(
        results_file(b'{"info":{},"detection_categories":{},"images":[' + line + b"]}")
    )
    with pytest.raises(InvalidResults, match=r"json: /images/0: not UTF-8"):
        list(whole.images())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_know_is_named(results_file: WriteFile, number: str) -> None:
    content = '{"info":{},"detection_categories":{},\n"images":[{"file":"a","conf":?}]}'

    with pytest.raises(InvalidResults, match=r"line 2, column 3\d: NaN and Infinity are not JSON"):
        open_results(results_file(content.replace("?", number)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (f"{LINE}\n{LINE}\n]\n}}\n", "line 5: the comma after this image is missing"),
        (f"{LINE},\n]\n}}\n", "line 5: the last image has a comma"),
        (f"{LINE}\n]\n{LINE}\n]\n}}\n", "line 7: only the closing"),
    ],
)
def test_our_layout_is_as_strict_as_json(
    results_file: WriteFile, images: Any, message: str
) -> None:
    with pytest.raises(InvalidResults, match=message):
        list(open_results(results_file(HEADER + images)).images())


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_results(tmp_path / "none.json")
