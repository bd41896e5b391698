"""`megabatch demo`: the whole system on real photographs, from submission to a page with boxes."""

import os
import shutil
import signal
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import click
import msgspec

from cli.data_folder import DataFolder
from cli.demo_findings import EXPECTED, Finding, faults, findings
from cli.progress import watch
from cli.summary import summary
from cli.system import System, SystemOptions, running_system
from cli.terminal import new_table, output, print_table, printable, say
from cli.weights import model_folder_option, weights_of
from core.catalog import DEMO
from core.errors import ConfigError, MegaBatchError
from core.jobs import Job, JobStatus
from core.results.format import ImageResult


class _Results(msgspec.Struct, frozen=True):
    """The parts of a results file that are looked at."""

    images: list[ImageResult]
    detection_categories: dict[str, str]


class DemoFailed(MegaBatchError):
    """The demo ended, but not with what the photographs show."""


@click.command()
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/demo"),
    show_default=True,
    help="Gets results.json, preview/index.html, the photographs and the data folder.",
)
@model_folder_option
def demo(folder: Path, model_folder: Path) -> None:
    """Try everything on five real photographs."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = own_folder(folder)
    data_folder = _new_data_folder(folder / "data")
    photographs = copy_photographs(folder / "photographs")
    weights_of(DEMO, model_folder)
    options = SystemOptions(
        models=(DEMO.name,),
        model_folder=model_folder,
        data_folder=data_folder,
        port=0,
        allowed_roots=(photographs,),
    )
    with running_system(options, _own_environment(os.environ), say) as system:
        say("Starting Redis, the API, a control worker and a detection worker...")
        system.wait_ready()
        say(f"The system runs at {system.url}.")
        job = _process(system, photographs, folder / "results.json")
    if job.status is not JobStatus.COMPLETED or job.progress.images_failed:
        raise DemoFailed(f"The job did not complete as it should; see the logs in {data_folder}.")
    _show(folder, photographs)


def own_folder(folder: Path) -> Path:
    """The demo's folder, made and marked as its own, for what an earlier demo left is deleted.

    Raises ConfigError when the folder has something in it that no demo put there.
    """
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / ".megabatch-demo"
    if not mark.exists() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder} is not empty, and not from an earlier demo. Name another with --output."
        )
    mark.touch()
    return folder


def copy_photographs(folder: Path) -> Path:
    """The demo's photographs, copied out of scikit-image's wheel into `folder` alone.

    Raises ConfigError when scikit-image is not installed.
    """
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise ConfigError(
            "The demo's photographs come with scikit-image, which is not installed. "
            "Run `pip install -r requirements.txt`."
        )
    source = Path(package.origin).parent / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in EXPECTED:
        shutil.copyfile(source / name, folder / name)
    return folder


def _new_data_folder(folder: Path) -> Path:
    """The folder, emptied. Raises ConfigError while another demo works in it."""
    with DataFolder(folder).locked():
        shutil.rmtree(folder)
    return folder


def _own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of another system: a demo touches nobody's jobs."""
    return {
        name: value
        for name, value in environ.items()
        if name != "REDIS_URL" and not name.startswith("MEGABATCH_")
    }


def _process(system: System, photographs: Path, target: Path) -> Job:
    client = system.client
    accepted = client.submit(
        {"container_url": str(photographs), "model": DEMO.name, "name": "demo"}
    )
    say(f"Submitted {len(EXPECTED)} photographs as job {accepted.id}.")
    job = watch(client, accepted.id, answered=True, pause=system.pause)
    if job.status is JobStatus.COMPLETED:
        client.download(job.id, target)
    for line in summary(job):
        say(line)
    return job


def _show(folder: Path, photographs: Path) -> None:
    # Pillow is no part of the smallest installation, and only this command needs it.
    from cli.demo_page import write_preview

    results = msgspec.json.decode((folder / "results.json").read_bytes(), type=_Results)
    found = findings(results.images, DEMO.typical_threshold)
    preview = folder / "preview"
    shutil.rmtree(preview, ignore_errors=True)
    page = write_preview(found, results.detection_categories, photographs, preview)
    _print_findings(found, results.detection_categories)
    output().print(
        f"Results file:      {_from_here(folder / 'results.json')}",
        f"Page with boxes:   {_from_here(page)}",
        sep="\n",
        soft_wrap=True,
    )
    wrong = faults(found, results.detection_categories)
    if wrong:
        raise DemoFailed("\n".join(["This is not what the photographs show:", *wrong]))


def _print_findings(found: Iterable[Finding], categories: Mapping[str, str]) -> None:
    print()
    table = new_table("  PHOTOGRAPH", f"FOUND ABOVE {DEMO.typical_threshold}, by {DEMO.detector}")
    for one in found:
        table.add_row(printable(f"  {one.file}"), printable(one.text(categories)))
    print_table(table)
    print()


def _from_here(path: Path) -> str:
    """The path as short as it can be typed in this folder."""
    here = Path.cwd()
    return printable(str(path.relative_to(here) if path.is_relative_to(here) else path))
