from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import exit_codes
from cli.main import run
from cli.post.convert import _WORDS, _zone, convert
from postprocessing.convert.formats import SOURCES, TARGETS
from tests.results_files import detection, failure, image, write_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    images = image("a.jpg", detection(), width=64, height=48), failure("b.jpg")
    return write_results(tmp_path / "results.json", *images).path


def converted(*words: object) -> int:
    return run(["post", "convert", *map(str, words)])


def test_what_is_lost_is_printed(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converted(results, "--to", "coco", "-o", tmp_path / "out.json") == exit_codes.DONE
    said = capsys.readouterr().err
    assert "out.json: 1 images" in said.replace("\n", "")
    assert "1 images that failed: COCO would take them for empty ones" in said
    assert "detections above" not in said


@pytest.mark.parametrize("name", ["csv", "yolo", "labelme"])
def test_a_threshold_that_nobody_gave_is_printed(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert converted(results, "--to", name, "-o", tmp_path / "out") == exit_codes.DONE
    assert "detections above 0.4 (typical of demo" in capsys.readouterr().err


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_is_written_from_the_command_line(
    results: Path, tmp_path: Path, name: str
) -> None:
    words: list[Any] = [results, "--to", name, "-o", tmp_path / "out"]
    if name == "camtrap-dp":
        (tmp_path / "deployments.csv").write_text(
            "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
            "n,1,1,2026-05-01,2026-05-31\n"
        )
        words += ["--deployments", tmp_path / "deployments.csv", "--timezone", "Africa/Nairobi"]
    assert converted(*words) == exit_codes.DONE
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--to", "csv", "--scores"], "--scores says nothing to csv"),
        (["--to", "coco", "--format-version", "1.3"], "--format-version says nothing to coco"),
        (["--to", "results", "--threshold", "0.2"], "--threshold says nothing to results"),
        (["--from", "speciesnet", "--folder-columns", "0"], "--folder-columns says nothing"),
        (["--from", "yolo"], "yolo is a folder"),
        (["--to", "results", "--format-version", "2.0"], "There is no format version"),
        (["--to", "camtrap-dp"], "needs --deployments and --timezone"),
        (["--to", "camtrap-dp", "--timezone", "Mars/Olympus"], "is no time zone"),
        (["--to", "camtrap-dp", "--timezone", "../etc"], "is no time zone"),
        (["--to", "camtrap-dp", "--timezone", "+99:00"], "is no time zone"),
        ([], "Give --to FORMAT"),
        (["--to", "csv", "--from", "csv"], "Give --to FORMAT"),
    ],
)
def test_what_is_asked_for_in_vain_is_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert converted(results, "-o", tmp_path / "out", *words) == exit_codes.USAGE
    assert why in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_nought_is_a_choice_too(results: Path, tmp_path: Path) -> None:
    words = ["--to", "csv", "--folder-columns", "0", "-o", tmp_path / "out"]
    assert converted(results, *words) == exit_codes.DONE
    assert "folder_" not in (tmp_path / "out").read_text()


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    assert converted(tmp_path, "--from", "csv", "-o", tmp_path / "out") == exit_codes.USAGE
    assert converted(tmp_path, "--to", "csv", "-o", tmp_path / "out") == exit_codes.USAGE


def test_a_damaged_file_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text("a,b\n")
    words = (tmp_path / "in.csv", "--from", "csv", "-o", tmp_path / "out")
    assert converted(*words) == exit_codes.FAILED
    assert "none of the tables" in capsys.readouterr().err


def test_every_option_is_one_of_some_format() -> None:
    read = {name for one in (*TARGETS.values(), *SOURCES.values()) for name in one.options}
    assert read == set(_WORDS)
    offered = {option for parameter in convert.params for option in parameter.opts}
    assert set(_WORDS.values()) <= offered


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ('{"predictions": []}', "speciesnet"),
        ('{"images": [], "annotations": [], "categories": []}', "coco"),
        ('{"annotations": [], "categories": {}}', "pytorch-wildlife"),
        ("image_path,max_confidence,detections\n", "csv"),
    ],
)
def test_who_takes_another_file_for_results_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, origin: str
) -> None:
    (tmp_path / "in").write_text(text)
    words = [str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    assert converted(*words, "--to", "csv") == exit_codes.FAILED
    assert f"post convert --from {origin}`" in capsys.readouterr().err
    assert converted(*words, "--from", origin) == exit_codes.DONE


@pytest.mark.parametrize(
    ("text", "hours"), [("+02:00", 2), ("-0330", -3.5), ("UTC", 0), ("Etc/GMT-5", 5)]
)
def test_time_zones_are_offsets_or_names(text: str, hours: float) -> None:
    zone = _zone(None, None, text)  # type: ignore[arg-type]
    assert zone is not None
    assert zone.utcoffset(datetime(2026, 1, 1)) == timedelta(hours=hours)
