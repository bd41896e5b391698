"""From the options of `megabatch video` to a local run that can begin."""

from cli.local_options import EVERY_SECONDS, VideoRunOptions
from cli.local_setup import Chosen, Setup, choose, finish_setup
from core.containers.listing import VIDEO_SUFFIXES
from core.errors import InvalidRequest
from detection.local.video_work import VideoPictures, VideoWork
from detection.picture_folders import check_apart
from detection.video import VideoOptions
from detection.video_sampling import Sampling


def set_up_videos(options: VideoRunOptions) -> Setup:
    """Look at all that was named. Raises InvalidRequest, InvalidResults and ModelUnavailable."""
    chosen = choose(options, VIDEO_SUFFIXES)
    if chosen.sources.has_urls:
        raise InvalidRequest("Videos are read from this machine alone; download them first.")
    settings = chosen.settings(frames=_described(sampling_of(options)))
    return finish_setup(chosen, settings, _work(options, chosen), "video")


def sampling_of(options: VideoRunOptions) -> Sampling:
    if options.all_frames:
        return Sampling()
    if options.every is not None:
        return Sampling(every=options.every)
    return Sampling(every_seconds=options.every_seconds or EVERY_SECONDS)


def _described(sampling: Sampling) -> str:
    """As results tell it."""
    if sampling.every is not None:
        return f"every {sampling.every}"
    if sampling.every_seconds is not None:
        return f"every {sampling.every_seconds:g} s"
    return "all"


def _work(options: VideoRunOptions, chosen: Chosen) -> VideoWork:
    return VideoWork(
        model=chosen.model,
        model_folder=options.model_folder,
        options=VideoOptions(
            threshold=chosen.threshold,
            sampling=sampling_of(options),
            truncated=options.truncated,
        ),
        roots=chosen.sources.must_be_there,
        pictures=_pictures(options, chosen),
    )


def _pictures(options: VideoRunOptions, chosen: Chosen) -> VideoPictures | None:
    """What is drawn. Raises InvalidRequest where it would be drawn over an original."""
    if options.render is None:
        return None
    check_apart(chosen.sources.folders, render=options.render, crop=None)
    return VideoPictures(
        folder=options.render,
        threshold=chosen.show_above,
        blur=chosen.blurred,
        distinct=chosen.distinct,
    )
