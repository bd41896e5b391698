"""`megabatch secret-key`."""

import click

from core.sealing import new_secret_key


@click.command("secret-key")
def secret_key() -> None:
    """Print a new key for MEGABATCH_SECRET_KEYS.

    Give the same one to the API and to every worker. To change keys, put the new one first in the
    comma-separated list and keep the old ones behind it: the first seals, all open. `megabatch
    reseal` makes the old ones needless.
    """
    click.echo(new_secret_key())
