"""Which service a command means that works on its storage, whether the service runs or not."""

from collections.abc import Mapping
from pathlib import Path

import click

from cli.data_folder import DATA_FOLDER, DataFolder
from core.config import Settings

VARIABLE = "MEGABATCH_STORAGE_URL"

data_option = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Data folder of a `megabatch serve`. [default: the storage that {VARIABLE} names, else "
    f"{DATA_FOLDER} where there is one here]",
)


def storage_settings(data_folder: Path | None, environ: Mapping[str, str], what: str) -> Settings:
    """Settings that name the storage of the service that is meant, and nothing else.

    Raises click.UsageError when none is meant, or two are; `what` is asked for then, such as
    "Whose keys?".
    """
    url = environ.get(VARIABLE, "").strip()
    if url and data_folder is not None:
        raise click.UsageError(
            f"{VARIABLE} names the storage, and `megabatch serve` goes by it too. "
            "Unset it, or leave --data away."
        )
    if not url and data_folder is None and not DATA_FOLDER.is_dir():
        raise click.UsageError(
            f"{what} Name the data folder of `megabatch serve` with --data, or set {VARIABLE} "
            "as the service has it."
        )
    folder = data_folder or DATA_FOLDER
    return Settings(storage_url=url or DataFolder(folder).storage.as_uri())
