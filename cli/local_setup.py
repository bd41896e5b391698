"""From options to a local run that can begin."""

import shutil
from pathlib import Path

import msgspec

from cli.local_options import LocalOptions
from cli.terminal import say
from core.catalog import Model
from core.errors import InvalidRequest
from core.file_systems import is_folding
from core.results.reader import Results, open_results
from detection.checksums import sha256_of
from detection.exif_tags import check_tags
from detection.images import DecodeOptions
from detection.local.earlier import made_by
from detection.local.image_work import ImageWork
from detection.local.journal import Journal, unfinished_folder
from detection.local.machine import cores, environments, gpus
from detection.local.run import LocalRun
from detection.local.settings import TAKEN_OVER, RunSettings, absolute, differences
from detection.local.sources import Sources
from detection.model_choice import choose_model
from detection.picture_folders import check_apart
from detection.pictures import PictureOptions
from detection.pipeline import PipelineOptions


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What does not depend on where the journal lies."""

    options: LocalOptions
    model: Model
    sources: Sources
    settings: RunSettings
    work: ImageWork
    environments: list[dict[str, str]]
    previous: Results | None

    @property
    def show_above(self) -> float:
        """What scores above it is printed and drawn."""
        return show_above(self.options, self.model)


def set_up(options: LocalOptions, environ: dict[str, str]) -> Setup:
    """Look at all that was named. Raises InvalidRequest, InvalidResults and ModelUnavailable."""
    check_tags(options.exif)
    sources = Sources(options.sources, options.relative_to)
    model, weights = choose_model(options.model, options.model_folder, say)
    settings = _settings(options, sources, model, weights)
    previous = _previous(options.earlier, settings, model)
    return Setup(
        options=options,
        model=model,
        sources=sources,
        settings=settings,
        work=_work(options, settings, model, sources),
        environments=environments(options.processes, gpus(environ), cores()),
        previous=previous,
    )


def new_run(setup: Setup, output: Path) -> LocalRun:
    """The run that writes its results there."""
    return LocalRun(
        settings=setup.settings,
        sources=setup.sources,
        model=setup.model,
        work=setup.work,
        environments=setup.environments,
        output=output,
        journal=Journal(unfinished_folder(output)),
        previous=setup.previous,
        leave_out=tuple(filter(None, (setup.options.render, setup.options.crop))),
    )


def _settings(options: LocalOptions, sources: Sources, model: Model, weights: Path) -> RunSettings:
    threshold = model.detection_threshold if options.threshold is None else options.threshold
    return RunSettings(
        sources=sources.described,
        relative_to=absolute(options.relative_to),
        model=model.name,
        weights=model.sha256 or sha256_of(weights),
        threshold=threshold,
        preprocessing=options.preprocessing,
        truncated_images=options.truncated_images,
        gps=options.gps,
        exif=options.exif,
        pictures=_described(options, model),
        previous=absolute(options.earlier),
        retry_failed=options.retry_failed,
    )


def _work(
    options: LocalOptions, settings: RunSettings, model: Model, sources: Sources
) -> ImageWork:
    decode = DecodeOptions(
        truncated_images=settings.truncated_images,
        preprocessing=settings.preprocessing,
        gps=settings.gps,
        exif_tags=settings.exif,
    )
    return ImageWork(
        model=model,
        model_folder=options.model_folder,
        options=PipelineOptions(threshold=settings.threshold, decode=decode),
        roots=sources.roots,
        pictures=_pictures(options, model, sources),
    )


def _described(options: LocalOptions, model: Model) -> tuple[str, ...]:
    """What is drawn, as it is written down."""
    folders = {"boxes": options.render, "crops": options.crop}
    places = [f"{what} in {absolute(path)}" for what, path in folders.items() if path is not None]
    blurred = [f"{name} blurred" for name in options.blur]
    return (*places, *blurred, f"above {show_above(options, model):g}") if places else ()


def _pictures(options: LocalOptions, model: Model, sources: Sources) -> PictureOptions | None:
    """What is drawn. Raises InvalidRequest where it would be drawn over an original."""
    if options.render is None and options.crop is None:
        return None
    check_apart(sources.folders, render=options.render, crop=options.crop)
    ids = {name: category for category, name in model.categories.items()}
    unknown = [name for name in options.blur if name not in ids]
    if unknown:
        raise InvalidRequest(
            f"{model.name} finds no {', '.join(unknown)}; it finds {', '.join(ids)}."
        )
    return PictureOptions(
        render=options.render,
        crop=options.crop,
        threshold=show_above(options, model),
        blur=frozenset(ids[name] for name in options.blur),
        distinct=len(sources.roots) == 1 and is_folding(Path(sources.roots[0])),
    )


def show_above(options: LocalOptions, model: Model) -> float:
    """What scores above it is printed and drawn."""
    return model.typical_threshold if options.show_above is None else options.show_above


def _previous(path: Path | None, settings: RunSettings, model: Model) -> Results | None:
    """The earlier results. Raises InvalidRequest where they were made otherwise."""
    if path is None:
        return None
    if not path.exists():
        raise InvalidRequest(f"There is no results file {path} yet, so nothing to try again.")
    results = open_results(path)
    if other := made_otherwise(results, settings, model):
        raise InvalidRequest(f"{path} was made otherwise ({other}), so nothing is taken over.")
    return results


def made_otherwise(results: Results, settings: RunSettings, model: Model) -> str:
    """What differs between how results were made and what is asked for now; empty for nothing."""
    own = results.info.get("custom_metadata", {}).get("megabatch", {})
    made = {"model": results.info.get("detector"), **own}
    asked = {
        "model": model.detector,
        "detection_threshold": settings.threshold,
        "preprocessing": settings.preprocessing,
        "truncated_images": settings.truncated_images,
    }
    return ", ".join(
        f"{name.replace('_', ' ')} {made.get(name, 'unknown')}, now {value}"
        for name, value in asked.items()
        if made.get(name) != value
    )


def room(output: Path, folders: list[Path]) -> tuple[int, int]:
    """Bytes of pictures in these folders, and bytes that are free beside the results file."""
    sizes = (path.stat().st_size for folder in folders for path in folder.rglob("*.jpg"))
    parent = output.absolute().parent
    return sum(sizes), shutil.disk_usage(parent).free


def finished_before(setup: Setup, output: Path) -> bool:
    """Whether this very run is over, so that there is nothing left to do.

    Raises InvalidRequest where the results file is another run's.
    """
    if not output.exists() or unfinished_folder(output).exists():
        return False
    made = made_by(output)
    others = ["nobody knows how it was made"]
    if made is not None:
        others = differences(made, setup.settings, but=TAKEN_OVER)
    if others:
        raise InvalidRequest(
            "\n  ".join([f"{output} is there, and is not what this run would make:", *others])
            + "\nName another file, or replace it with --overwrite."
        )
    return True
