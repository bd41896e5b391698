import unicodedata
from pathlib import Path

import pytest

from core.results.reader import Results
from postprocessing.disk import Names, files_below
from postprocessing.timelapse import Match, Shift, find_shift, match
from tests.results_files import detection, failure, image, write_results

NFC, NFD = (unicodedata.normalize(form, "caméra/é.jpg") for form in ("NFC", "NFD"))


def results_of(tmp_path: Path, *names: str) -> Results:
    return write_results(tmp_path / "r.json", *(image(name, detection()) for name in names))


def matched(results: Results, disk: Names, shift: Shift | None = None) -> tuple[list[str], Match]:
    shift = shift or find_shift(results, disk)
    found = Match(shift=shift)
    return [one.file for one in match(results, disk, shift, found)], found


@pytest.mark.parametrize(
    ("result", "file", "shift"),
    [
        ("a/1.jpg", "a/1.jpg", Shift()),
        ("season/a/1.jpg", "a/1.jpg", Shift(strip="season/")),
        ("C:/disk/season/a/1.jpg", "a/1.jpg", Shift(strip="C:/disk/season/")),
        ("1.jpg", "a/b/1.jpg", Shift(add="a/b/")),
        ("SEASON\\A\\1.JPG", "a/1.jpg", Shift(strip="SEASON/")),
        ("other/2.jpg", "a/1.jpg", Shift()),
        ("xa/1.jpg", "a/1.jpg", Shift()),
    ],
)
def test_the_difference_in_front_is_found(
    tmp_path: Path, result: str, file: str, shift: Shift
) -> None:
    assert find_shift(results_of(tmp_path, result), Names([file])) == shift


def test_the_difference_that_fits_most_files_is_taken(tmp_path: Path) -> None:
    names = [f"s1/cam/{n}.jpg" for n in range(9)] + [f"s2/cam/{n}.jpg" for n in range(3)]
    disk = Names([f"cam/{n}.jpg" for n in range(9)])
    files, found = matched(results_of(tmp_path, *names), disk)
    assert found.shift == Shift(strip="s1/")
    assert len(files) == 9
    assert found.missing == [f"s2/cam/{n}.jpg" for n in range(3)]


@pytest.mark.parametrize(
    ("result", "file"),
    [(NFC, NFD), (NFD, NFC), ("A/1.JPG", "a/1.jpg"), ("a\\1.jpg", "a/1.jpg"), ("ß.jpg", "SS.jpg")],
)
def test_images_are_called_as_the_disk_spells_them(tmp_path: Path, result: str, file: str) -> None:
    files, found = matched(results_of(tmp_path, result), Names([file]), Shift())
    assert files == [file]
    assert (found.matched, found.missing, found.extra) == (1, [], [])


def test_of_names_that_differ_in_case_alone_the_exact_one_is_taken(tmp_path: Path) -> None:
    disk = Names(["a.jpg", "A.jpg"])
    assert matched(results_of(tmp_path, "A.jpg", "a.jpg"), disk, Shift())[0] == ["A.jpg", "a.jpg"]
    assert matched(results_of(tmp_path, "a.JPG"), disk, Shift())[1].missing == ["a.JPG"]


def test_a_file_is_given_to_one_image_alone(tmp_path: Path) -> None:
    files, found = matched(results_of(tmp_path, "a.jpg", "A.JPG"), Names(["a.jpg"]), Shift())
    assert (files, found.missing) == (["a.jpg"], ["A.JPG"])


def test_failures_are_left_out_and_told(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a.jpg"), failure("b.jpg"))
    files, found = matched(results, Names(["a.jpg", "b.jpg", "c.jpg"]), Shift())
    assert files == ["a.jpg"]
    assert found.failed == [("b.jpg", "image access failure: truncated")]
    assert found.extra == ["c.jpg"]


def test_what_lies_below_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "a.mp4", "b/._2.jpg", "@eaDir/x.jpg", "notes.txt", "b/c/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(files_below(tmp_path)) == ["a.mp4", "b/2.JPG", "b/c/1.png"]
