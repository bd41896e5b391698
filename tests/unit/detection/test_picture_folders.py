import os
from pathlib import Path

import pytest

from core.errors import InvalidRequest
from core.file_systems import folds_names
from detection.picture_folders import check_apart


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "survey" / "photos"
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    return folder


@pytest.mark.parametrize("place", ["boxes", "survey/boxes", "survey/photos/boxes", "survey/photo"])
def test_a_folder_apart_from_the_originals_or_below_them_is_fine(
    originals: Path, tmp_path: Path, place: str
) -> None:
    check_apart([originals], render=tmp_path / place, crop=tmp_path / place / "crops")
    check_apart([originals, tmp_path / "gone"], render=None, crop=None)
    assert sorted(os.listdir(tmp_path)) == ["link", "survey"]


@pytest.mark.parametrize(
    "place", ["survey/photos", "survey", "", "link", "survey/photos/../photos", "new/../survey"]
)
def test_originals_are_not_written_over(originals: Path, tmp_path: Path, place: str) -> None:
    for folders in ((tmp_path / place, None), (None, tmp_path / place)):
        with pytest.raises(InvalidRequest, match="holds originals"):
            check_apart([tmp_path / "else", originals], render=folders[0], crop=folders[1])


def test_a_link_to_a_folder_of_originals_is_known_from_either_side(
    originals: Path, tmp_path: Path
) -> None:
    for folder in (originals, originals.parent):
        with pytest.raises(InvalidRequest, match="holds originals"):
            check_apart([tmp_path / "link"], render=folder, crop=None)


@pytest.mark.parametrize("crop", ["out", "survey/../out", "to-out/."])
@pytest.mark.parametrize("there", [True, False])
def test_pictures_and_crops_do_not_share_a_folder(
    tmp_path: Path, crop: str, there: bool, originals: Path
) -> None:
    (tmp_path / "to-out").symlink_to("out")
    if there:
        (tmp_path / "out").mkdir()
    with pytest.raises(InvalidRequest, match="cannot share"):
        check_apart([originals], render=tmp_path / "out", crop=tmp_path / crop)


def test_folders_that_differ_in_case_are_one_where_the_file_system_says_so(
    tmp_path: Path, originals: Path
) -> None:
    def check() -> None:
        check_apart([originals], render=tmp_path / "new/Out", crop=tmp_path / "new/out")

    if folds_names(tmp_path):
        with pytest.raises(InvalidRequest, match="cannot share"):
            check()
    else:
        check()
    assert sorted(os.listdir(tmp_path)) == ["link", "survey"]
