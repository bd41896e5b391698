"""Mistakes that people make with `megabatch post`, and what they are told."""

import json
from pathlib import Path

import pytest

from cli import exit_codes
from cli.main import run
from core.results.reader import open_results
from tests.pictures import jpeg
from tests.results_files import detection, image, write_results


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `photos/a/1.jpg`, its `results.json`, and `more.json` of other images."""
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpg").write_bytes(jpeg())
    write_results(tmp_path / "results.json", image("a/1.jpg", detection()), image("a/2.jpg"))
    write_results(tmp_path / "more.json", image("b/1.jpg", detection()))
    (tmp_path / "list.txt").write_text("a/1.jpg\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def post(line: str) -> int:
    return run(["post", *line.split()])


@pytest.mark.parametrize(
    "line",
    [
        "compare results.json more.json -o results.json",
        "compare more.json results.json -o results.json",
        "subset more.json --list results.json -o results.json",
        "combine more.json results.json -o results.json",
        "separate results.json --images photos -o sorted --results-to results.json",
        "convert results.json --to coco -o results.json",
    ],
)
def test_what_is_read_is_not_written_over(
    home: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    before = (home / "results.json").read_bytes()
    assert post(line) == exit_codes.USAGE
    assert "name another file" in capsys.readouterr().err
    assert (home / "results.json").read_bytes() == before
    assert not (home / "sorted").exists()


def test_the_index_of_a_review_is_not_written_over(home: Path) -> None:
    assert post("repeats find results.json --images photos -o review") == 0
    before = (home / "review/index.json").read_bytes()
    assert post("repeats remove results.json review -o review/index.json") == exit_codes.USAGE
    assert (home / "review/index.json").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("subset results.json --under north/ -o out.json", "Names in results.json are such as a/1"),
        ("compare results.json more.json", "No image is in both files"),
        ("convert results.json --to camtrap-dp --deployments d.csv --timezone Z -o p", "no time"),
    ],
)
def test_who_gets_nothing_is_told_why(
    home: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    (home / "d.csv").write_text(
        "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
        "a,1,1,2026-05-01,2026-05-31\n"
    )
    assert post(line.replace("Z", "+02:00")) == 0
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("dry", ["", " --dry-run"])
def test_images_of_another_season_are_not_sorted(
    home: Path, capsys: pytest.CaptureFixture[str], dry: str
) -> None:
    line = f"separate more.json --images photos -o sorted{dry}"
    assert post(line) == exit_codes.USAGE
    assert "None of the results has a file in photos" in capsys.readouterr().err
    assert not (home / "sorted").exists()


@pytest.mark.parametrize("number", ["90", "-1", "nan", "much"])
def test_thresholds_of_categories_are_shares(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    line = f"separate results.json --images photos -o sorted --category-threshold person={number}"
    assert post(line) == exit_codes.USAGE
    assert "a number between 0 and 1" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["separate", "crops", "timelapse"])
def test_a_folder_that_is_not_there_is_told_at_once(
    capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    option = "--root photoz" if tool == "timelapse" else "--images photoz -o out"
    assert post(f"{tool} results.json {option}") == exit_codes.USAGE
    err = capsys.readouterr().err
    assert "photoz" in err
    assert "a/1.jpg" not in err


def test_crops_are_not_mixed_with_earlier_ones(home: Path) -> None:
    assert post("crops results.json --images photos -o crops") == 0
    before = {path: path.read_bytes() for path in (home / "crops").rglob("*") if path.is_file()}
    assert post("crops results.json --images photos -o crops --threshold 0.95") == exit_codes.USAGE
    assert {path: path.read_bytes() for path in before} == before


def test_two_images_do_not_get_one_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(home / "two.json", image("a/1.jpg"), image("b/1.jpg"))
    assert post("subset two.json --replace-prefix a/=b/ -o out.json") == exit_codes.USAGE
    assert "Two images would be called b/1.jpg" in capsys.readouterr().err
    assert not (home / "out.json").exists()


def test_several_prefixes_are_replaced_in_one_go(home: Path) -> None:
    write_results(home / "two.json", image("a/1.jpg"), image("b/1.jpg"))
    command = "subset two.json --replace-prefix a/=north/ --replace-prefix b/=south/ -o out.json"
    assert post(command) == 0
    names = [one["file"] for one in json.loads((home / "out.json").read_text())["images"]]
    assert names == ["north/1.jpg", "south/1.jpg"]


def test_names_are_chosen_in_any_slashes(home: Path) -> None:
    write_results(home / "win.json", image("a\\1.jpg"), image("b\\1.jpg"))
    assert post("subset win.json --under a/ -o one.json") == 0
    assert post("subset win.json --list list.txt -o two.json") == 0
    for name in ("one.json", "two.json"):
        assert [one.file for one in open_results(home / name).images()] == ["a\\1.jpg"]


def test_a_table_in_another_encoding_is_explained(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "t.csv").write_bytes("file,status,s\xfcd\na.jpg,empty,\n".encode("latin-1"))
    assert post("convert t.csv --from csv -o out.json") == exit_codes.FAILED
    assert "save it as CSV in UTF-8" in capsys.readouterr().err
    words = "--to camtrap-dp --deployments t.csv --timezone +02:00 -o package"
    assert post(f"convert results.json {words}") != 0
    assert "save it as CSV in UTF-8" in capsys.readouterr().err


def test_a_folder_that_is_missing_is_named_as_it_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert post("subset results.json -o nope/out.json") != 0
    err = capsys.readouterr().err
    assert "nope/out.json" in err
    assert ".part" not in err


@pytest.mark.parametrize("number", ["20", "20%", "20 %", "20.0"])
def test_who_writes_percent_is_told_the_share(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert run(["post", "summary", "results.json", "--threshold", number]) == exit_codes.USAGE
    assert "Write 0.2 for 20" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("number", ["2000", "-1", "much", "nan"])
def test_what_is_no_percent_is_no_share_either(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert run(["post", "summary", "results.json", "--threshold", number]) == exit_codes.USAGE
    assert "percent" not in capsys.readouterr().err


def test_who_moves_again_what_was_moved_gets_results_with_its_names(home: Path) -> None:
    line = "separate results.json --images photos -o sorted --how move --results-to new.json"
    assert post(line) == 0
    first = [one.file for one in open_results(home / "new.json").images()]
    assert first == ["animal/a/1.jpg", "a/2.jpg"]
    assert not (home / "photos/a/1.jpg").exists()
    assert post(line) == 0
    assert [one.file for one in open_results(home / "new.json").images()] == first
    assert (home / "sorted/animal/a/1.jpg").exists()
