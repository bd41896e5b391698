"""The catalog, and frozen graphs of one's own."""

from pathlib import Path

import pytest

from core.catalog import DEMO, MODELS, Model, Part, find_model, known_models
from core.errors import InvalidRequest


def test_every_model_is_found_by_its_name() -> None:
    for name, model in MODELS.items():
        assert model.name == name and find_model(name) is model


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"megadetector-v2, .*demo, mine") as refused:
        find_model("megadetector-v9", [Path("/models/mine.pb")])
    assert refused.value.pointer == "/model"


@pytest.mark.parametrize(
    ("asked", "near"), [("Mine", "mine"), ("MegaDetector_v3", "megadetector-v3")]
)
def test_unknown_model_may_be_a_misspelt_one(asked: str, near: str) -> None:
    with pytest.raises(InvalidRequest, match=f"no model '{asked}'; did you mean '{near}'"):
        find_model(asked, [Path("/models/mine.pb")])


def test_file_is_a_model_by_its_stem() -> None:
    path = Path("/models/mine.v2.pb")
    model = find_model("mine.v2", [path])
    assert model.detector == "mine.v2.pb" and Path("/elsewhere") / model.file == path
    assert model.categories == {"1": "animal", "2": "person", "3": "vehicle"}
    assert set(known_models([path])) == {*MODELS, "mine.v2"}


def test_path_is_never_a_model_name() -> None:
    with pytest.raises(InvalidRequest):
        find_model("/models/mine.pb")


@pytest.mark.parametrize("model", [one for one in MODELS.values() if one is not DEMO])
def test_every_file_of_megadetector_has_the_links_of_2019_among_its_mirrors(model: Model) -> None:
    stem = model.mirrors[0].rpartition("/")[2].removesuffix(".pb")
    suffixes = {".pb": model.mirrors} | {
        ".config": model.downloads[Part.CONFIG],
        "_checkpoint.zip": model.downloads[Part.CHECKPOINT],
    }
    for suffix, mirrors in suffixes.items():
        assert len(set(mirrors)) >= 2
        assert mirrors[-1].startswith("https://lilablobssc.blob.core.windows.net/models/")
        assert all(mirror.endswith(f"/{stem}{suffix}") for mirror in mirrors)
