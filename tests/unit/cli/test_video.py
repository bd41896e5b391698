from typing import get_type_hints

import pytest

from cli.local_options import VideoRunOptions
from cli.video import video
from cli.video_setup import sampling_of
from detection.video_sampling import Sampling


@pytest.mark.parametrize(
    ("words", "sampling"),
    [
        ([], Sampling(every_seconds=1)),
        (["--every-seconds", "0.5"], Sampling(every_seconds=0.5)),
        (["--every", "10"], Sampling(every=10)),
        (["--all-frames"], Sampling()),
    ],
)
def test_frames_are_chosen_by_options(words: list[str], sampling: Sampling) -> None:
    context = video.make_context("video", ["clips", *words])
    assert sampling_of(VideoRunOptions(**context.params)) == sampling


def test_every_option_goes_somewhere() -> None:
    context = video.make_context("video", ["clips"])
    assert context.params.keys() == get_type_hints(VideoRunOptions).keys()
