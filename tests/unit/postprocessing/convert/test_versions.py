from pathlib import Path

import msgspec
import pytest

from core.results.reader import open_results
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.convert.conversions import to


@pytest.mark.parametrize("minor", range(7))
def test_any_version_becomes_any_other(tmp_path: Path, minor: int) -> None:
    results = write_results(
        tmp_path / "results.json", image("a.jpg", detection(), own=1), failure("b.jpg"), top=[1]
    )
    told = to("results", results, tmp_path / "older.json", version=(1, minor))
    older = open_results(tmp_path / "older.json")
    assert older.version == (1, minor)
    to("results", older, tmp_path / "again.json")
    again = open_results(tmp_path / "again.json")
    assert again.version == (1, 6)
    first, *failed = again.images()
    assert first.extra == {"own": 1}
    assert "top" in again.extra
    assert len(failed) == (0 if minor == 0 else 1)
    codes = "failures: their codes have no place in this version"
    listed = "images that failed: listed in older_failed_images.json"
    assert told == ({} if minor == 6 else {codes if minor else listed: 1})


def test_1_0_has_its_failures_in_a_list_beside_it(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", {**failure("b.jpg"), "meta": "x"}, failure("c"))
    to("results", results, tmp_path / "old.json", version=(1, 0))
    listed = msgspec.json.decode((tmp_path / "old_failed_images.json").read_bytes())
    assert listed == [["b.jpg", "x"], "c"]
