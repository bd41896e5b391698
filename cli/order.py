"""`megabatch priority`: which jobs come first."""

import click

from cli.service import connected, job_argument, service_option
from cli.terminal import say


@click.command()
@job_argument
@click.argument("number", metavar="N", type=click.IntRange(0, 9))
@service_option
def priority(job_id: str, number: int, service: str) -> None:
    """Put the job ID before those with a lower priority than N.

    N is 0 (what every job begins with) to 9. New shards of a model go to its jobs of the highest
    priority, as long as these have any; what runs already is finished. Needs a key with the scope
    `admin`.
    """
    with connected(service) as client:
        job = client.order(job_id, number)
    say(f"{job.id}: priority {job.priority}.")
