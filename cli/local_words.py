"""A local run in words: what was listed, what it will take, what was found."""

from collections.abc import Mapping, Sequence

from rich.filesize import decimal

from cli.pace import duration
from cli.summary import tally
from core.catalog import Model
from core.containers.listing import VIDEO_SUFFIXES
from core.results.format import Detection, ImageResult
from detection.local.estimate import Estimate
from detection.local.journal import Plan
from detection.local.merging import Merged


def counted(count: int, noun: str) -> str:
    """Such as `1 image` or `1,200 videos`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(plan: Plan, done: int, noun: str) -> list[str]:
    """What there is to do, in a few lines."""
    lines = [f"{counted(plan.images, noun)}, {decimal(plan.size)} to be read"]
    if plan.kept:
        lines.append(f"taken over from earlier results: {plan.kept:,}")
    if done > plan.kept:
        lines.append(f"finished before, by this same command: {done - plan.kept:,}")
    if plan.duplicates:
        lines.append(f"listed more than once, and processed once: {plan.duplicates:,}")
    if plan.skipped:
        lines.append(f"passed over, as no {noun}s: {tally(plan.skipped)}")
    if noun == "image" and VIDEO_SUFFIXES & plan.skipped.keys():
        lines.append("For videos there is `megabatch video`.")
    return lines


def expected(estimate: Estimate, left: int, noun: str) -> str:
    """What a run will take, in a line."""
    speed = rate(estimate.images_per_second, noun)
    return (
        f"About {duration(estimate.seconds)} on this machine for {counted(left, noun)} ({speed}); "
        f"results of about {decimal(estimate.results_bytes)}, "
        f"room needed {decimal(estimate.needed_bytes)}, free {decimal(estimate.free_bytes)}"
    )


def rate(each_second: float, noun: str) -> str:
    digits = f"{each_second:.1f}" if each_second >= 1 else f"{each_second:.2g}"
    return f"{digits} {noun}s/s"


def found(image: ImageResult, threshold: float, categories: Mapping[str, str]) -> str:
    """One image: `animal 0.93, person 0.51`, `nothing`, or why it failed."""
    if image.failure is not None:
        return image.failure
    sure = [one for one in image.detections or () if one.conf > threshold]
    if image.frames_processed is not None:
        return _in_frames(sure, categories) or "nothing"
    return ", ".join(f"{categories[one.category]} {one.conf:.2f}" for one in sure) or "nothing"


def _in_frames(sure: Sequence[Detection], categories: Mapping[str, str]) -> str:
    """Of a video, the surest of each category: `animal 0.93 (12 frames)`."""
    frames: dict[str, set[int | None]] = {}
    surest: dict[str, float] = {}
    for one in sure:
        frames.setdefault(one.category, set()).add(one.frame_number)
        surest[one.category] = max(one.conf, surest.get(one.category, 0))
    return ", ".join(
        f"{categories[number]} {surest[number]:.2f} ({counted(len(seen), 'frame')})"
        for number, seen in frames.items()
    )


def summary(merged: Merged, model: Model, noun: str) -> list[str]:
    """What was found in all of them, in a few lines."""
    threshold = f"typical threshold {model.typical_threshold:g}"
    lines = [f"{counted(merged.images, noun)} by {model.detector}, above its {threshold}:"]
    for category, name in model.categories.items():
        lines.append(f"  {merged.found.get(category, 0):>9,}  with {name}")
    lines.append(f"  {merged.empty:>9,}  with nothing")
    if merged.failures:
        failed = sum(merged.failures.values())
        lines.append(f"  {failed:>9,}  failed: {tally(merged.failures)}")
    return lines
