"""`megabatch video`: videos put through a detector on this machine."""

from pathlib import Path
from typing import Any

import click

from cli import exit_codes
from cli.local_options import VideoRunOptions, video_options
from cli.local_run import errors_as_events, run_local
from cli.terminal import say
from cli.video_setup import set_up_videos
from core.results.reader import open_results
from core.results.rewriting import save_results
from detection.video import frame_results

_EPILOG = f"""\b
Examples:
  megabatch video clip.mp4 --model demo
  megabatch video clips --model demo --output results.json --render boxes
  megabatch video clips --model demo --output frames.json --frame-results by-frame.json

{exit_codes.EPILOG}"""


@click.command(epilog=_EPILOG)
@click.argument("sources", metavar="VIDEO_OR_FOLDER_OR_LIST...", nargs=-1, required=True)
@video_options
def video(**given: Any) -> None:
    """Find animals, people and vehicles in videos on this machine.

    Takes videos, folders with all that lies below them, and lists: text files (.txt) with a path a
    line, and JSON lists. What was found is printed, a line a video; --output writes a results file,
    --render videos with boxes. A run that was interrupted goes on where it was when the same
    command is given again.
    """
    options = VideoRunOptions(**given)
    options.check()
    with errors_as_events(options.progress):
        code = run_local(set_up_videos(options))
        if options.frame_results is not None and options.output is not None:
            _write_frames(options.output, options.frame_results)
        click.get_current_context().exit(code)


def _write_frames(results: Path, target: Path) -> None:
    """Results with an entry for each frame, made of those with one for each video."""
    opened = open_results(results)
    written = save_results(
        target,
        (frame for image in opened.images() for frame in frame_results(image)),
        info=opened.info,
        categories=opened.detection_categories,
    )
    say(f"Results of frames: {target}, {written.images:,} entries")
