"""The command `megabatch`: its groups, and the one place where errors become exit codes.

0 all is well; 2 the command or the request cannot be understood; 3 something failed; 4 the job
completed, but single images failed; 5 the job was cancelled; 6 the service, or a part that it
needs, cannot be reached; 130 interrupted.
"""

import sys
from collections.abc import Sequence

import click

from cli import demo, jobs, models, secret_key, serve
from cli.progress import EXIT_FAILED
from cli.terminal import say, say_error
from core.errors import InvalidRequest, MegaBatchError, Unavailable

EXIT_USAGE, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 2, 6, 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.pass_context
def megabatch(context: click.Context) -> None:
    """Find animals, people and vehicles in camera-trap images.

    Start a system on this machine with `megabatch serve`, or name a running one with --service or
    MEGABATCH_SERVICE; then submit jobs to it.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    *(jobs.submit, jobs.status, jobs.list_jobs, jobs.wait, jobs.cancel, jobs.results),
    *(serve.serve, demo.demo, models.models, secret_key.secret_key),
):
    megabatch.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Returns its exit code; never raises what a user can cause."""
    try:
        result = megabatch.main(list(arguments), prog_name="megabatch", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        return _usage(error)
    except MegaBatchError as error:
        say_error(error.message)
        return _exit_code(error)
    except OSError as error:
        say_error(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        return EXIT_FAILED
    return int(result or 0)


def _usage(error: click.ClickException) -> int:
    # The message may repeat an argument, and arguments may be SAS URLs: `say` hides their secrets.
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage())
    say_error(error.format_message())
    return EXIT_USAGE if isinstance(error, click.UsageError) else EXIT_FAILED


def _exit_code(error: MegaBatchError) -> int:
    if isinstance(error, Unavailable):
        return EXIT_UNREACHABLE
    return EXIT_USAGE if isinstance(error, InvalidRequest) else EXIT_FAILED


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
