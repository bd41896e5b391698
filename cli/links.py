"""`megabatch link` and `megabatch links`: what others may read of a job without a key."""

import click
import msgspec

from cli.service import advised, connected, job_argument, json_option, service_option
from cli.terminal import new_table, print_table, printable, say
from core.links import LINK_DAYS, Gives


@click.command()
@job_argument
@click.option(
    "--days",
    type=click.IntRange(1),
    default=LINK_DAYS,
    show_default=True,
    help="How long it works, but no longer than the job is kept.",
)
@click.option(
    "--gives",
    type=click.Choice([what.value for what in Gives]),
    multiple=True,
    help="What it gives to read; all of these where it is not said. Can be given several times.",
)
@json_option
@service_option
def link(job_id: str, days: int, gives: tuple[str, ...], as_json: bool, service: str) -> None:
    """Make a link to the job ID.

    Prints its URLs, which are not shown again. Whoever has one can read what it gives, until it
    expires or is revoked; nobody can change anything by it. The job need not have ended.
    """
    with connected(service) as client:
        made = client.make_link(job_id, days, gives)
    if as_json:
        click.echo(msgspec.json.encode(made))
    elif len(made.urls) == 1:
        click.echo(_safe(*made.urls.values()))
    else:
        for what, url in made.urls.items():
            click.echo(_safe(f"{what:<14}{url}"))
    say(
        f"Works until {made.expires_at:%Y-%m-%d %H:%M} UTC. End it sooner with "
        f"{advised('links', job_id, '--revoke', made.id)}."
    )


@click.command("links")
@job_argument
@click.option("--revoke", "link_id", metavar="LINK", help="End this link at once.")
@json_option
@service_option
def list_links(job_id: str, link_id: str | None, as_json: bool, service: str) -> None:
    """List the links of the job ID."""
    with connected(service) as client:
        if link_id:
            client.revoke_link(job_id, link_id)
            say(f"{link_id} no longer works.")
            return
        links = client.links(job_id)
    if as_json:
        for one in links:
            click.echo(msgspec.json.encode(one))
        return
    if not links:
        click.echo("No links.")
        return
    table = new_table("LINK", "GIVES", "MADE (UTC)", "EXPIRES (UTC)")
    for one in links:
        times = (f"{time:%Y-%m-%d %H:%M}" for time in (one.created_at, one.expires_at))
        table.add_row(*(printable(cell) for cell in (one.id, ", ".join(one.gives), *times)))
    print_table(table)


def _safe(text: str) -> str:
    # Not `printable`, which hides the secret that the URL is wanted for.
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)
