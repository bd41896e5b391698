"""Names that mean harm, in results files and image lists: each is kept as it is, on one line."""

import io
import json
from pathlib import Path

from core.image_list import ListedImage, ListingPosition, decode_image_list, encode_image_list
from core.results.format import ImageResult, decode_image, encode_image
from core.results.reader import open_results
from core.results.rewriting import failed_images, save_results, write_version
from core.results.validator import validate
from tests.hostile_names import HOSTILE
from tests.results_files import detection, failure, image, write_results


def test_each_image_is_one_line_of_the_results(tmp_path: Path) -> None:
    for name in HOSTILE:
        line = encode_image(ImageResult(file=name, detections=[]))
        assert len(line.splitlines()) == 1
        assert decode_image(line).file == json.loads(line)["file"] == name


def test_names_come_back_from_results_files_by_line_and_whole(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", *(image(name, detection()) for name in HOSTILE))
    assert validate(results.path).errors == 0
    assert results.layout.lines is not None
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(json.loads(results.path.read_bytes()), indent=1))
    assert open_results(whole).layout.lines is None
    for opened in (results, open_results(whole)):
        assert [one.file for one in opened.images()] == list(HOSTILE)
    save_results(
        tmp_path / "again.json",
        results.images(),
        info=results.info,
        categories=results.detection_categories,
    )
    assert (tmp_path / "again.json").read_bytes() == results.path.read_bytes()


def test_names_of_failed_images_stand_in_old_versions_too(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", *(failure(name) for name in HOSTILE))
    assert list(failed_images(results)) == list(HOSTILE)
    file = io.BytesIO()
    write_version(results, file, (1, 1))
    assert [one["file"] for one in json.loads(file.getvalue())["images"]] == list(HOSTILE)


def test_names_come_back_from_image_lists() -> None:
    listed = [ListedImage(name, meta=name) for name in HOSTILE]
    data = encode_image_list(listed, ListingPosition(None, len(listed)))
    assert decode_image_list(data) == listed
    assert data.count(b"\n") == len(listed) + 1
