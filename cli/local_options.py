"""The options of `megabatch detect`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
import msgspec

from cli.numbers import FloatRange
from cli.weights import model_folder_option
from core.jobs import Preprocessing, TruncatedImages

#: Seconds between the frames of a video that are looked at, where nobody says. An animal that walks
#: by is seen for some seconds; thirty frames of one second show the same.
EVERY_SECONDS = 1.0

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for at the prompt, whatever is looked at."""

    sources: tuple[str, ...]
    model: str
    model_folder: Path
    output: Path | None
    render: Path | None
    blur: tuple[str, ...]
    show_above: float | None
    threshold: float | None
    truncated: TruncatedImages
    relative_to: Path | None
    previous: Path | None
    retry_failed: bool
    overwrite: bool
    processes: int | None
    progress: Literal["auto", "json", "none"]

    def check(self) -> None:
        """Raises click.UsageError where options contradict each other."""
        if self.retry_failed and self.previous:
            raise click.UsageError("--retry-failed takes --output for the earlier results.")
        if self.output is None and (self.retry_failed or self.previous):
            raise click.UsageError("Name the results file with --output.")
        if self.blur and not self.picture_folders:
            raise click.UsageError("--blur concerns what is drawn: give --render too.")
        if self.overwrite and self.retry_failed:
            raise click.UsageError("--retry-failed and --overwrite contradict each other.")

    @property
    def picture_folders(self) -> dict[str, Path]:
        """What is drawn, and where it is written."""
        return {} if self.render is None else {"boxes": self.render}

    @property
    def in_place(self) -> bool:
        """The results file that is written is the one from which images are taken over."""
        if self.previous is None or self.output is None:
            return self.retry_failed
        return self.previous.resolve() == self.output.resolve()

    @property
    def earlier(self) -> Path | None:
        """The results file from which images are taken over."""
        return self.output if self.retry_failed else self.previous


class LocalOptions(RunOptions, frozen=True, kw_only=True):
    """The options of `megabatch detect`."""

    crop: Path | None
    preprocessing: Preprocessing
    exif: tuple[str, ...]
    gps: bool
    dry_run: bool

    @property
    def picture_folders(self) -> dict[str, Path]:
        """See `RunOptions`."""
        crops = {} if self.crop is None else {"crops": self.crop}
        return {**super().picture_folders, **crops}


class VideoRunOptions(RunOptions, frozen=True, kw_only=True):
    """The options of `megabatch video`."""

    every: int | None
    every_seconds: float | None
    all_frames: bool
    frame_results: Path | None

    def check(self) -> None:
        """See `RunOptions`."""
        super().check()
        if sum((self.every is not None, self.every_seconds is not None, self.all_frames)) > 1:
            raise click.UsageError("--every, --every-seconds and --all-frames are three ways.")
        if self.frame_results and not self.output:
            raise click.UsageError("--frame-results goes beside --output; give that too.")


_MODEL_AND_OUTPUT = (
    click.option(
        "--model",
        default="megadetector-v3",
        show_default=True,
        metavar="NAME_OR_FILE",
        help="A known model (`megabatch models list`), or a frozen graph, my-model.pb.",
    ),
    click.option("-o", "--output", type=_FILE, help="Write the results file here."),
    click.option("--render", type=_FOLDER, help="Write each one here, with boxes drawn."),
)
_CROP = (click.option("--crop", type=_FOLDER, help="Write what was found here, cut out."),)
_SHOWN_AND_KEPT = (
    click.option(
        "--blur",
        multiple=True,
        metavar="CATEGORY",
        help="Make this category, such as person, unrecognisable in what is drawn.",
    ),
    click.option(
        "--show-above",
        type=FloatRange(0, 1),
        help="Print and draw what scores above this. [default: the model's typical threshold]",
    ),
    click.option(
        "--threshold",
        type=FloatRange(0, 1),
        help="Results hold what scores above this. [default: 0.1 for all models here]",
    ),
)
_TRUNCATED_IMAGES = (
    click.option(
        "--truncated-images",
        "truncated",
        type=click.Choice(["fail", "accept"]),
        default="fail",
        show_default=True,
        help="What to do with a file that was cut off: a failure, or pad what is missing.",
    ),
)
_OF_IMAGES = (
    click.option(
        "--preprocessing",
        type=click.Choice(["native", "legacy-2019"]),
        default="native",
        show_default=True,
        help="legacy-2019 does as the service of 2019 did, to compare with its results.",
    ),
    click.option("--exif", multiple=True, metavar="TAG", help="Add this EXIF tag, such as Model."),
    click.option("--gps", is_flag=True, help="Add latitude and longitude from EXIF."),
    click.option("--dry-run", is_flag=True, help="Try some images, and tell what all would take."),
)
_GOING_ON = (
    click.option(
        "--relative-to", type=_FOLDER, help="Names in the results are paths from this folder."
    ),
    click.option(
        "--previous",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Take over from this results file what succeeded and has not changed since.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try what failed in --output again."),
    click.option("--overwrite", is_flag=True, help="Begin anew, whatever --output holds."),
    click.option(
        "--processes",
        type=click.IntRange(1),
        help="Processes that detect. [default: one a GPU, or one for every four cores]",
    ),
    click.option(
        "--progress",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        show_default=True,
        help="json prints an event a line, for programs, and nothing else.",
    ),
    model_folder_option,
)


def _adds(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """A decorator that adds these, shown by --help in their order."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_TRUNCATED_VIDEOS = (
    click.option(
        "--truncated-videos",
        "truncated",
        type=click.Choice(["fail", "accept"]),
        default="fail",
        show_default=True,
        help="What to do with a video that was cut off: a failure, or take what there is.",
    ),
)
_FRAMES = (
    click.option(
        "--every", type=click.IntRange(1), metavar="N", help="Look at the first of each N frames."
    ),
    click.option(
        "--every-seconds",
        type=FloatRange(0, min_open=True),
        metavar="S",
        help=f"Look at one frame every S seconds. [default: {EVERY_SECONDS:g}]",
    ),
    click.option("--all-frames", is_flag=True, help="Look at every frame."),
    click.option(
        "--frame-results", type=_FILE, help="Write results here, too, with an entry for each frame."
    ),
)

#: The options of `megabatch video`.
video_options = _adds(
    *(*_MODEL_AND_OUTPUT, *_FRAMES, *_SHOWN_AND_KEPT, *_TRUNCATED_VIDEOS, *_GOING_ON)
)
#: The options of `megabatch detect`.
local_options = _adds(
    *(*_MODEL_AND_OUTPUT, *_CROP, *_SHOWN_AND_KEPT, *_TRUNCATED_IMAGES, *_OF_IMAGES, *_GOING_ON)
)
