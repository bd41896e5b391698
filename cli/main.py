"""The command `megabatch`: its groups, and the one place where errors become exit codes."""

import sys
from collections.abc import Sequence

import click

from cli import exit_codes
from cli.lazy import LazyCommand
from cli.terminal import open_standard_streams, program, say, say_error, told_of, write_anything
from core.errors import MegaBatchError

#: Name, where it is, its short help, and the extra that all of it needs.
COMMANDS = (
    ("submit", "cli.submit:submit", "Submit a job over the images of CONTAINER."),
    ("retry-failed", "cli.retry:retry_failed", "Try the failed images of the job ID again."),
    ("status", "cli.jobs:status", "Show how far the job ID is."),
    ("jobs", "cli.jobs:list_jobs", "List jobs, newest first."),
    ("wait", "cli.jobs:wait", "Wait until the job ID has ended."),
    ("cancel", "cli.jobs:cancel", "Cancel the job ID."),
    ("results", "cli.jobs:results", "Download the results file of the job ID."),
    ("delete", "cli.deletion:delete", "Delete the job ID, with all that it owns."),
    (
        "container-url",
        "cli.renewal:renew_container",
        "Give the job ID a fresh SAS URL of its container.",
    ),
    ("link", "cli.links:link", "Make a link to the job ID."),
    ("links", "cli.links:list_links", "List the links of the job ID."),
    ("priority", "cli.order:priority", "Put the job ID before those with a lower priority than N."),
    ("webhooks", "cli.webhooks:list_webhooks", "Show what the webhook of the job ID was told."),
    (
        "webhook-secret",
        "cli.webhooks:webhook_secret",
        "Print the secret that signs what your webhooks are told.",
    ),
    (
        "detect",
        "cli.detect:detect",
        "Find animals, people and vehicles in images on this machine.",
        "detect",
    ),
    (
        "video",
        "cli.video:video",
        "Find animals, people and vehicles in videos on this machine.",
        "detect",
    ),
    ("post", "cli.post.group:post", "Tools that work on a results file."),
    ("models", "cli.weights:models", "Known models, and their files on this machine."),
    (
        "serve",
        "cli.serve:serve",
        "Run the whole system on this machine: Redis, API, workers.",
        "serve",
    ),
    ("demo", "cli.demo:demo", "Try everything on five real photographs.", "serve"),
    ("api", "cli.programs:api", "Run the HTTP API alone.", "api"),
    ("worker", "cli.programs:worker", "Run one worker alone.", "worker"),
    (
        "doctor",
        "cli.doctor.command:doctor",
        "Examine what a service needs, as seen from here.",
        "service",
    ),
    ("keys", "cli.keys:keys", "API keys: who may use a service.", "service"),
    ("usage", "cli.usage:usage", "Tell what a service did in a month, and for whom.", "service"),
    (
        "secret-key",
        "cli.secret_key:secret_key",
        "Print a new key for MEGABATCH_SECRET_KEYS.",
        "service",
    ),
    (
        "mend",
        "cli.mend:mend",
        "Mend a copy of a storage before a service starts on it.",
        "service",
    ),
    (
        "reseal",
        "cli.reseal:reseal",
        "Seal what a service keeps with its newest key.",
        "service",
    ),
)


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
    from importlib import metadata  # a tenth of the time that `--help` takes

    try:
        return metadata.version("megabatch")
    except metadata.PackageNotFoundError:
        return "from a checkout that is not installed"


for row in COMMANDS:
    megabatch.add_command(LazyCommand(*row))


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
        say_error(told_of(error))
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
    open_standard_streams()
    write_anything()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
