"""The command `megabatch`: its groups, and the one place where errors become exit codes."""

import sys
from collections.abc import Sequence
from importlib import metadata

import click

from cli import (
    deletion,
    demo,
    exit_codes,
    jobs,
    keys,
    links,
    order,
    programs,
    renewal,
    retry,
    secret_key,
    serve,
    submit,
    webhooks,
    weights,
)
from cli.terminal import program, say, say_error, write_anything
from core.errors import MegaBatchError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog=exit_codes.EPILOG,
)
@click.option("--version", is_flag=True, help="Show the version and exit.")
@click.pass_context
def megabatch(context: click.Context, version: bool) -> None:
    """Find animals, people and vehicles in camera-trap images.

    Start a system on this machine with `megabatch serve`, or name a running one with --service or
    MEGABATCH_SERVICE; then submit jobs to it.
    """
    if version:
        click.echo(f"megabatch {_version()}")
        context.exit()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _version() -> str:
    try:
        return metadata.version("megabatch")
    except metadata.PackageNotFoundError:
        return "from a checkout that is not installed"


for command in (
    *(submit.submit, jobs.status, jobs.list_jobs, jobs.wait, jobs.cancel, jobs.results),
    *(serve.serve, demo.demo, weights.models, programs.api, programs.worker),
    *(webhooks.list_webhooks, webhooks.webhook_secret),
    *(links.link, links.list_links, order.priority, keys.keys),
    *(retry.retry_failed, renewal.renew_container, deletion.delete, secret_key.secret_key),
):
    megabatch.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Returns its exit code; never raises what a user can cause."""
    try:
        result = megabatch.main(list(arguments), prog_name=program(), standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except click.ClickException as error:
        return _usage(error)
    except MegaBatchError as error:
        say_error(error.message)
        return exit_codes.of_error(error)
    except OSError as error:
        say_error(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        return exit_codes.FAILED
    return int(result or 0)


def _usage(error: click.ClickException) -> int:
    # The message may repeat an argument, and arguments may be SAS URLs: `say` hides their secrets.
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage())
    say_error(error.format_message())
    return exit_codes.USAGE if isinstance(error, click.UsageError) else exit_codes.FAILED


def main() -> None:
    """The console script."""
    write_anything()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
