"""A local run in words: what was listed, what it will take, what was found."""

from collections.abc import Mapping

from cli.pace import duration
from cli.summary import tally
from core.catalog import Model
from core.containers.listing import VIDEO_SUFFIXES
from core.results.format import ImageResult
from detection.local.estimate import Estimate
from detection.local.journal import Plan
from detection.local.merging import Merged

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


def size(count: float) -> str:
    """Such as `512 bytes`, `7.8 MB` or `1.2 TB`."""
    unit = 0
    while count >= _STEP and unit < len(_UNITS) - 1:
        count, unit = count / _STEP, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def listed(plan: Plan, done: int) -> list[str]:
    """What there is to do, in a few lines."""
    lines = [f"{images(plan.images)}, {size(plan.size)} to be read"]
    if plan.kept:
        lines.append(f"taken over from earlier results: {plan.kept:,}")
    if done > plan.kept:
        lines.append(f"finished before, by this same command: {done - plan.kept:,}")
    if plan.duplicates:
        lines.append(f"listed more than once, and processed once: {plan.duplicates:,}")
    if plan.skipped:
        lines.append(f"passed over, as no images: {tally(plan.skipped)}")
    if VIDEO_SUFFIXES & plan.skipped.keys():
        lines.append("For videos there is `megabatch video`.")
    return lines


def expected(estimate: Estimate, left: int) -> str:
    """What a run will take, in a line."""
    return (
        f"About {duration(estimate.seconds)} on this machine for {images(left)} "
        f"({rate(estimate.images_per_second)}); results of about {size(estimate.results_bytes)}, "
        f"room needed {size(estimate.needed_bytes)}, free {size(estimate.free_bytes)}"
    )


def rate(images_per_second: float) -> str:
    digits = f"{images_per_second:.1f}" if images_per_second >= 1 else f"{images_per_second:.2g}"
    return f"{digits} images/s"


def found(image: ImageResult, threshold: float, categories: Mapping[str, str]) -> str:
    """One image: `animal 0.93, person 0.51`, `nothing`, or why it failed."""
    if image.failure is not None:
        return image.failure
    sure = [one for one in image.detections or () if one.conf > threshold]
    return ", ".join(f"{categories[one.category]} {one.conf:.2f}" for one in sure) or "nothing"


def summary(merged: Merged, model: Model) -> list[str]:
    """What was found in all images, in a few lines."""
    threshold = f"typical threshold {model.typical_threshold:g}"
    lines = [f"{images(merged.images)} by {model.detector}, above its {threshold}:"]
    for category, name in model.categories.items():
        lines.append(f"  {merged.found.get(category, 0):>9,}  with {name}")
    lines.append(f"  {merged.empty:>9,}  with nothing")
    if merged.failures:
        failed = sum(merged.failures.values())
        lines.append(f"  {failed:>9,}  failed: {tally(merged.failures)}")
    return lines
