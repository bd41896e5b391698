"""`megabatch detect --dry-run`: tries some images, and tells what all of them would take."""

import random
import tempfile
import time
from pathlib import Path

import click
import msgspec

from cli import local_words
from cli.local_setup import Setup, free_beside, new_run, size_of
from cli.local_watchers import JsonDisplay, LineDisplay, Standing
from cli.terminal import say
from core.image_list import ListedImage
from detection.local.crew import Crew, OpenShard
from detection.local.estimate import SAMPLE, Estimate, Pace, estimate
from detection.local.image_work import ImageWork
from detection.local.journal import Plan
from detection.local.sources import Skipped
from detection.local.work import Placed, Work

# The same images are tried each time.
_SEED = 0


def dry_run(setup: Setup) -> None:
    """List everything, run a few images from all over the list, and print what that tells."""
    plan, sample = _listed(setup)
    left = plan.images - plan.kept
    as_json = setup.options.progress == "json"
    display = JsonDisplay() if as_json else LineDisplay(setup.noun)
    display.planned(plan, Standing(images=plan.images, done=plan.kept))
    told = _tried(setup, left, sample) if sample else None
    if not sample:
        say(f"There is no {setup.noun} left to be processed.")
    elif told is None:
        say(f"There are too few {setup.noun}s to tell how long they would take.")
    elif as_json:
        display.estimated(told, left)
    else:  # which is the answer, and not a word on the way
        click.echo(local_words.expected(told, left, setup.noun))


def _listed(setup: Setup) -> tuple[Plan, list[ListedImage]]:
    """What there is to do, and some of it, drawn at random."""
    skipped, chance = Skipped(), random.Random(_SEED)
    sample: list[ListedImage] = []
    images = left = size = 0
    for image, line in new_run(setup, _output(setup)).entries(skipped):
        images += 1
        if line is not None:  # taken over from earlier results
            continue
        left, size = left + 1, size + (image.size or 0)
        if len(sample) < SAMPLE:
            sample.append(image)
        elif (at := chance.randrange(left)) < SAMPLE:
            sample[at] = image
    plan = Plan(
        images=images,
        shards=0,
        size=size,
        kept=images - left,
        skipped=skipped.by_suffix,
        duplicates=skipped.duplicates,
    )
    return plan, sample


def _output(setup: Setup) -> Path:
    return setup.options.output or Path("results.json")


def _tried(setup: Setup, left: int, sample: list[ListedImage]) -> Estimate | None:
    placed = [Placed(image, setup.sources.place_of(image.name)) for image in sample]
    pace, lines = Pace(), list[int]()

    def write(_index: int, line: bytes) -> None:
        pace.count(time.monotonic())
        lines.append(len(line))

    with tempfile.TemporaryDirectory(prefix="megabatch-") as folder:
        pictures = Path(folder) / "pictures"
        crew = Crew(_drawing_to(setup.work, pictures), setup.environments, Path(folder), write)
        each = -(-len(placed) // len(setup.environments)) or 1
        starts = range(0, len(placed), each)
        crew.run((OpenShard(at, placed[at : at + each]) for at in starts), lambda _index: None)
        drawn = size_of(pictures)
    rate = pace.rate()
    if rate is None:
        return None
    return estimate(lines, rate, left, drawn, free_beside(_output(setup)))


def _drawing_to(work: Work, folder: Path) -> Work:
    """The work as it is, but that pictures are drawn elsewhere."""
    if not isinstance(work, ImageWork) or work.pictures is None:
        return work
    pictures = msgspec.structs.replace(
        work.pictures,
        render=work.pictures.render and folder / "boxes",
        crop=work.pictures.crop and folder / "crops",
    )
    return msgspec.structs.replace(work, pictures=pictures)
