import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.light import light_images
from postprocessing.preview.grouping import Grouper, Kind
from postprocessing.preview.judging import ANYTHING, Accuracy, Judge
from postprocessing.preview.truth import Label, Truth, read_truth
from tests.results_files import CATEGORIES, detection, failure, image, write_results

NAMES = ("empty", "deer", "Person", "unknown", "vehicle", "Human")


def truth_file(path: Path, labels: dict[str, list[str]]) -> Path:
    """`labels`: name of an image to what people say."""
    numbers = {name: number for number, name in enumerate(NAMES)}
    content = {
        "info": {"version": "1"},
        "images": [{"id": f"id {one}", "file_name": one, "width": 4} for one in labels],
        "annotations": [
            {"id": f"{one} {name}", "image_id": f"id {one}", "category_id": numbers[name]}
            for one, said in labels.items()
            for name in said
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }
    path.write_text(json.dumps(content))
    return path


def truth_of(tmp_path: Path, results: Results, labels: dict[str, list[str]], **treat: str) -> Truth:
    return read_truth(truth_file(tmp_path / "truth.json", labels), results, treat)


def some(tmp_path: Path, *names: str) -> Results:
    return write_results(tmp_path / "r.json", *map(image, names or ("1.jpg",)))


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (["empty"], Label(("empty",), False, frozenset())),
        (["deer"], Label(("deer",), True, None)),
        (["Person"], Label(("Person",), True, frozenset({"person"}))),
        (["Person", "empty"], Label(("Person", "empty"), True, frozenset({"person"}))),
        (["Person", "deer"], Label(("Person", "deer"), True, None)),
        (["Person", "unknown"], Label(("Person", "unknown"), None, None)),
    ],
)
def test_what_labels_mean(tmp_path: Path, said: list[str], label: Label) -> None:
    assert truth_of(tmp_path, some(tmp_path), {"1.jpg": said}).of("1.jpg") == label


@pytest.mark.parametrize(
    ("treat", "present", "categories"),
    [
        ({"deer": "animal"}, True, {"animal"}),
        ({"DEER": "animal"}, True, {"animal"}),
        ({"deer": "empty"}, False, set()),
        ({"deer": "ignored"}, None, None),
    ],
)
def test_what_a_label_means_can_be_said(
    tmp_path: Path, treat: dict[str, str], present: bool | None, categories: set[str] | None
) -> None:
    label = truth_of(tmp_path, some(tmp_path), {"1.jpg": ["deer"]}, **treat).of("1.jpg")
    assert label is not None
    assert (label.present, label.categories) == (present, categories)


@pytest.mark.parametrize(
    ("treat", "message"),
    [
        ({"moose": "animal"}, "truth.json has no category moose"),
        ({"deer": "moose"}, "moose is none of: animal, empty, ignored, person, vehicle"),
    ],
)
def test_a_wrong_meaning_is_refused(tmp_path: Path, treat: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        truth_of(tmp_path, some(tmp_path), {"1.jpg": ["deer"]}, **treat)


def test_names_are_found_in_other_spellings_and_below_another_folder(tmp_path: Path) -> None:
    results = some(tmp_path, "card/A/1.JPG", "card/A/2.jpg", "card/A/3.jpg")
    truth = truth_of(tmp_path, results, {"a\\1.jpg": ["deer"], "A/2.jpg": ["empty"]})
    assert truth.shift.strip == "card/"
    labels = [truth.of(one.file) for one in results.images()]
    assert [None if label is None else label.text for label in labels] == ["deer", "empty", None]


def test_an_image_without_annotations_is_one_that_nobody_speaks_of(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, some(tmp_path), {"1.jpg": [], "2.jpg": ["empty"]})
    assert truth.of("1.jpg") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "/: Expected `object`"),
        (
            '{"images": [{"id": 1}], "annotations": [], "categories": []}',
            "/images/0: .*`file_name`",
        ),
        ('{"images": [', "cut off"),
        ('{"images": [], "annotations": [], "categories": NaN}', "invalid"),
    ],
)
def test_a_file_that_is_no_truth_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(InvalidRequest, match=message):
        read_truth(tmp_path / "truth.json", some(tmp_path), {})


def judged(
    tmp_path: Path, images: list[dict[str, Any]], labels: dict[str, list[str]], **treat: str
) -> tuple[Accuracy, list[Kind | None]]:
    results = write_results(tmp_path / "r.json", *images)
    judge = Judge(truth_of(tmp_path, results, labels, **treat), CATEGORIES, 0.5)
    grouper = Grouper(CATEGORIES, 0.5, 0.4)
    kinds = []
    for one in light_images(results):
        key = None if one.failure is not None else grouper.key_of(one)
        kinds.append(judge.add(one, judge.label_of(one.file), key))
    return judge.accuracy(0.9), kinds


def test_right_and_wrong_and_what_is_counted_apart(tmp_path: Path) -> None:
    images = [
        image("hit.jpg", detection("1", 0.9), detection("2", 0.3)),
        image("false.jpg", detection("1", 0.6)),
        image("missed.jpg", detection("1", 0.45)),
        image("nothing.jpg"),
        image("unknown.jpg", detection("1", 0.9)),
        image("silent.jpg", detection("1", 0.9)),
        failure("failed.jpg"),
    ]
    labels = {
        "hit.jpg": ["deer"],
        "false.jpg": ["empty"],
        "missed.jpg": ["deer"],
        "nothing.jpg": ["empty"],
        "unknown.jpg": ["unknown"],
        "failed.jpg": ["deer"],
    }
    accuracy, kinds = judged(tmp_path, images, labels)
    wrong = [None, Kind.FALSE_POSITIVE, Kind.FALSE_NEGATIVE, None, None, None, None]
    assert kinds == wrong
    assert (accuracy.unlabelled, accuracy.ignored, accuracy.failed) == (1, 1, 1)
    at = accuracy.measures[0].at_threshold
    counts = at.true_positives, at.false_positives, at.false_negatives, at.true_negatives
    assert counts == (1, 1, 1, 1)
    assert dict(accuracy.said) == {
        ("deer", "animal"): 1,
        ("empty", "animal"): 1,
        ("deer", "empty"): 1,
        ("empty", "empty"): 1,
    }


def test_categories_that_the_truth_knows_have_numbers_of_their_own(tmp_path: Path) -> None:
    images = [
        image("1.jpg", detection("1", 0.9)),
        image("2.jpg", detection("1", 0.9), detection("2", 0.8)),
        image("3.jpg", detection("3", 0.9)),
    ]
    labels = {"1.jpg": ["Person"], "2.jpg": ["Person"], "3.jpg": ["deer"]}
    accuracy, _ = judged(tmp_path, images, labels)
    anything, person = accuracy.measures
    assert (anything.name, anything.images, anything.at_threshold.recall) == (ANYTHING, 3, 1.0)
    # What a deer is to the detector was not said, so the third image tells nothing of persons.
    assert (person.name, person.images, person.at_threshold.recall) == ("person", 2, 0.5)
    mapped, _ = judged(tmp_path, images, labels, deer="animal")
    assert [(one.name, one.images) for one in mapped.measures] == [
        (ANYTHING, 3),
        ("animal", 3),
        ("person", 3),
    ]
