"""`megabatch webhooks` and `megabatch webhook-secret`: being told what happens to jobs."""

from collections.abc import Iterator

import click
import msgspec

from cli.served_webhooks import ServedDelivery
from cli.service import connected, job_argument, json_option, service_option
from cli.terminal import new_table, print_table, printable, say


@click.command("webhooks")
@job_argument
@json_option
@service_option
def list_webhooks(job_id: str, as_json: bool, service: str) -> None:
    """Show what the webhook of the job ID was told."""
    with connected(service) as client:
        deliveries = client.webhooks(job_id)
    if as_json:
        for one in deliveries:
            click.echo(msgspec.json.encode(one))
        return
    if not deliveries:
        click.echo("Nothing was told yet.")
        return
    table = new_table("EVENT", "STATE", "TRIES", "LAST TRY (UTC)", "ANSWER", "NEXT TRY (UTC)")
    for one in deliveries:
        table.add_row(*(printable(cell) for cell in _cells(one)))
    print_table(table)


def _cells(delivery: ServedDelivery) -> Iterator[str]:
    yield delivery.event
    yield delivery.state.replace("_", " ")
    yield str(len(delivery.attempts))
    last = delivery.attempts[0] if delivery.attempts else None
    yield f"{last.tried_at:%Y-%m-%d %H:%M:%S}" if last else ""
    yield str(last.status or last.error or "") if last else ""
    yield f"{delivery.next_try_at:%Y-%m-%d %H:%M:%S}" if delivery.next_try_at else ""


@click.command("webhook-secret")
@click.option("--new", "renews", is_flag=True, help="Make a new one; the old one goes in a day.")
@service_option
def webhook_secret(renews: bool, service: str) -> None:
    """Print the secret that signs what your webhooks are told.

    It is one for all of your jobs; receivers verify with it that a message came from this service.
    """
    with connected(service) as client:
        made = client.webhook_secret(renew=renews)
    # Not `printable`, which would hide a secret.
    click.echo("".join(mark for mark in made.secret if mark.isprintable()))
    if renews:
        say("For 24 hours messages are signed with the one before too: change receivers over.")
