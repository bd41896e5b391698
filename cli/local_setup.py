"""From options to a local run that can begin: what images and videos have in common."""

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from cli.local_options import RunOptions
from cli.terminal import say
from core.catalog import Model
from core.errors import InvalidRequest
from core.file_systems import is_folding
from core.results.reader import Results, open_results
from detection.checksums import sha256_of
from detection.local.earlier import made_by
from detection.local.journal import Journal, unfinished_folder
from detection.local.machine import cores, environments, gpus
from detection.local.run import LocalRun
from detection.local.settings import TAKEN_OVER, RunSettings, absolute, differences
from detection.local.sources import Sources
from detection.local.work import Work
from detection.model_choice import choose_model


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What was named, looked at."""

    options: RunOptions
    sources: Sources
    model: Model
    #: SHA-256 of the model's file, hex.
    weights: str

    @property
    def threshold(self) -> float:
        """What scores above it stands in the results."""
        chosen = self.options.threshold
        return self.model.detection_threshold if chosen is None else chosen

    @property
    def show_above(self) -> float:
        """What scores above it is printed and drawn."""
        chosen = self.options.show_above
        return self.model.typical_threshold if chosen is None else chosen

    @property
    def blurred(self) -> frozenset[str]:
        """Ids of the categories that are made unrecognisable. Raises InvalidRequest."""
        ids = {name: category for category, name in self.model.categories.items()}
        unknown = [name for name in self.options.blur if name not in ids]
        if unknown:
            raise InvalidRequest(
                f"{self.model.name} finds no {', '.join(unknown)}; it finds {', '.join(ids)}."
            )
        return frozenset(ids[name] for name in self.options.blur)

    @property
    def distinct(self) -> bool:
        """No two names can meet in a folder of pictures."""
        roots = self.sources.roots
        return len(roots) == 1 and is_folding(Path(roots[0]))

    @property
    def pictures(self) -> tuple[str, ...]:
        """What is drawn, as it is written down."""
        folders = self.options.picture_folders
        places = [f"{what} in {absolute(path)}" for what, path in folders.items()]
        blurred = [f"{name} blurred" for name in self.options.blur]
        return (*places, *blurred, f"above {self.show_above:g}") if places else ()

    def settings(self, **of_its_kind: Any) -> RunSettings:
        """What the run is asked for; `of_its_kind`: what images alone, or videos alone have."""
        options = self.options
        return RunSettings(
            sources=self.sources.described,
            relative_to=absolute(options.relative_to),
            model=self.model.name,
            weights=self.weights,
            threshold=self.threshold,
            truncated_images=options.truncated,
            pictures=self.pictures,
            previous=absolute(options.earlier),
            retry_failed=options.retry_failed,
            **of_its_kind,
        )


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What does not depend on where the journal lies."""

    chosen: Chosen
    settings: RunSettings
    work: Work
    environments: list[dict[str, str]]
    previous: Results | None
    #: What is looked at, one of them.
    noun: str

    @property
    def options(self) -> RunOptions:
        return self.chosen.options

    @property
    def sources(self) -> Sources:
        return self.chosen.sources

    @property
    def model(self) -> Model:
        return self.chosen.model


def choose(options: RunOptions, suffixes: frozenset[str]) -> Chosen:
    """Look at what was named. `suffixes`: of what is taken from folders.

    Raises InvalidRequest and ModelUnavailable.
    """
    sources = Sources(options.sources, options.relative_to, suffixes)
    model, weights = choose_model(options.model, options.model_folder, say)
    digest = model.sha256 or sha256_of(weights)
    return Chosen(options=options, sources=sources, model=model, weights=digest)


def finish_setup(chosen: Chosen, settings: RunSettings, work: Work, noun: str) -> Setup:
    """Everything that a run needs. Raises InvalidRequest and InvalidResults."""
    return Setup(
        chosen=chosen,
        settings=settings,
        work=work,
        environments=environments(chosen.options.processes, gpus(os.environ), cores()),
        previous=_previous(chosen.options.earlier, settings, chosen.model),
        noun=noun,
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
        leave_out=tuple(setup.options.picture_folders.values()),
    )


def _previous(path: Path | None, settings: RunSettings, model: Model) -> Results | None:
    """The earlier results. Raises InvalidRequest where they were made otherwise."""
    if path is None:
        return None
    if not path.exists():
        raise InvalidRequest(f"There is no results file {path} yet, so nothing to try again.")
    results = open_results(path)
    if other := made_otherwise(results, settings, model):
        raise InvalidRequest(f"{path} was made otherwise ({other}), so nothing is taken over.")
    made = made_by(path)
    if made is not None and (others := differences(made, settings, but=_may_differ(settings))):
        raise InvalidRequest(
            "\n  ".join([f"{path} was made otherwise, so nothing is taken over:", *others])
        )
    return results


def _may_differ(settings: RunSettings) -> frozenset[str]:
    """What may have been asked for otherwise in results that are taken over from."""
    drawn = TAKEN_OVER | {"pictures"}
    # Images that are tried again lie where they lay; other results may be of other images.
    return drawn if settings.retry_failed else drawn | {"sources", "relative_to"}


def made_otherwise(results: Results, settings: RunSettings, model: Model) -> str:
    """What differs between how results were made and what is asked for now; empty for nothing."""
    # Other programs may write there what they like.
    custom = results.info.get("custom_metadata")
    own = custom.get("megabatch") if isinstance(custom, dict) else None
    made = {"model": results.info.get("detector"), **(own if isinstance(own, dict) else {})}
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
    return sum(map(size_of, folders)), free_beside(output)


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def free_beside(output: Path) -> int:
    """Bytes that are free where a file would lie, be its folder there or not."""
    folder = output.absolute().parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


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
