"""`megabatch keys`: who may use a service. Works on its storage, whether it runs or not."""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cli.data_folder import DATA_FOLDER, VARIABLE, DataFolder, data_option
from cli.problems import API_KEY
from cli.storage_source import storage_settings
from cli.terminal import new_table, print_table, program, say
from core.config import Settings
from core.keys import KEY_SECONDS, Key, Scope, checked_scopes, only_here

if TYPE_CHECKING:
    from core.key_ring import KeyRing

_DEFAULT_SCOPES = (Scope.SUBMIT, Scope.READ)


@click.group()
def keys() -> None:
    """API keys: who may use a service.

    As long as there is none, the service answers only requests from its own machine. The clients
    here send the key that MEGABATCH_API_KEY holds.
    """


@keys.command()
@click.option("--caller", help="Whom the key is for. All keys of one caller share its jobs.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What the key allows; can be given several times. [default: submit and read]",
)
@click.option(
    "--legacy-caller",
    "legacy",
    metavar="CALLER",
    help="Let the API of 2019 take jobs of this caller instead. It asks for the name and no key, "
    "so the name is all that protects it.",
)
@data_option
def create(
    caller: str | None, scopes: tuple[str, ...], legacy: str | None, data_folder: Path | None
) -> None:
    """Make a key, and print it this once: only a hash is kept.

    The scope `read` shows jobs and results, `submit` starts, changes and deletes jobs, and `admin`
    is both for everybody's jobs, and puts them in order.
    """
    if (caller is None) == (legacy is None):
        raise click.UsageError("Give --caller, or --legacy-caller.")
    if legacy is not None and scopes:
        raise click.UsageError("A --legacy-caller has no key, and so no --scope.")
    ring = _ring_of(data_folder)
    if legacy is not None:
        ring.allow_legacy(legacy)
        say(f"The API of 2019 takes jobs of {legacy} within {KEY_SECONDS:g} s.")
        return
    text = ring.create(caller or "", checked_scopes(scopes) or _DEFAULT_SCOPES)
    say(f"A key for {caller}. It is not shown again; put it into MEGABATCH_API_KEY.")
    click.echo(text)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@data_option
def list_keys(as_json: bool, data_folder: Path | None) -> None:
    """List the keys by their ids, and the callers of the API of 2019."""
    ring = _ring_of(data_folder)
    found, legacy = ring.keys(), ring.legacy_callers()
    if as_json:
        told = {"keys": [_fields(key) for key in found], "legacy_callers": legacy}
        click.echo(msgspec.json.encode(told))
        return
    if not found:
        say("No keys yet: the service answers only requests from its own machine.")
    else:
        table = new_table("ID", "CALLER", "SCOPES", "CREATED (UTC)")
        for key in found:
            table.add_row(key.id, key.caller, ", ".join(key.scopes), _minute(key))
        print_table(table)
    if legacy:
        say(f"Callers of the API of 2019: {', '.join(legacy)}")


@keys.command()
@click.argument("key_id", metavar="ID")
@data_option
def revoke(key_id: str, data_folder: Path | None) -> None:
    """Revoke the key whose ID is, or starts, so. Jobs of its caller stay."""
    ring = _ring_of(data_folder)
    key = ring.revoke(key_id)
    say(f"Revoked {key.id} of {key.caller}. It works for {KEY_SECONDS:g} s more at most.")
    if ring.is_empty():
        say("That was the last one: the service answers only requests from its own machine now.")


@keys.command("forbid-legacy")
@click.argument("caller")
@data_option
def forbid_legacy(caller: str, data_folder: Path | None) -> None:
    """Let the API of 2019 take no more jobs of CALLER. Those that it took go on."""
    ring = _ring_of(data_folder)
    if caller not in ring.legacy_callers():
        raise click.UsageError(
            f"{caller} is no caller of the API of 2019; see `megabatch keys list`."
        )
    ring.forbid_legacy(caller)
    say(f"The API of 2019 takes no more jobs of {caller} in {KEY_SECONDS:g} s at the latest.")


def _ring_of(data_folder: Path | None) -> "KeyRing":
    """The keys of the service that is meant. Raises click.UsageError when none is, or two are."""
    return _opened(storage_settings(data_folder, os.environ, "Whose keys?"))


def advice(host: str, folder: DataFolder, environ: Mapping[str, str]) -> Iterator[str]:
    """What `serve` says of keys when it listens at `host`. Raises JobFolderTrouble."""
    url = environ.get(VARIABLE, "").strip()
    if not _opened(Settings(storage_url=url or folder.storage.as_uri())).is_empty():
        yield f"It asks for API keys; commands here take yours from {API_KEY}."
    elif not only_here(host):
        default = url or folder.path == DATA_FOLDER.resolve()
        at = "" if default else f" --data {shlex.quote(str(folder.path))}"
        yield "Nobody else may use it until there is an API key. Make one with"
        yield f"                {program()} keys create --caller NAME{at}"


def _fields(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "caller": key.caller,
        "scopes": key.scopes,
        "created_at": key.created_at,
    }


def _minute(key: Key) -> str:
    return f"{key.created_at:%Y-%m-%d %H:%M}"


def _opened(settings: Settings) -> "KeyRing":
    # Storage is a heavy library, which the commands that talk HTTP do without.
    from core.key_ring import open_key_ring

    return open_key_ring(settings)
