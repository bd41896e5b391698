"""What `docs/models.md` says about the models and about their tensors is so."""

import re
from urllib.parse import urlsplit

from core.catalog import DEMO, MODELS, Part
from detection.graph_file import INPUT, OUTPUTS
from detection.images import LEGACY_SIZE
from tests.unit.test_docs import ROOT, code, rows

PAGE = (ROOT / "docs/models.md").read_text()


def test_the_models_and_what_is_told_of_them() -> None:
    told = {code(name): cells[:4] for name, *cells in rows(PAGE, "Which there are")}
    assert told == {
        name: [
            ", ".join(model.categories.values()),
            str(model.typical_threshold),
            str(model.conservative_threshold),
            model.licence,
        ]
        for name, model in MODELS.items()
    }


def test_the_hosts_of_the_mirrors_and_their_order() -> None:
    hosts = [re.findall(r"`([a-z.]+)[/`]", cells[1]) for cells in rows(PAGE, "Getting them")]
    frozen, frozen_41, beside = hosts
    for model in MODELS.values():
        if model is DEMO:
            continue
        told = frozen if model.version != "4.1" else frozen_41 + beside
        assert [urlsplit(url).hostname for url in model.mirrors] == told
        for part in (Part.CONFIG, Part.CHECKPOINT):
            assert [urlsplit(url).hostname for url in model.downloads[part]] == beside


def test_the_tensors() -> None:
    assert [code(row[0]) for row in rows(PAGE, "Models of your own")] == [INPUT, *OUTPUTS]


def test_the_size_of_2019() -> None:
    width, height = LEGACY_SIZE
    assert f"resized to {width} x {height} pixels" in PAGE
