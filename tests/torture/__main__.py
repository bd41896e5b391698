"""`python -m tests.torture`: break the whole system again and again, and count what is lost.

Real processes on real servers, on this machine alone: API, two control workers, three detection
workers with the hash detector, a Redis-compatible server with its append-only file, Azurite; faults
come from a seed that is printed. Ends with status 1 when an image was lost, stood twice or had a
wrong result, when a job did not end, or when traces were left; then the logs are printed, too.
Azurite holds the collaborators' images in memory, so it is stopped and cut off, never killed.
"""

import secrets
import signal
import sys

import click

from tests.torture.plans import Asked
from tests.torture.run import machine, run

_SEEDS = 1_000_000


@click.command(help=(__doc__ or "").partition("\n\n")[2])
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--seed", type=int, default=None, help="Of the first round; the next has the next.")
@click.option("--kills", type=click.IntRange(min=0), default=40, show_default=True, help="In all.")
@click.option(
    "--images", type=click.IntRange(min=1), default=8_000, show_default=True, help="In all."
)
@click.option("--pause", default=4.0, show_default=True, help="Seconds between two acts.")
@click.option("--limit", default=1200.0, show_default=True, help="Seconds for a round.")
def torture(
    rounds: int, seed: int | None, kills: int, images: int, pause: float, limit: float
) -> None:
    if seed is None:
        seed = secrets.randbelow(_SEEDS)
    click.echo(f"{machine()}; seed {seed}")
    total = run(Asked(rounds, seed, kills, images, pause, limit), click.echo)
    for line in total.details():
        click.echo(line)
    click.echo(f"{machine()}; seed {seed}")
    click.echo(total.summary())
    if not total.sound:
        sys.exit(1)


if __name__ == "__main__":
    # Started in the background by a shell, a process ignores Ctrl-C, and so would all it starts.
    # Whoever asks it to end otherwise means the same: all that it started is to end, too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    torture()
