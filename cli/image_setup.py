"""From the options of `megabatch detect` to a local run that can begin."""

from cli.local_options import LocalOptions
from cli.local_setup import Chosen, Setup, choose, finish_setup
from core.containers.listing import IMAGE_SUFFIXES
from detection.exif_tags import check_tags
from detection.images import DecodeOptions
from detection.local.image_work import ImageWork
from detection.picture_folders import check_apart
from detection.pictures import PictureOptions
from detection.pipeline import PipelineOptions


def set_up_images(options: LocalOptions) -> Setup:
    """Look at all that was named. Raises InvalidRequest, InvalidResults and ModelUnavailable."""
    check_tags(options.exif)
    chosen = choose(options, IMAGE_SUFFIXES)
    settings = chosen.settings(
        preprocessing=options.preprocessing, gps=options.gps, exif=options.exif
    )
    return finish_setup(chosen, settings, _work(options, chosen), "image")


def _work(options: LocalOptions, chosen: Chosen) -> ImageWork:
    decode = DecodeOptions(
        truncated_images=options.truncated,
        preprocessing=options.preprocessing,
        gps=options.gps,
        exif_tags=options.exif,
    )
    return ImageWork(
        model=chosen.model,
        model_folder=options.model_folder,
        options=PipelineOptions(threshold=chosen.threshold, decode=decode),
        roots=chosen.sources.must_be_there,
        pictures=_pictures(options, chosen),
    )


def _pictures(options: LocalOptions, chosen: Chosen) -> PictureOptions | None:
    """What is drawn. Raises InvalidRequest where it would be drawn over an original."""
    if not options.picture_folders:
        return None
    check_apart(chosen.sources.folders, render=options.render, crop=options.crop)
    return PictureOptions(
        render=options.render,
        crop=options.crop,
        threshold=chosen.show_above,
        blur=chosen.blurred,
        distinct=chosen.distinct,
    )
