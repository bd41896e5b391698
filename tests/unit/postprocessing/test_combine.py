from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results, open_results
from core.results.validator import validate
from postprocessing.combine import Source, combine
from postprocessing.saving import save_like
from tests.results_files import detection, failure, image, write_results


@pytest.fixture
def north(tmp_path: Path) -> Results:
    return write_results(tmp_path / "north.json", image("1.jpg", detection()), failure("2.jpg"))


def other(tmp_path: Path, *images: dict[str, Any], **top: Any) -> Results:
    return write_results(tmp_path / "other.json", *images, **top)


def told(*sources: Source) -> dict[str, bool]:
    """Name to whether it succeeded."""
    return {image.file: image.failure is None for image in combine(sources).images()}


def test_success_takes_the_place_of_failure_whichever_comes_first(
    tmp_path: Path, north: Results
) -> None:
    again = other(tmp_path, image("2.jpg"), image("3.jpg"))
    whole = {"1.jpg": True, "2.jpg": True, "3.jpg": True}
    assert told(Source(north), Source(again)) == whole
    assert told(Source(again), Source(north)) == whole
    assert combine([Source(north), Source(again)]).replaced == 1


def test_a_failure_in_all_files_stays_one(tmp_path: Path, north: Results) -> None:
    again = other(tmp_path, failure("2.jpg"))
    assert told(Source(north), Source(again)) == {"1.jpg": True, "2.jpg": False}


def test_two_successes_of_one_name_are_a_conflict(tmp_path: Path, north: Results) -> None:
    again = other(tmp_path, image("1.jpg"))
    with pytest.raises(InvalidRequest, match=r"more than once: 1\.jpg"):
        combine([Source(north), Source(again)])
    with pytest.raises(InvalidRequest, match="more than once"):
        combine([Source(other(tmp_path, image("a.jpg"), image("a.jpg")))])


def test_backslashes_make_no_other_name(tmp_path: Path) -> None:
    one = write_results(tmp_path / "one.json", image("a/1.jpg", detection()))
    with pytest.raises(InvalidRequest, match=r"more than once: a/1\.jpg"):
        combine([Source(one), Source(other(tmp_path, image("a\\1.jpg")))])
    assert told(Source(other(tmp_path, failure("a\\1.jpg"))), Source(one)) == {"a/1.jpg": True}


def test_a_prefix_keeps_names_apart(tmp_path: Path, north: Results) -> None:
    again = other(tmp_path, image("1.jpg"))
    assert told(Source(north, "n/"), Source(again, "s/")).keys() == {
        "n/1.jpg",
        "n/2.jpg",
        "s/1.jpg",
    }


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"format_version": "1.6", "detector": "md_v5a"}, "detector: .*md_v5a in other.json"),
        ({"format_version": "1.6"}, "not named in other.json"),
    ],
)
def test_other_models_are_told_and_let_through_where_that_is_wanted(
    tmp_path: Path, north: Results, info: dict[str, Any], words: str
) -> None:
    again = other(tmp_path, image("3.jpg"), info=info)
    sources = [Source(north), Source(again)]
    with pytest.raises(InvalidRequest, match=words):
        combine(sources)
    mixed = combine(sources, mixed=True)
    assert " and " in mixed.info["detector"]
    assert "detector_metadata" not in mixed.info


def test_another_threshold_is_a_conflict(tmp_path: Path, north: Results) -> None:
    info = dict(north.info)
    info["custom_metadata"] = {"megabatch": {"detection_threshold": 0.5}}
    with pytest.raises(InvalidRequest, match=r"detection_threshold: 0\.1 in .*0\.5 in other"):
        combine([Source(north), Source(other(tmp_path, info=info))])


def test_what_an_id_means_and_further_fields_conflict_always(
    tmp_path: Path, north: Results
) -> None:
    path = tmp_path / "classified.json"
    write_results(path, project="elk")
    text = path.read_text().replace('"animal"', '"deer"')
    path.write_text(text)
    one = other(tmp_path, project="moose")
    with pytest.raises(InvalidRequest) as refused:
        combine([Source(north), Source(open_results(path)), Source(one)], mixed=True)
    assert "category 1: 'animal' in north.json, 'deer' in classified.json" in refused.value.message
    assert "project: not the same" in refused.value.message


def test_classes_are_one_list_whatever_their_numbers(tmp_path: Path) -> None:
    def classified(file: str, *numbers: str) -> dict[str, Any]:
        told = [[number, 0.5] for number in numbers]
        return image(file, detection(classifications=told), detection("2"))

    deer, cervid, fox = "a;;;;;;deer", "b;;;;;;deer", "c;;;;;;fox"
    one = write_results(
        tmp_path / "one.json",
        classified("1.jpg", "0", "1"),
        failure("2.jpg"),
        classification_categories={"0": "deer", "1": "fox"},
        classification_category_descriptions={"0": deer, "1": fox},
        project="elk",
    )
    two = other(
        tmp_path,
        classified("3.jpg", "0", "1", "2"),
        classification_categories={"0": "fox", "1": "deer", "2": "deer"},
        classification_category_descriptions={"0": fox, "1": cervid, "2": deer},
        season=7,
    )
    whole = combine([Source(one), Source(two)])
    target = tmp_path / "all.json"
    save_like(one, target, whole.images(), categories=whole.categories, extra=whole.extra)
    results = open_results(target)
    assert results.extra == {
        "project": "elk",
        "season": 7,
        "classification_categories": {"0": "deer", "1": "fox", "2": "deer"},
        "classification_category_descriptions": {"0": deer, "1": fox, "2": cervid},
    }
    told = [one.detections[0].classifications for one in results.images() if one.detections]
    assert told == [[("0", 0.5), ("1", 0.5)], [("1", 0.5), ("2", 0.5), ("0", 0.5)]]
    assert validate(target).valid


def test_classes_of_one_file_alone_stay_as_they_are(tmp_path: Path, north: Results) -> None:
    two = other(tmp_path, image("3.jpg"), classification_categories={"7": "fox"})
    assert combine([Source(north), Source(two)]).extra == {
        "classification_categories": {"7": "fox"}
    }
    assert combine([Source(north)]).extra == {}


def test_the_combined_file_is_valid_and_of_the_newest_version(
    tmp_path: Path, north: Results
) -> None:
    info = {**north.info, "format_version": "1.3"}
    older = other(tmp_path, image("3.jpg", own=1), info=info)
    whole = combine([Source(older), Source(north)])
    target = tmp_path / "all.json"
    save_like(older, target, whole.images(), info=whole.info, categories=whole.categories)
    assert whole.info["format_version"] == "1.6"
    assert validate(target).valid
    assert '"own":1' in target.read_text()
