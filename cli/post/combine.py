"""`megabatch post combine`: several results files as one."""

from pathlib import Path

import click

from cli.post.options import examples, output_option
from cli.terminal import say
from core.results.reader import open_results
from postprocessing.combine import Source
from postprocessing.combine import combine as combined
from postprocessing.saving import refuse_input, save_like


@click.command(
    epilog=examples(
        "megabatch post combine results.json more.json -o all.json",
        "megabatch post combine results.json --prefix b/=results.json -o both.json",
    )
)
@click.argument(
    "files",
    metavar="[RESULTS]...",
    nargs=-1,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@click.option(
    "--prefix",
    "prefixed",
    metavar="PREFIX=RESULTS",
    multiple=True,
    help="A file, and what is put before its names, where files share names.",
)
@click.option("--mixed", is_flag=True, help="Let files of different models and thresholds through.")
@output_option
def combine(files: tuple[Path, ...], prefixed: tuple[str, ...], mixed: bool, output: Path) -> None:
    """Put several results files together.

    An image that failed in one file and succeeded in another has its success. What conflicts is
    told, and nothing is written.
    """
    sources = [Source(open_results(path)) for path in files]
    sources += [_source(text) for text in prefixed]
    if not sources:
        raise click.UsageError("Name the files to put together.")
    refuse_input(output, *(source.results.path for source in sources))
    whole = combined(sources, mixed=mixed)
    written = save_like(
        sources[0].results,
        output,
        whole.images(),
        info=whole.info,
        categories=whole.categories,
        extra=whole.extra,
    )
    gave_way = f"; {whole.replaced:,} failures gave way" if whole.replaced else ""
    say(f"{output}: {written.images:,} images of {len(sources)} files{gave_way}")


def _source(text: str) -> Source:
    prefix, sign, name = text.rpartition("=")
    if not sign or not Path(name).is_file():
        raise click.BadParameter(
            f"{text!r} is not a prefix, =, and a file that is there.", param_hint="--prefix"
        )
    return Source(open_results(Path(name)), prefix)
