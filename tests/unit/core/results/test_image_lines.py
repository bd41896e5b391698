"""Whatever lines are decoded together, the images, their places and the faults are the same."""

from pathlib import Path

import msgspec
import pytest

from core.errors import InvalidResults
from core.results import image_lines
from core.results.image_lines import RawImage
from core.results.layout import open_layout

BEFORE = b'{\n"info": {},\n"detection_categories": {},\n"images": [\n'
AFTER = b"\n]\n}\n"
NUMBERS = 50
#: Of these bytes each line is a batch, some are, half of the file is, and all of it.
BATCHES = (1, 40, 300, 10_000)
_list_of_numbers = msgspec.json.Decoder(list[dict[str, int]]).decode


@pytest.fixture(params=BATCHES)
def file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(image_lines, "_BATCH", request.param)
    return tmp_path / "results.json"


def lines() -> list[bytes]:
    return [b'{"n": %d}' % number for number in range(NUMBERS)]


def written(path: Path, text: bytes) -> Path:
    path.write_bytes(BEFORE + text + AFTER)
    return path


def one(raw: RawImage) -> dict[str, int]:
    return {"n": msgspec.json.decode(raw.json)["n"], "index": raw.index, "line": raw.line or -1}


def read(path: Path) -> list[dict[str, int]]:
    return list(open_layout(path).images(_list_of_numbers, one))


def test_all_are_read_once_and_in_order(file: Path) -> None:
    found = read(written(file, b",\n".join(lines())))
    assert [image["n"] for image in found] == list(range(NUMBERS))


@pytest.mark.parametrize("place", [0, 1, 20, 21, NUMBERS - 2, NUMBERS - 1])
def test_one_that_is_odd_is_told_with_its_place(file: Path, place: int) -> None:
    odd = lines()
    odd[place] = b'{"n": %d, "name": "not a number"}' % place
    found = read(written(file, b",\n".join(odd)))
    assert [image["n"] for image in found] == list(range(NUMBERS))
    assert found[place] == {"n": place, "index": place, "line": place + 5}


@pytest.mark.parametrize("place", [1, 20, 21, NUMBERS - 1])
def test_a_missing_comma_is_told_with_its_line(file: Path, place: int) -> None:
    text = b",\n".join(lines()[:place]) + b"\n" + b",\n".join(lines()[place:])
    with pytest.raises(InvalidResults, match=f"line {place + 4}: the comma"):
        read(written(file, text))


@pytest.mark.parametrize("place", [1, 20, NUMBERS - 1])
def test_two_on_a_line_are_an_error(file: Path, place: int) -> None:
    text = b",\n".join(lines()[:place]) + b", " + b",\n".join(lines()[place:])
    with pytest.raises(msgspec.DecodeError):
        read(written(file, text))


def test_a_comma_after_the_last_is_told(file: Path) -> None:
    with pytest.raises(InvalidResults, match=f"line {NUMBERS + 4}: the last image has a comma"):
        read(written(file, b",\n".join(lines()) + b","))


def test_what_follows_the_list_is_told(file: Path) -> None:
    text = b",\n".join(lines()) + b'\n]\n"more": [\n{}'
    with pytest.raises(InvalidResults, match=f"line {NUMBERS + 6}: only the closing"):
        read(written(file, text))


def test_no_image_is_no_fault(file: Path) -> None:
    file.write_bytes(BEFORE + AFTER.lstrip())
    assert read(file) == []
