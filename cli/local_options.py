"""The options of `megabatch detect`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
import msgspec

from cli.weights import model_folder_option
from core.jobs import Preprocessing, TruncatedImages

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class LocalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for at the prompt."""

    sources: tuple[str, ...]
    model: str
    model_folder: Path
    output: Path | None
    render: Path | None
    crop: Path | None
    blur: tuple[str, ...]
    show_above: float | None
    threshold: float | None
    preprocessing: Preprocessing
    truncated_images: TruncatedImages
    exif: tuple[str, ...]
    gps: bool
    relative_to: Path | None
    previous: Path | None
    retry_failed: bool
    overwrite: bool
    dry_run: bool
    processes: int | None
    progress: Literal["auto", "json", "none"]

    def check(self) -> None:
        """Raises click.UsageError where options contradict each other."""
        if self.retry_failed and self.previous:
            raise click.UsageError("--retry-failed takes --output for the earlier results.")
        if self.output is None and (self.retry_failed or self.previous):
            raise click.UsageError("Name the results file with --output.")
        if self.blur and not (self.render or self.crop):
            raise click.UsageError("--blur concerns pictures: give --render or --crop too.")
        if self.overwrite and self.retry_failed:
            raise click.UsageError("--retry-failed and --overwrite contradict each other.")

    @property
    def in_place(self) -> bool:
        """The results file that is written is the one from which images are taken over."""
        return self.retry_failed or (self.previous is not None and self.previous == self.output)

    @property
    def earlier(self) -> Path | None:
        """The results file from which images are taken over."""
        return self.output if self.retry_failed else self.previous


_OPTIONS = (
    click.option(
        "--model",
        default="megadetector-v3",
        show_default=True,
        metavar="NAME_OR_FILE",
        help="A known model (`megabatch models list`), or a frozen graph, my-model.pb.",
    ),
    click.option("-o", "--output", type=_FILE, help="Write the results file here."),
    click.option("--render", type=_FOLDER, help="Write each picture here, with boxes drawn."),
    click.option("--crop", type=_FOLDER, help="Write what was found here, cut out."),
    click.option(
        "--blur",
        multiple=True,
        metavar="CATEGORY",
        help="Make this category, such as person, unrecognisable in those pictures.",
    ),
    click.option(
        "--show-above",
        type=click.FloatRange(0, 1),
        help="Print and draw what scores above this. [default: the model's typical threshold]",
    ),
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="Results hold what scores above this. [default: 0.1 for all models here]",
    ),
    click.option(
        "--preprocessing",
        type=click.Choice(["native", "legacy-2019"]),
        default="native",
        show_default=True,
        help="legacy-2019 does as the service of 2019 did, to compare with its results.",
    ),
    click.option(
        "--truncated-images",
        type=click.Choice(["fail", "accept"]),
        default="fail",
        show_default=True,
        help="What to do with a file that was cut off: a failure, or pad what is missing.",
    ),
    click.option("--exif", multiple=True, metavar="TAG", help="Add this EXIF tag, such as Model."),
    click.option("--gps", is_flag=True, help="Add latitude and longitude from EXIF."),
    click.option(
        "--relative-to", type=_FOLDER, help="Call images by their paths from this folder."
    ),
    click.option(
        "--previous",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Take over from this results file what succeeded and has not changed since.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try the failed images of --output again."),
    click.option("--overwrite", is_flag=True, help="Begin anew, whatever --output holds."),
    click.option("--dry-run", is_flag=True, help="Try some images, and tell what all would take."),
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


def local_options(command: _Command) -> _Command:
    """Adds all of them, shown by --help in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
