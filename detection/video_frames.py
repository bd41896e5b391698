"""What a video gives: frames one after another, then how it ended."""

import msgspec

from core.failures import ImageFailure
from detection.detector import RgbImage


class Frame(msgspec.Struct, frozen=True):
    """One frame that is looked at."""

    #: From 0, counting every frame of the video.
    number: int
    #: Since the first frame.
    seconds: float
    #: Height x width x 3, uint8, upright.
    pixels: RgbImage


class VideoEnd(msgspec.Struct, frozen=True):
    """How a video ended."""

    #: Frames a second, on average; None where neither file nor frames tell.
    frame_rate: float | None = None
    failure: ImageFailure | None = None
    #: A part is missing or damaged, and what there is was taken all the same.
    truncated: bool = False
