from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidResults
from core.results.format import ImageResult
from postprocessing.convert import parquet
from postprocessing.convert.base import Notes, Options
from tests.results_files import detection, failure, image, write_results
from tests.unit.core.results import strategies
from tests.unit.postprocessing.convert.conversions import above, back, save, to


def test_other_programs_read_names_and_numbers(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json",
        image("a.jpg", detection("2", 0.9, classifications=[["0", 0.5]])),
        failure("b.jpg"),
        classification_categories={"0": "deer"},
    )
    told = to("parquet", results, tmp_path / "out.parquet")
    first, second = pq.read_table(tmp_path / "out.parquet").to_pylist()
    (found,) = first["detections"]
    assert (found["category"], found["conf"], found["x_min"]) == ("person", 0.9, 0.1)
    assert found["classifications"] == [{"class_id": "0", "class": "deer", "conf": 0.5}]
    assert (second["detections"], second["failure"]) == (None, "image access failure: truncated")
    assert told == {}


def test_row_groups_keep_memory_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 2)
    results = write_results(tmp_path / "r.json", *(image(f"{one}.jpg") for one in range(5)))
    to("parquet", results, tmp_path / "out.parquet")
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3
    again, _ = back("parquet", tmp_path / "out.parquet")
    assert [one.file for one in again.images()] == [f"{one}.jpg" for one in range(5)]


def test_the_threshold_leaves_detections_out(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a", detection("1", 0.5), detection()))
    to("parquet", results, tmp_path / "out.parquet", threshold=above(0.5))
    (first,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [one["conf"] for one in first["detections"]] == [0.9]


@settings(deadline=None, max_examples=50)
@given(st.lists(strategies.images, max_size=4))
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, images: list[ImageResult]
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    top = {"classification_categories": {"7": "deer"}, "x-top": [1]}
    results = save(folder / "results.json", images, **top)
    assert to("parquet", results, folder / "out.parquet") == {}
    imported = parquet.read(folder / "out.parquet", Options(), Notes())
    assert list(imported.images) == images
    assert (imported.info, imported.extra) == (results.info, top)
    assert imported.categories.names() == results.detection_categories


def test_other_tables_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet at all")
    for name in ("other.parquet", "text.parquet"):
        with pytest.raises(InvalidResults, match="no Parquet file of results"):
            back("parquet", tmp_path / name)
