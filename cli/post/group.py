"""The group `megabatch post` and its commands."""

import click

from cli import exit_codes
from cli.lazy import LazyCommand

#: As `COMMANDS` of cli/main.py.
TOOLS = (
    ("validate", "cli.post.validate:validate", "Check a results file, fault by fault."),
    ("summary", "cli.post.summary:summary", "Count what is in a results file."),
    ("separate", "cli.post.separate:separate", "Put images into folders by what was found."),
    ("preview", "cli.post.preview:preview", "Make pages of sampled pictures to look at.", "post"),
    ("subset", "cli.post.subset:subset", "Write some images, with some of their detections."),
    ("combine", "cli.post.combine:combine", "Put several results files together."),
    ("compare", "cli.post.compare:compare", "Compare what two files say of each image."),
    ("remap", "cli.post.remap:remap", "Call categories by other names."),
    ("by-size", "cli.post.remap:by_size", "Give large boxes a category of their own."),
    ("convert", "cli.post.convert:convert", "Convert results to and from other formats."),
    ("crops", "cli.post.crops:crops", "Cut each detection out as a picture of its own.", "post"),
    ("timelapse", "cli.post.timelapse:timelapse", "Write results that fit Timelapse's folder."),
    ("events", "cli.post.events:events", "Write a CSV with a row for each event."),
    ("repeats", "cli.post.repeats:repeats", "Strike out boxes that recur at one place.", "post"),
)


@click.group(epilog=exit_codes.EPILOG)
def post() -> None:
    """Tools that work on a results file.

    They read every version of the MegaDetector format, and never change the file that they read.
    """


for row in TOOLS:
    post.add_command(LazyCommand(*row))
