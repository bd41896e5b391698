"""Which storage a command means that works on it, whether its service runs or not."""

from collections.abc import Mapping
from pathlib import Path

import click

from cli.data_folder import VARIABLE, DataFolder, folder_meant
from core.config import Settings


def storage_settings(data_folder: Path | None, environ: Mapping[str, str], what: str) -> Settings:
    """Settings that name the storage of the service that is meant, and nothing else.

    Raises click.UsageError when none is meant, or two are; `what` is asked for then, such as
    "Whose keys?".
    """
    folder = folder_meant(data_folder, environ)
    url = DataFolder(folder).storage.as_uri() if folder else environ.get(VARIABLE, "").strip()
    if not url:
        raise click.UsageError(
            f"{what} Name the data folder of `megabatch serve` with --data, or set {VARIABLE} "
            "as the service has it."
        )
    return Settings(storage_url=url)
