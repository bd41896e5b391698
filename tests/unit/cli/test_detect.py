from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest

from cli.detect import detect
from cli.image_setup import set_up_images
from cli.local_options import LocalOptions
from cli.main import run
from core.errors import InvalidRequest
from detection.local.image_work import ImageWork

PAGE = (Path(__file__).parents[3] / "docs/local.md").read_text()


def options(*words: str) -> LocalOptions:
    context = detect.make_context("detect", ["photos", "--model", "demo", *words])
    return LocalOptions(**context.params)


def test_every_option_goes_somewhere() -> None:
    context = detect.make_context("detect", ["photos"])
    assert context.params.keys() == get_type_hints(LocalOptions).keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--retry-failed", "--previous", __file__, "-o", "r.json"], "takes --output"),
        (["--retry-failed"], "Name the results file"),
        (["--previous", __file__], "Name the results file"),
        (["--blur", "person"], "give --render too"),
        (["--retry-failed", "--overwrite", "-o", "r.json"], "contradict"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        options(*words).check()


@pytest.mark.parametrize(
    "words",
    [
        ["--threshold", "2"],
        ["--threshold", "nan"],
        ["--show-above", "-1"],
        ["--processes", "0"],
        ["--progress", "loud"],
        ["--preprocessing", "2019"],
        ["--truncated-images", "maybe"],
        ["--previous", "none.json"],
        [],
    ],
)
def test_what_no_option_takes_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["detect", *(["photos", *words] if words else [])]) == 2
    assert "Usage: megabatch detect" in capsys.readouterr().err


@pytest.fixture
def photos(tmp_path: Path, demo_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEGABATCH_MODEL_FOLDER", str(demo_model.parent))
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def set_up(*words: str) -> ImageWork:
    work = set_up_images(options(*words)).work
    assert isinstance(work, ImageWork)
    return work


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ([], "threshold", 0.1),
        (["--threshold", "0.05"], "threshold", 0.05),
        (["--threshold", "0"], "threshold", 0.0),
        (["--truncated-images", "accept"], "decode.truncated_images", "accept"),
        (["--preprocessing", "legacy-2019"], "decode.preprocessing", "legacy-2019"),
        (["--gps"], "decode.gps", True),
        (["--exif", "Model", "--exif", "Flash"], "decode.exif_tags", ("Model", "Flash")),
    ],
)
def test_options_reach_the_work(photos: Path, words: list[str], field: str, value: object) -> None:
    given: Any = set_up(*words).options
    for name in field.split("."):
        given = getattr(given, name)
    assert given == value


def test_what_is_drawn_follows_from_the_options(photos: Path) -> None:
    assert set_up().pictures is None
    drawn = set_up("--render", "boxes", "--crop", "cut", "--blur", "person").pictures
    assert drawn is not None
    assert (drawn.render, drawn.crop, drawn.threshold) == (Path("boxes"), Path("cut"), 0.4)
    assert drawn.blur == {"2"}
    shown = set_up("--render", "boxes", "--show-above", "0.7").pictures
    assert shown is not None
    assert shown.threshold == 0.7


def test_everything_that_changes_the_results_is_written_down(photos: Path) -> None:
    plain = set_up_images(options()).settings
    for words in (
        ["--threshold", "0.2"],
        ["--truncated-images", "accept"],
        ["--preprocessing", "legacy-2019"],
        ["--gps"],
        ["--exif", "Model"],
        ["--relative-to", "."],
        ["--render", "boxes"],
    ):
        assert set_up_images(options(*words)).settings != plain, words
    for words in (["--processes", "3"], ["--progress", "json"], ["--show-above", "0.7"]):
        assert set_up_images(options(*words)).settings == plain, words


def test_pictures_go_nowhere_near_their_originals(photos: Path) -> None:
    for folder in ("photos", "."):
        with pytest.raises(InvalidRequest):
            set_up("--render", folder, "--relative-to", ".")


def test_the_page_names_only_options_that_there_are() -> None:
    there = {name for parameter in detect.params for name in parameter.opts}
    named = {word.strip("`").split()[0] for word in PAGE.split("`") if word.startswith("--")}
    assert named <= there | {"--help"}
    assert {"--retry-failed", "--previous", "--exif", "--gps"} <= named
