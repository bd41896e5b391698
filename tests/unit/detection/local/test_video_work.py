from pathlib import Path

import pytest

from core.errors import StorageTrouble
from core.image_list import ListedImage
from core.results.format import ImageResult
from detection.local.places import PlaceReader
from detection.local.video_work import detect_videos
from detection.local.work import Placed
from detection.video import VideoOptions
from tests.hash_detector import HashDetector


def results_of(folder: Path, name: str) -> list[ImageResult]:
    reader = PlaceReader([str(folder)])
    detect = detect_videos(HashDetector(), VideoOptions(threshold=0.1), reader)
    return list(detect([Placed(ListedImage(name), str(folder / name))], lambda: None))


def test_a_video_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "another.mp4").touch()
    (result,) = results_of(tmp_path, "gone.mp4")
    assert result.failure == "image access failure: not_found"


def test_a_folder_of_videos_whose_disk_is_gone_is_no_failure_of_videos(tmp_path: Path) -> None:
    with pytest.raises(StorageTrouble, match="still connected"):
        results_of(tmp_path, "gone.mp4")
